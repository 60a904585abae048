"""The page that people read: what the images are like, and what is told of them and what not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.drawing.document import document
from visdm.drawing.marks import icon
from visdm.drawing.markup import Markup, tag
from visdm.drawing.parts import NONE, counted, section
from visdm.showroom import sections
from visdm.showroom.charts import OTHERS, UNNAMED, map_picture, styles
from visdm.showroom.place import GENERATOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.showroom.extremes import Ends
    from visdm.showroom.pictured import Pictured, Spot

_RULES = """
.small-multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr));
  gap: 26px 34px; margin-top: 16px; }
.small-multiples h3 { margin: 0; font-size: 16px; }
.small-multiples p { margin: 0 0 8px; }
.small-multiples .picture { max-width: none; }
.ends { margin: 8px 0 0; padding: 0; list-style: none; font-size: 13.5px; }
.ends li { display: flex; gap: 8px; padding: 1px 0; }
.ends span { flex: none; min-width: 3.6em; color: var(--soft); }
.ends code { flex: 1; }
.ends b { font-weight: 600; font-variant-numeric: tabular-nums; }
code { font: 13px ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.axis { stroke: var(--soft); fill: none; }
.area { fill: var(--track); stroke: var(--ink); stroke-width: 1; }
.line { fill: none; stroke-width: 1.6; }
.red { stroke: var(--bad); stroke-dasharray: 7 3; }
.green { stroke: var(--good); stroke-dasharray: 2 3; }
.blue { stroke: var(--c0); }
.key { width: 34px; height: 12px; }
#classes, #histogram { max-width: 460px; margin: 0; }
.map .picture { max-width: 760px; }
.groups { padding-left: 1.3em; margin: 10px 0; }
.groups li { margin: 0 0 8px; }
.told { padding-left: 1.2em; margin: 0; max-width: 68ch; }
.told li { margin: 0 0 6px; }
td code { white-space: nowrap; }
"""


@dataclass(frozen=True)
class Shown:
    """All that the page shows: the summary, images at the ends, groups of near-duplicates."""

    summary: Mapping[str, Any]
    ends: Mapping[str, Ends]
    pictured: Pictured
    groups: Sequence[Sequence[str]] = ()


def page(shown: Shown) -> str:
    """Return the page; the same images give the same text."""
    counts = shown.summary["class_counts"]
    # A class whose images are all left out is told of, having no class only where an image has.
    summary = {**shown.summary, "class_counts": {k: n for k, n in counts.items() if k or n}}
    main = tag(
        "main",
        sections.told(),
        tag("div", sections.classes(summary), sections.sizes(summary), class_="pair"),
        sections.quality(summary, shown.ends, shown.pictured),
        tag(
            "div",
            sections.histogram(summary),
            sections.repeats(summary, shown.groups),
            class_="pair",
        ),
        _map(summary, shown.pictured.spots),
        sections.columns(),
    )
    rules = _RULES + "".join(
        f".map:has(#only-{key}:checked) .dots:not(.a{key}) {{ opacity: .05; }}\n"
        for key in (*range(len(styles(summary["class_counts"]))), "-other")
    )
    title = f"{summary['name']}: metadata of {counted(summary['samples'], 'image')}"
    return document(title, _header(summary), main, _footer(), rules=rules, generator=GENERATOR)


def _header(summary: Mapping[str, Any]) -> Markup:
    number = _classes(summary)
    classes = f" of {number:,} class{'' if number == 1 else 'es'}" if number else ""
    return tag(
        "header",
        tag("p", "ViSDM metadata: measured, not shown", class_="kind"),
        tag("h1", f"{summary['name']}: {counted(summary['samples'], 'image')}{classes}"),
        tag(
            "p",
            "What the images are like, told without one of them. Beside this page are the same "
            "measures image by image (",
            tag("code", "images.parquet"),
            ") and for search engines (",
            tag("code", "croissant.json"),
            ").",
            class_="lead",
        ),
        _tiles(summary),
    )


def _classes(summary: Mapping[str, Any]) -> int:
    return sum(1 for label in summary["class_counts"] if label)


def _tiles(summary: Mapping[str, Any]) -> Markup:
    counts = summary["class_counts"]
    mean = summary["bytes"] / summary["samples"]
    near = summary.get("near_duplicates")
    tiles = [
        ("images", f"{summary['samples']:,}"),
        ("classes", f"{_classes(summary):,}" if any(counts) else NONE),
        ("balance of classes", f"{summary['balance']:.0%}" if len(counts) > 1 else NONE),
        ("bytes, an image", f"{mean:,.0f}"),
        ("near-duplicates", NONE if near is None else f"{near:,}"),
        ("files left out", f"{summary['left_out']:,}"),
    ]
    return tag(
        "dl",
        *(tag("div", tag("dt", term), tag("dd", value)) for term, value in tiles),
        class_="tiles",
    )


def _map(summary: Mapping[str, Any], spots: Sequence[Spot]) -> Markup:
    explained = sum(summary["pca"]["explained"][:2])
    told = (
        "Each mark is an image; images with similar measures are near each other. The two "
        f"directions are the principal components, which hold {explained:.0%} of the variance."
    )
    if len(spots) < summary["samples"]:
        told += f" {len(spots):,} of {summary['samples']:,} images are drawn, evenly spread."
    counts = summary["class_counts"]
    legend = _chooser(counts) if len(counts) > 1 else Markup()
    figure = tag("figure", map_picture(spots, counts), legend, tag("figcaption", told))
    return section("map", "Which images are alike", figure, class_="map")


def _chooser(counts: Mapping[str, int]) -> Markup:
    """Make the legend, in which one class can be picked."""
    known = styles(counts)
    entries = [_choice("only-all", "all", checked="checked")]
    for place, (label, (colour, shape, _)) in enumerate(known.items()):
        dot = icon(f"dot-{place}", shape, colour, f"an image of class {label or UNNAMED}")
        entries.append(_choice(f"only-{place}", label or UNNAMED, dot))
    if len(counts) > len(known):
        dot = icon("dot-other", "circle", "other", f"an image of {OTHERS}")
        entries.append(_choice("only--other", OTHERS, dot))
    return tag("div", *entries, class_="legend", role="radiogroup", aria_label="Show images of")


def _choice(key: str, text: str, *dot: Markup, checked: str | None = None) -> Markup:
    button = tag("input", type="radio", name="only", id=key, checked=checked)
    return tag("label", button, *dot, tag("span", text))


def _footer() -> Markup:
    text = "Made by visdm metadata. This page loads nothing and runs no script."
    return tag("footer", tag("p", text))
