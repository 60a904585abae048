"""How near an image is to the figures of a summary: what tells its members from others.

Homer et al. (2008) ask whether a member's figures are nearer to the means of its group than to
everybody's, each figure by itself. Figures go together, and what few images share weighs more
than what all do: asked with the precision of known images, the same means tell far more. For
figures that are Gaussian that is the likelihood ratio, the best of all tests on means (Neyman
and Pearson 1933; for means of a group, Sankararaman et al. 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from visdm.compute.images import QUALITY
from visdm.experiments.metadata.groups import levels_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visdm.experiments.metadata.columns import Columns

    Floats = NDArray[np.float64]
    Summary = dict[str, Any]

ALL, CLASS, BOTH = "nearer to the asset's means", "nearer to its class's means", "both"
WEIGHED = "both, weighed by what goes together"
TESTS = (ALL, CLASS, BOTH, WEIGHED)

LOOSENESS = 0.1
"""Of each figure's variance, what is taken for its own: known images are few, figures many."""


@dataclass(frozen=True)
class _Spread:
    """How figures of known images deviate: each by itself, and together."""

    deviation: Floats
    precision: Floats

    @classmethod
    def of(cls, deviations: Floats) -> _Spread:
        """Take it from deviations from a centre (n, figures)."""
        deviation = deviations.std(axis=0) + 1e-9
        scaled = deviations / deviation
        square = scaled.T @ scaled / len(scaled) + LOOSENESS * np.eye(len(deviation))
        return cls(deviation, np.linalg.inv(square))

    def apart(self, figures: Floats, mean: Floats) -> Floats:
        """Return Homer's statistic of each image, for a group's mean; both from the centre."""
        far: Floats = (figures**2 - (figures - mean) ** 2) / self.deviation**2
        return np.asarray(far.sum(axis=1))

    def together(self, figures: Floats, mean: Floats, number: int) -> Floats:
        """Return the logarithm of the likelihood ratio, for the mean of a group of `number`."""
        scaled = figures / self.deviation
        weighed = scaled @ self.precision
        own = (weighed * scaled).sum(axis=1) / (2 * number)
        return np.asarray(weighed @ (mean / self.deviation) - own)


class Nearness:
    """What known images say of figures, for all and within classes."""

    def __init__(self, known: Columns) -> None:
        figures, few = _figures(known), _few(known)
        labels = np.asarray(known.labels)
        self._centre = figures.mean(axis=0)
        self._centres = {name: few[labels == name].mean(axis=0) for name in set(known.labels)}
        centres = np.stack([self._centres[name] for name in known.labels])
        self._spread = _Spread.of(figures - self._centre)
        self._within = _Spread.of(few - centres)

    def statistics(self, told: Summary, asked: Columns) -> dict[str, Floats]:
        """Return, by test, how much each image asked for looks like one of those summed up.

        Where no class is told of, no test on classes is made.
        """
        figures, mean = _figures(asked) - self._centre, _means(told) - self._centre
        apart = self._spread.apart(figures, mean)
        found = {ALL: apart, WEIGHED: self._spread.together(figures, mean, told["samples"])}
        if told["by_class"]:
            by_class, weighed = self._of_classes(told, asked)
            found |= {CLASS: by_class, BOTH: apart + by_class, WEIGHED: found[WEIGHED] + weighed}
        return found

    def _of_classes(self, told: Summary, asked: Columns) -> tuple[Floats, Floats]:
        """Return both statistics within the class of each image, 0 where none is told of it."""
        few, labels = _few(asked), np.asarray(asked.labels)
        apart, weighed = np.zeros(len(asked)), np.zeros(len(asked))
        for name, group in told["by_class"].items():
            if name not in self._centres:
                continue
            own, centre = labels == name, self._centres[name]
            quality = [group["quality"][measure] for measure in QUALITY]
            mean = np.array([*group["projection"]["mean"], *quality]) - centre
            apart[own] = self._within.apart(few[own] - centre, mean)
            weighed[own] = self._within.together(few[own] - centre, mean, group["samples"])
        return apart, weighed


def _means(told: Summary) -> Floats:
    quality = [told["quality"][measure]["mean"] for measure in QUALITY]
    return np.concatenate([told["projection"]["mean"], levels_of(told).ravel(), quality])


def _figures(rows: Columns) -> Floats:
    """Return what an asset's means are made of: (n, 16 + 4 x 256 + 7)."""
    shares = rows.levels / rows.levels.sum(axis=2, keepdims=True)
    return np.hstack([rows.projection, shares.reshape(len(rows), -1), rows.quality])


def _few(rows: Columns) -> Floats:
    """Return what a class's means are made of: (n, 16 + 7)."""
    return np.hstack([rows.projection, rows.quality])
