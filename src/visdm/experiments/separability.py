"""How well two groups of points come apart, as numbers between chance and certainty.

Balanced accuracy (the mean of both groups' shares of right answers) is 0.5 for a coin whatever
the groups' sizes; it is measured on points that the split was not fitted to, in five folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # it ships no types
from sklearn.metrics import silhouette_score  # type: ignore[import-untyped]  # as above
from sklearn.model_selection import StratifiedKFold, cross_val_score  # type: ignore[import-untyped]  # as above
from sklearn.neighbors import KNeighborsClassifier  # type: ignore[import-untyped]  # as above
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]  # as above
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]  # as above

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 5
NEIGHBOURS = 15
DIGITS = 4


@dataclass(frozen=True)
class Separability:
    """Two groups apart.

    `linear` is the balanced accuracy of a straight cut (logistic regression), `nearest` that of
    the vote of the nearest 15, `silhouette` how much nearer points are to their own group than to
    the other (Rousseeuw 1987): 1 far apart, 0 mixed, below 0 one inside the other.
    """

    linear: float
    nearest: float
    silhouette: float

    @classmethod
    def of(cls, points: NDArray[np.float64], group: NDArray[np.bool_], seed: int) -> Separability:
        """Measure it for points (n x k), of which `group` (n) tells the one half."""
        straight = LogisticRegression(class_weight="balanced", max_iter=1000)
        near = KNeighborsClassifier(NEIGHBOURS)
        return cls(
            linear=_accuracy(straight, points, group, seed),
            nearest=_accuracy(near, points, group, seed),
            silhouette=round(float(silhouette_score(points, group)), DIGITS),
        )


def _accuracy(
    model: LogisticRegression | KNeighborsClassifier,
    points: NDArray[np.float64],
    group: NDArray[np.bool_],
    seed: int,
) -> float:
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scaled = make_pipeline(StandardScaler(), model)
    scores = cross_val_score(scaled, points, group, cv=folds, scoring="balanced_accuracy")
    return round(float(scores.mean()), DIGITS)
