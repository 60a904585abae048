"""The page's pictures as inline SVG: bars of classes, distributions, histograms, the map."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from visdm.drawing.marks import Scale, mark, style_of
from visdm.drawing.markup import Markup, short, svg, tag, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.showroom.pictured import Spot

MAX_BARS = 20
MAX_STYLES = 12
"""Classes that have a mark of their own on the map; the smaller ones share one."""

SHADES = ("grey", "red", "green", "blue")
OTHERS = "other classes"
UNNAMED = "no class"

_WIDTH = 420


def classes_picture(counts: Mapping[str, int]) -> Markup:
    """Draw a bar for each of the largest classes, as long as it has images."""
    largest = sorted(counts, key=lambda label: (-counts[label], label))[:MAX_BARS]
    row, longest = 34, max(counts.values(), default=0) or 1
    body = []
    for place, label in enumerate(largest):
        y, long = place * row, counts[label] / longest * _WIDTH
        body += [
            words(0, y + 14, short(label or UNNAMED, 40), "label"),
            words(_WIDTH, y + 14, f"{counts[label]:,}", "name", "end"),
            tag("rect", x=0, y=y + 20, width=_WIDTH, height=7, rx=2, class_="track"),
            tag("rect", x=0, y=y + 20, width=f"{long:.1f}", height=7, rx=2, class_="c0"),
        ]
    told = "; ".join(f"{label or UNNAMED}: {counts[label]:,}" for label in largest)
    size = (_WIDTH, row * len(largest))
    return svg("classes", size, "Images by class", f"{told}.", *body)


def distribution_picture(name: str, counts: Sequence[int], low: str, high: str) -> Markup:
    """Draw how often the values of a measure are, from `low` at the left to `high`."""
    width, height, foot = 320, 84, 18
    tallest = max(counts) or 1
    step = width / len(counts)
    heights = [count / tallest * height for count in counts]
    bars = "".join(
        f"M{k * step + 0.5:.1f} {height}v{-max(tall, 1):.1f}h{step - 1:.1f}V{height}z"
        for k, tall in enumerate(heights)
        if counts[k]
    )
    half = next(k for k, done in enumerate(accumulate(counts)) if 2 * done >= sum(counts))
    told = f"From {low} to {high}; the middle image is in part {half + 1} of {len(counts)}."
    return svg(
        f"distribution-{name}",
        (width, height + foot),
        f"Distribution of {name}",
        told,
        tag("path", d=bars, class_="c0"),
        tag("path", d=f"M0 {height}h{width}", class_="axis"),
        words(0, height + 14, low, "small"),
        words(width, height + 14, high, "small", "end"),
    )


def histogram_picture(shares: Mapping[str, Sequence[float]]) -> Markup:
    """Draw how often each grey and each red, green and blue is, over all images."""
    width, height, foot = _WIDTH, 170, 18
    # The very dark and the very light are often many times all others: they may be cut off.
    inner = sorted(max(shares[name][k] for name in SHADES) for k in range(1, 255))
    top = 1.25 * inner[-5] or max(max(found) for found in shares.values()) or 1
    across, up = Scale(0, 255, 0, width), Scale(0, top, height, 2)

    def line(found: Sequence[float]) -> str:
        return "L".join(f"{across(k):.1f} {max(up(v), 2):.1f}" for k, v in enumerate(found))

    body = [tag("path", d=f"M0 {height}L{line(shares['grey'])}L{width} {height}z", class_="area")]
    body += [tag("path", d=f"M{line(shares[name])}", class_=f"line {name}") for name in SHADES[1:]]
    body += [
        tag("path", d=f"M0 {height}h{width}", class_="axis"),
        words(0, height + 14, "0, dark", "small"),
        words(width, height + 14, "255, light", "small", "end"),
    ]
    means = (
        f"{name} {sum(k * v for k, v in enumerate(shares[name])) / (sum(shares[name]) or 1):.0f}"
        for name in SHADES
    )
    told = f"Mean levels: {', '.join(means)}."
    return svg("histogram", (width, height + foot), "Histogram of all images", told, *body)


def styles(counts: Mapping[str, int]) -> dict[str, tuple[str, str, str]]:
    """Return, of the largest classes, the CSS class of colour, the shape and the own CSS class."""
    largest = sorted(counts, key=lambda label: (-counts[label], label))[:MAX_STYLES]
    return {label: (*style_of(place), f"a{place}") for place, label in enumerate(largest)}


def map_picture(spots: Sequence[Spot], counts: Mapping[str, int]) -> Markup:
    """Draw a mark per image, by the principal components; colour and shape tell its class."""
    width, height, edge = 640, 460, 12
    xs, ys = [spot.x for spot in spots] or [0.0], [spot.y for spot in spots] or [0.0]
    across = Scale(min(xs), max(xs), edge, width - edge)
    down = Scale(min(ys), max(ys), height - edge, edge)
    known, paths = styles(counts), dict[str, list[str]]()
    for spot in spots:
        label = spot.label if spot.label in known else OTHERS
        shape = known[label][1] if label in known else "circle"
        paths.setdefault(label, []).append(mark(shape, across(spot.x), down(spot.y), 3.1))
    drawn = []
    for label, dots in sorted(paths.items()):
        colour, _, own = known.get(label, ("other", "", "a-other"))
        title = tag("title", f"{label or UNNAMED}: {len(dots)} drawn")
        drawn.append(tag("g", title, tag("path", d="".join(dots), class_=f"dots {colour} {own}")))
    many = Counter(spot.label if spot.label in known else OTHERS for spot in spots)
    told = ", ".join(f"{label or UNNAMED} {number}" for label, number in sorted(many.items()))
    return svg("map", (width, height), "Map of the images", f"Marks drawn: {told}.", *drawn)
