"""Values: what each asset contributed to a result (paper 4.2.3)."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Coalition = tuple[int, ...]

SHAPLEY, EQUAL = "shapley", "equal"
METHODS = (SHAPLEY, EQUAL)
"""Names that a round's terms may give."""

MAX_EXACT = 8
"""Exact Shapley trains once per coalition: 255 trainings at eight assets."""


def coalitions(assets: Sequence[int]) -> Iterator[Coalition]:
    """Yield every coalition of `assets` but the empty one, small ones first."""
    for size in range(1, len(assets) + 1):
        yield from combinations(sorted(assets), size)


def shapley(utilities: Mapping[Coalition, Fraction]) -> dict[int, Fraction]:
    """Return the exact Shapley value of each asset (Shapley 1953; Ghorbani and Zou 2019).

    `utilities` holds a number for every coalition, as a sorted tuple of asset ids, the
    empty one included. Exact arithmetic: whoever has the report gets the same values.

    Raises `InputError` when a coalition is missing.
    """
    assets = sorted({asset for coalition in utilities for asset in coalition})
    for coalition in coalitions(assets):
        if coalition not in utilities:
            raise InputError(f"no utility for the coalition {coalition}")
    if () not in utilities:
        raise InputError("no utility for the empty coalition")
    values = dict.fromkeys(assets, Fraction(0))
    count = len(assets)
    for asset in assets:
        others = [other for other in assets if other != asset]
        for size in range(count):
            weight = Fraction(factorial(size) * factorial(count - size - 1), factorial(count))
            for without in combinations(others, size):
                gain = utilities[tuple(sorted((*without, asset)))] - utilities[without]
                values[asset] += weight * gain
    return values
