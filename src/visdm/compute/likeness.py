"""How far an asset's images are from a consumer's examples (see `visdm.compute.survey`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

NEAREST = 10
DIGITS = 3

_DRAWN = 2_000
"""Images that a guess is made from, for each asset."""

_AT_ONCE = 4_096
"""Rows compared at once, with all examples."""


class Likeness:
    """Takes an asset's projections (n x 16) piece by piece; keeps the nearest of each example."""

    def __init__(self, examples: Rows, nearest: int = NEAREST) -> None:
        self._examples = examples
        self._lengths = (examples**2).sum(axis=1)[:, None]
        self._nearest = nearest
        self._best = np.empty((len(examples), 0), np.float32)

    def add(self, rows: Rows) -> None:
        """Take in rows. Their numbers are small and whole, so float32 holds the squares exactly."""
        for start in range(0, len(rows), _AT_ONCE):
            piece = rows[start : start + _AT_ONCE].astype(np.float32)
            squares = self._lengths - 2 * (self._examples @ piece.T) + (piece**2).sum(axis=1)
            both = np.hstack([self._best, squares])
            if both.shape[1] > self._nearest:
                both = np.partition(both, self._nearest - 1, axis=1)[:, : self._nearest]
            self._best = both

    def distance(self) -> float | None:
        """Return the median over the examples; of fewer rows the farthest counts."""
        if not self._best.size:
            return None
        farthest = np.sqrt(np.maximum(self._best.max(axis=1), 0))
        return round(float(np.median(farthest)), DIGITS)


def guessed(examples: Rows, spreads: Sequence[Sequence[Any]], seed: int) -> float:
    """Guess the distance from `[images, means, deviations]` by class, for want of a table."""
    chance = np.random.default_rng(seed)
    total = sum(group[0] for group in spreads)
    drawn = min(total, _DRAWN)
    rows = []
    for images, means, deviations in spreads:
        number = max(round(drawn * images / max(total, 1)), 1)
        rows.append(np.rint(chance.normal(means, deviations, (number, len(means)))))
    # Of fewer rows than there are, fewer are near: the rank shrinks with them.
    nearest = max(round(NEAREST * drawn / max(total, 1)), 1)
    likeness = Likeness(examples, nearest)
    likeness.add(np.concatenate(rows).astype(np.float32))
    return likeness.distance() or 0.0
