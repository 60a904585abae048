"""Marks that differ in colour and in shape, and the scale that places them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, pi, sin

from visdm.drawing.markup import Markup, svg, tag

COLOURS = 8
SHAPES = ("circle", "square", "triangle", "diamond", "down", "plus", "cross", "hexagon")

_CORNERS = {
    "square": (4, 45, 1.25),
    "triangle": (3, -90, 1.35),
    "diamond": (4, 0, 1.3),
    "down": (3, 90, 1.35),
    "hexagon": (6, 0, 1.15),
}
"""Corners, the first one's angle in degrees, and the radius at which shapes look equal."""


def mark(shape: str, x: float, y: float, r: float) -> str:
    """Return the path of a shape around (x, y); all shapes of one `r` look equally large."""
    if shape == "circle":
        r = round(r, 1)  # else two rounded arcs do not make a circle
        arc = f"a{r:.1f} {r:.1f} 0 1 0"
        return f"M{x - r:.1f} {y:.1f}{arc} {2 * r:.1f} 0{arc} {-2 * r:.1f} 0z"
    if shape in _CORNERS:
        count, first, size = _CORNERS[shape]
        angles = [first * pi / 180 + 2 * pi * k / count for k in range(count)]
        dots = [(cos(angle) * r * size, sin(angle) * r * size) for angle in angles]
    else:
        dots = _cross(r, 45 if shape == "cross" else 0)
    return "M" + "L".join(f"{x + dx:.1f} {y + dy:.1f}" for dx, dy in dots) + "z"


def _cross(r: float, degrees: float) -> list[tuple[float, float]]:
    """Return the twelve corners of a plus sign, turned."""
    arm, half, turn = 1.25 * r, 0.42 * r, degrees * pi / 180
    quarter, corners = [(half, -arm), (half, -half), (arm, -half)], []
    for _ in range(4):
        corners += quarter
        quarter = [(-y, x) for x, y in quarter]
    return [(x * cos(turn) - y * sin(turn), x * sin(turn) + y * cos(turn)) for x, y in corners]


def icon(key: str, shape: str, class_: str, meaning: str, r: float = 6) -> Markup:
    """Draw one mark for a legend."""
    side = 2 * ceil(1.35 * r)
    path = tag("path", d=mark(shape, side / 2, side / 2, r), class_=class_)
    return svg(key, (side, side), f"{shape} mark", meaning, path, class_="icon")


def style_of(place: int) -> tuple[str, str]:
    """Return the CSS class and the shape of the asset at `place` of the summary."""
    return f"c{place % COLOURS}", SHAPES[(place + place // COLOURS) % len(SHAPES)]


@dataclass(frozen=True)
class Scale:
    """Maps low..high to start..end; all to the middle where low is high."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, number: float) -> float:
        """Return where a number lies."""
        span = self.high - self.low
        part = (number - self.low) / span if span else 0.5
        return self.start + part * (self.end - self.start)
