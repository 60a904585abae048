"""The markup that pages and their pictures are made of.

Names and labels come from users and strangers. Markup is therefore only made by `tag`,
which escapes every plain string handed to it: what is not a `Markup` is text.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from unicodedata import category

if TYPE_CHECKING:
    from collections.abc import Iterable

SVG = "http://www.w3.org/2000/svg"

_VOID = {"meta", "input", "path", "line", "rect"}
_TURNING = set("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Markup(str):
    """Text that is markup already and must not be escaped again."""

    __slots__ = ()


def clean(text: str) -> str:
    """Replace what no document may hold, and what turns the reading order around."""
    return "".join(
        "\ufffd" if category(sign) in {"Cc", "Cs", "Cn"} or sign in _TURNING else sign
        for sign in text
    )


def short(text: str, length: int) -> str:
    """Cut a text to `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def join(parts: Iterable[str]) -> Markup:
    """Put parts together, escaping those that are not markup."""
    return Markup(
        "".join(part if isinstance(part, Markup) else escape(clean(part)) for part in parts)
    )


def tag(name: str, /, *children: str, **attributes: object) -> Markup:
    """Write an element, well-formed in HTML and XML alike; all but `Markup` is escaped.

    An attribute's trailing underscore is dropped and others become hyphens; None leaves it out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(clean(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def svg(
    key: str, size: tuple[float, float], title: str, desc: str, *body: str, class_: str = "picture"
) -> Markup:
    """Write a picture of `size` that tells its name and content to those who cannot see it.

    `key` is its id, unique on the page.
    """
    return tag(
        "svg",
        tag("title", title, id=f"{key}-title"),
        tag("desc", desc, id=f"{key}-desc"),
        *body,
        xmlns=SVG,
        id=key,
        viewBox=f"0 0 {size[0]:g} {size[1]:g}",
        width=f"{size[0]:g}",
        height=f"{size[1]:g}",
        class_=class_,
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def words(x: float, y: float, text: str, class_: str, anchor: str = "start") -> Markup:
    """Write text inside a picture, `anchor`ed at (x, y)."""
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", class_=class_, text_anchor=anchor)


def upright(x: float, top: float, bottom: float, class_: str) -> Markup:
    """Draw a vertical line."""
    return tag(
        "line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=f"{top:.1f}", y2=f"{bottom:.1f}", class_=class_
    )


def anchor_at(x: float, width: float) -> str:
    """Return how to anchor a text at `x` so that it stays within `width`."""
    if x < width / 4:
        return "start"
    return "end" if x > width * 3 / 4 else "middle"
