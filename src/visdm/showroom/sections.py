"""The page's sections: what is told, classes, sizes, quality, histogram, repeats, columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visdm.domain.columns import OFFLINE
from visdm.drawing.markup import Markup, short, svg, tag
from visdm.drawing.parts import counted, section, table_of
from visdm.showroom.charts import (
    MAX_BARS,
    SHADES,
    UNNAMED,
    classes_picture,
    distribution_picture,
    histogram_picture,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.showroom.extremes import Ends
    from visdm.showroom.pictured import Pictured

MAX_GROUPS = 20
MAX_IN_GROUP = 8
MAX_ROWS = 1_000

_MEANINGS = {column.name: column for column in OFFLINE}

CAN = (
    "how many images there are, of which classes, how large, how bright, sharp, colourful, noisy",
    "how often each grey and each red, green and blue is in an image, but not where",
    "by the hashes, whether two images are nearly the same, and whether the reader's own is here",
    "where an image is light, dark or coloured, about as in a thumbnail of 8 x 8 pixels",
    "the names of files and folders, as they are in the source",
)
CANNOT = (
    "the images: no pixel and no thumbnail is in the three files",
    "detail finer than about an eighth of an image's side, such as writing or a face in a crowd",
    "where, when and with what an image was taken: EXIF is not read",
)


def told() -> Markup:
    """Say plainly what a reader can tell of the images and what not."""
    return section(
        "told",
        "What a reader of these files can tell, and what not",
        tag("p", "Whoever has all three files can tell:", class_="soft"),
        tag("ul", *(tag("li", line) for line in CAN), class_="told"),
        tag("p", "They cannot tell:", class_="soft"),
        tag("ul", *(tag("li", line) for line in CANNOT), class_="told"),
        tag(
            "p",
            "Images of few pixels, or of few colours in few shapes, are given away nearly whole. "
            "This page alone tells less than the table: figures of all images together, and of "
            "single ones their path, their place on the map and whether they are at an end of a "
            "measure.",
            class_="soft",
        ),
    )


def classes(summary: Mapping[str, Any]) -> Markup:
    """Show the images of each class, and how even they are."""
    counts = summary["class_counts"]
    parts = [tag("figure", classes_picture(counts))]
    if len(counts) > 1:
        least, most = min(counts.values()), max(counts.values())
        text = (
            f"The classes have {least:,} to {most:,} images. Their balance is "
            f"{summary['balance']:.0%}: 100% where all have as many."
        )
        parts.insert(0, tag("p", text, class_="soft"))
    if len(counts) > MAX_BARS:
        ordered = sorted(counts, key=lambda label: (-counts[label], label))[:MAX_ROWS]
        rows = [[label or UNNAMED, f"{counts[label]:,}"] for label in ordered]
        table = table_of("", ["class", "images"], rows, numbers={1})
        parts.append(tag("details", tag("summary", f"All {len(counts):,} classes"), table))
    return section("classes", "Classes", *parts)


def sizes(summary: Mapping[str, Any]) -> Markup:
    """Show how large images and files are."""
    wide, high = summary["width"], summary["height"]
    rows = [
        ["width, pixels", f"{wide[0]:,}", f"{wide[1]:,}"],
        ["height, pixels", f"{high[0]:,}", f"{high[1]:,}"],
    ]
    modes = [[mode, f"{number:,}"] for mode, number in summary["modes"].items()]
    parts = [
        table_of("", ["", "least", "most"], rows, numbers={1, 2}),
        table_of("", ["pixel format", "images"], modes, numbers={1}),
        tag(
            "p",
            f"The files have {summary['bytes']:,} bytes together. "
            f"{counted(summary['ignored'], 'file')} that no image is named like, and "
            f"{counted(summary['left_out'], 'image')} that cannot be used, are left out.",
            class_="soft",
        ),
    ]
    return section("sizes", "Sizes", *parts)


def quality(summary: Mapping[str, Any], ends: Mapping[str, Ends], pictured: Pictured) -> Markup:
    """Show how each measure is distributed, and which images are at its ends."""
    cards = []
    for name, found in summary["quality"].items():
        column, deciles = _MEANINGS[name], found["deciles"]
        low, high = amount(deciles[0]), amount(deciles[-1])
        parts = [
            tag("h3", f"{name}: {amount(found['mean'])} in the mean"),
            tag("p", f"In {column.unit}: {column.meaning}.", class_="soft"),
            distribution_picture(name, pictured.distributions[name], low, high),
            _ends(*ends[name]),
        ]
        cards.append(tag("div", *parts))
    text = "The images at either end of each measure are named by their paths."
    grid = tag("div", *cards, class_="small-multiples")
    return section("quality", "Quality", tag("p", text, class_="soft"), grid)


def _ends(low: Sequence[tuple[float, str]], high: Sequence[tuple[float, str]]) -> Markup:
    lines = [
        tag(
            "li",
            tag("span", "" if place else what),
            tag("code", short(path, 90)),
            tag("b", amount(value)),
        )
        for what, some in (("highest", high), ("lowest", low))
        for place, (value, path) in enumerate(some)
    ]
    return tag("ul", *lines, class_="ends")


def histogram(summary: Mapping[str, Any]) -> Markup:
    """Show how often each grey and colour is."""
    keys = []
    for name in SHADES:
        line = tag("path", d="M0 6h34", class_="area" if name == "grey" else f"line {name}")
        mark = svg(
            f"key-{name}",
            (34, 12),
            f"line of {name}",
            f"how often each {name} is",
            line,
            class_="key",
        )
        keys.append(tag("li", mark, name))
    text = (
        "How often each level is, 0 to 255, in all images together; each image weighs the same. "
        "Peaks of the darkest and lightest may be cut off."
    )
    figure = tag(
        "figure",
        histogram_picture(summary["histograms"]),
        tag("ul", *keys, class_="legend keys"),
        tag("figcaption", text),
    )
    return section("histogram", "Greys and colours", figure)


def repeats(summary: Mapping[str, Any], groups: Sequence[Sequence[str]]) -> Markup:
    """Show which images are nearly the same."""
    exact = counted(summary["duplicates"], "image")
    parts = [tag("p", f"{exact} repeat an earlier one to the pixel.")]
    if groups:
        shown = groups[:MAX_GROUPS]
        items = []
        for group in shown:
            names: list[str] = []
            for path in group[:MAX_IN_GROUP]:
                names += [tag("code", path), ", "]
            more = len(group) - MAX_IN_GROUP
            items.append(tag("li", *(names[:-1] if more <= 0 else [*names, f"{more:,} more"])))
        text = f"{counted(summary['near_duplicates'], 'image')} nearly repeat an earlier one."
        if len(groups) > len(shown):
            text += f" The {len(shown)} largest of {len(groups):,} groups:"
        parts += [tag("p", text), tag("ul", *items, class_="groups")]
    elif "near_duplicates" in summary:
        parts.append(tag("p", "No image nearly repeats another."))
    return section("repeats", "Images that repeat each other", *parts)


def columns() -> Markup:
    """Say what each column of the table means."""
    rows = [[column.name, column.unit or "-", column.meaning] for column in OFFLINE]
    table = table_of("", ["column", "unit", "what it says of an image"], rows)
    text = "images.parquet has a row per image, in the order of the source, with these columns."
    return section("columns", "What each column means", tag("p", text, class_="soft"), table)


def amount(value: float) -> str:
    """Write a measure: whole where it is large."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"  # noqa: PLR2004 - three digits
