"""The metadata map, and the values and rewards, as inline SVG."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING

from visdm.demo.summary import brief
from visdm.drawing.marks import Scale, mark, style_of
from visdm.drawing.markup import Markup, anchor_at, short, svg, tag, upright, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visdm.demo.summary import AssetLine, Point, Summary

MAX_POINTS = 2_000
MAX_CLASS_NAMES = 20
LETTER = 16
"""Height of a class's name on the map."""


def thin(points: Sequence[Point], limit: int = MAX_POINTS) -> list[Point]:
    """Keep about `limit` points: evenly out of each asset's, and at least one of each."""
    by_asset: dict[int, list[Point]] = {}
    for point in points:
        if isfinite(point.x) and isfinite(point.y):
            by_asset.setdefault(point.asset, []).append(point)
    total = sum(map(len, by_asset.values()))
    kept = []
    for own in by_asset.values():
        quota = len(own) if total <= limit else max(1, len(own) * limit // total)
        kept += [own[k * len(own) // quota] for k in range(quota)]
    return kept


def map_picture(summary: Summary) -> Markup:
    """Draw a mark per image, its colour and shape by asset, and the classes' names."""
    width, height, edge = 480, 400, 12
    points = thin(summary.points)
    xs, ys = [p.x for p in points] or [0.0], [p.y for p in points] or [0.0]
    across = Scale(min(xs), max(xs), edge, width - edge)
    down = Scale(min(ys), max(ys), height - edge, edge)
    counts = Counter(p.asset for p in points)
    told = ", ".join(f"{line.supplier} {counts[line.asset]}" for line in summary.assets)
    return svg(
        "map",
        (width, height),
        "Metadata map",
        f"A mark per image, near others with similar metadata. Marks drawn: {told}.",
        *_dots(points, summary.assets, across, down),
        *_class_names(points, across, down),
    )


def _dots(
    points: Sequence[Point], assets: Sequence[AssetLine], across: Scale, down: Scale
) -> list[Markup]:
    """Draw the points class by class, so that no supplier covers the others everywhere."""
    styles = {line.asset: (*style_of(k), f"a{k}") for k, line in enumerate(assets)}
    names = {line.asset: line.supplier for line in assets}
    paths: dict[tuple[str, int], list[str]] = {}
    for p in points:
        shape = styles.get(p.asset, ("", "circle"))[1]
        paths.setdefault((p.label, p.asset), []).append(mark(shape, across(p.x), down(p.y), 3.1))
    drawn = []
    for (label, asset), dots in sorted(paths.items()):
        colour, _, own = styles.get(asset, ("other", "", ""))
        title = f"{names.get(asset, f'asset {asset}')}, class {label}: {len(dots)} drawn"
        path = tag("path", d="".join(dots), class_=f"dots {colour} {own}")
        drawn.append(tag("g", tag("title", title), path))
    return drawn


def _class_names(points: Sequence[Point], across: Scale, down: Scale) -> list[Markup]:
    """Write the most frequent classes' names where the middle of their images is."""
    by_class: dict[str, list[Point]] = {}
    for p in points:
        by_class.setdefault(p.label, []).append(p)
    frequent = sorted(by_class, key=lambda label: (-len(by_class[label]), label))
    placed: list[tuple[float, float, str]] = []
    for label in frequent[:MAX_CLASS_NAMES]:
        x = across(median(p.x for p in by_class[label]))
        y = down(median(p.y for p in by_class[label])) + 6
        name = short(label, 14)
        while any(
            abs(y - other) < LETTER and abs(x - near) < LETTER / 3 * (len(name) + len(text))
            for near, other, text in placed
        ):
            y += LETTER / 4
        placed.append((x, y, name))
    return [words(x, y, name, "halo", "middle") for x, y, name in placed]


def bars_picture(assets: Sequence[AssetLine], equal: float) -> Markup:
    """Draw a bar per asset, as long as its value, with a mark at the `equal` share."""
    width, top, row = 480, 34, 68
    longest = max([equal, *(line.value for line in assets)]) * 1.04
    scale = Scale(0, longest or 1, 0, width)
    at = scale(equal)
    body = [words(at, 14, f"equal share {equal:.1%}", "small", anchor_at(at, width))]
    for place, line in enumerate(assets):
        y, (colour, shape) = top + place * row, style_of(place)
        note = f" · {line.note}" if line.note else ""
        told = f"value {line.value:.1%} · {line.samples:,} samples{note}"
        body += [
            tag("path", d=mark(shape, 8, y + 7, 5.5), class_=colour),
            words(22, y + 12, short(line.supplier, 28), "name"),
            words(width, y + 12, brief(line.reward), "name", "end"),
            tag("rect", x=0, y=y + 20, width=width, height=14, rx=2, class_="track"),
            tag(
                "rect",
                x=0,
                y=y + 20,
                width=f"{max(scale(line.value), 0):.1f}",
                height=14,
                rx=2,
                class_=colour,
            ),
            upright(at, y + 16, y + 38, "equal"),
            words(0, y + 51, short(told, 62), "small"),
        ]
    told = "; ".join(
        f"{line.supplier}: value {line.value:.1%}, reward {brief(line.reward)}" for line in assets
    )
    size = (width, top + row * len(assets))
    return svg("bars", size, "Values and rewards by supplier", f"{told}.", *body)
