"""Conditions on single images, as `sharpness>=50`, and how many images of an asset meet them.

A table with a row per image gives that share exactly. A summary gives bounds that hold
whatever the images are, and a guess between them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import erf, isfinite, prod, sqrt
from typing import TYPE_CHECKING, Any

from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

QUALITY = (
    *("brightness", "contrast", "sharpness", "entropy"),
    *("colorfulness", "noise", "compression"),
)
NUMBERS = ("width", "height", "channels", "bytes", *QUALITY)
WORDS = ("mode", "class")
RELATIONS = (">=", "<=", "!=", "=", ">", "<")
_WRITTEN = re.compile(r"\s*([a-z_]+)\s*(>=|<=|!=|=|>|<)\s*(.*?)\s*")


@dataclass(frozen=True)
class Share:
    """A share of images, 0 to 1: surely not below `least` nor above `most`, and a guess."""

    least: float
    likely: float
    most: float

    @classmethod
    def exactly(cls, share: float) -> Share:
        """Return a share that is known."""
        return cls(share, share, share)

    @property
    def known(self) -> bool:
        """Whether it is no guess."""
        return self.least == self.most

    @property
    def other(self) -> Share:
        """The share of the images that are not in this one."""
        return Share(1 - self.most, 1 - self.likely, 1 - self.least)


ROUNDED = 0.001
"""What summaries tell has three decimals."""

UNKNOWN = Share(0.0, 0.0, 1.0)
"""Nothing is told: that images meet a condition is not taken for granted."""


@dataclass(frozen=True)
class Condition:
    """What an image must meet: `value` is a number, or a word for `WORDS`."""

    column: str
    relation: str
    value: float | str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read `sharpness>=50` or `mode=RGB`. Raises `InputError` naming what is at fault."""
        written = _WRITTEN.fullmatch(text)
        if not written:
            raise InputError(f"{text!r} is no condition", hint="write one as sharpness>=50")
        column, relation, value = written.groups()
        if column in WORDS:
            if relation not in {"=", "!="} or not value:
                raise InputError(
                    f"{text!r} compares words", hint=f"write {column}=VALUE or {column}!=VALUE"
                )
            return cls(column, relation, value)
        if column not in NUMBERS:
            known = ", ".join((*NUMBERS, *WORDS))
            raise InputError(
                f"{text!r} names no column of the public tables", hint=f"there are {known}"
            )
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not isfinite(number):
            raise InputError(f"{text!r}: {value!r} is no number", hint="write one as sharpness>=50")
        return cls(column, relation, number)

    def __str__(self) -> str:
        value = self.value if isinstance(self.value, str) else f"{self.value:g}"
        return f"{self.column}{self.relation}{value}"

    def share(self, summary: Mapping[str, Any], samples: int) -> Share:
        """Return how many of `samples` images meet it, from what a checked summary tells."""
        if isinstance(self.value, str):
            counts = summary.get("class_counts" if self.column == "class" else "modes")
            met = _counted(counts, self.value, samples)
            return met if self.relation == "=" else met.other
        if self.relation in {"=", "!="}:
            met = _equal(_ends(summary, self.column), self.value)
            return met if self.relation == "=" else met.other
        below = self.relation.startswith("<")
        # Of numbers that are measured, how many are exactly at the bound cannot be told apart.
        closed = self.relation in {">=", "<"}
        reached = _reaching(summary, self.column, self.value, samples, closed=closed)
        return reached.other if below else reached


def all_met(shares: Sequence[Share]) -> Share:
    """Return how many images meet all of several conditions (Fréchet's bounds).

    The guess takes the conditions for independent of each other.
    """
    least = max(0.0, sum(share.least for share in shares) - (len(shares) - 1))
    most = min((share.most for share in shares), default=1.0)
    likely = prod(share.likely for share in shares)
    return Share(least, min(max(likely, least), most), most)


def _counted(counts: Mapping[str, int] | None, value: str, samples: int) -> Share:
    """Return the share of one word; words that few images have may be left out of `counts`."""
    if counts is None or samples == 0:
        return UNKNOWN
    if value in counts:
        return Share.exactly(min(counts[value] / samples, 1.0))
    untold = max(samples - sum(counts.values()), 0) / samples
    return Share(0.0, 0.0, untold)


def _equal(ends: tuple[float, float] | None, value: float) -> Share:
    if ends is None:
        return UNKNOWN
    if not ends[0] <= value <= ends[1]:
        return Share.exactly(0.0)
    return Share.exactly(1.0) if ends[0] == ends[1] else UNKNOWN


def _ends(summary: Mapping[str, Any], column: str) -> tuple[float, float] | None:
    """Return the least and the most of a column, where they are told."""
    if column in {"width", "height"} and column in summary:
        return float(summary[column][0]), float(summary[column][1])
    deciles = summary.get("quality", {}).get(column, {}).get("deciles")
    return (float(deciles[0]), float(deciles[-1])) if deciles else None


def _reaching(
    summary: Mapping[str, Any], column: str, value: float, samples: int, *, closed: bool
) -> Share:
    """Return the share of images at `value` or above (`closed`), or above it."""
    if column in {"width", "height"} and (ends := _ends(summary, column)):
        if value < ends[0] or (closed and value == ends[0]):
            return Share.exactly(1.0)
        if value > ends[1] or (not closed and value == ends[1]):
            return Share.exactly(0.0)
    measure = summary.get("quality", {}).get(column)
    if measure is None:
        return UNKNOWN
    if "deciles" in measure and samples:
        return _above_deciles([float(each) for each in measure["deciles"]], value, 1 / samples)
    return _above_moments(float(measure["mean"]), float(measure["std"]), value, closed=closed)


def _above_deciles(deciles: Sequence[float], value: float, step: float) -> Share:
    """Between two deciles the guess goes in a straight line, and the bounds are theirs.

    A decile may lie between two images, so the bounds are one image (`step`) wider; and what is
    told is rounded, so that a value as good as a decile counts as on either side of it.
    """
    last = len(deciles) - 1
    passed = sum(each < value - ROUNDED for each in deciles)
    reached = sum(each <= value + ROUNDED for each in deciles)
    place = min(max(passed - 1, 0), last - 1)
    low, high = deciles[place], deciles[place + 1]
    part = min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.5
    least = 1.0 if reached == 0 else max(1 - min(reached, last) / last - step, 0.0)
    most = 0.0 if passed > last else min(1 - max(passed - 1, 0) / last + step, 1.0)
    return Share(least, min(max(1 - (place + part) / last, least), most), most)


def _above_moments(mean: float, deviation: float, value: float, *, closed: bool) -> Share:
    """Cantelli's inequality bounds it for any distribution; the guess takes a normal one."""
    if abs(value - mean) <= ROUNDED:
        alike = 1.0 if closed else 0.0
        return Share(0.0, 0.5 if deviation > ROUNDED else alike, 1.0)
    steps = (value - mean) / (deviation + ROUNDED)
    likely = (1 - erf(steps / sqrt(2))) / 2
    if steps <= 0:
        return Share(steps**2 / (1 + steps**2), likely, 1.0)
    return Share(0.0, likely, 1 / (1 + steps**2))
