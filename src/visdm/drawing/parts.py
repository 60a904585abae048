"""What pages are put together from: sections, tables, and the words they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.drawing.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NONE = "-"
"""What a table says where there is nothing."""


def counted(number: int, thing: str) -> str:
    """Write a number of things."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def section(key: str, title: str, *body: Markup, class_: str | None = None) -> Markup:
    """Make a section of the page; `key` is unique on it."""
    heading = tag("h2", title, id=f"about-{key}")
    return tag("section", heading, *body, class_=class_, aria_labelledby=f"about-{key}")


def table_of(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    total: Sequence[str] = (),
    numbers: Iterable[int] = (),
) -> Markup:
    """Make a table; the first column names its rows, columns `numbers` are right-aligned."""
    right = set(numbers)

    def row(cells: Sequence[str], scope: str) -> Markup:
        return tag(
            "tr",
            *(
                tag(
                    "th" if scope == "col" or not k else "td",
                    cell,
                    class_="number" if k in right else None,
                    scope=scope if scope == "col" or not k else None,
                )
                for k, cell in enumerate(cells)
            ),
        )

    return tag(
        "div",
        tag(
            "table",
            *([tag("caption", caption)] if caption else []),
            tag("thead", row(heads, "col")),
            tag("tbody", *(row(cells, "row") for cells in rows)),
            *([tag("tfoot", row(total, "row"))] if total else []),
        ),
        class_="table",
    )
