"""What a place on a map is made of: an image's public measures, made comparable.

Quality measures whose spread grows with their size (their histograms have a long tail) enter
as log(1 + x); the others, and the fixed-basis projection, as they are. All are then
standardised over the images of one map: mean 0 and deviation 1, so that no unit outweighs
another. A measure that is the same everywhere says nothing and stays 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from visdm.domain.summaries import PROJECTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

MOST_PROJECTED = 130
"""Above the largest coefficient that an image has, 8 x 255 in steps of 16."""


SLIGHT = 1e-6
"""What differs less than this, in its own unit, is the same and was only rounded."""

FAR = 150.0
"""Deviations; nothing of 20,000 points is further from their mean, but what joins them may be."""


@dataclass(frozen=True)
class Quality:
    """How a quality measure enters; `most` is above all that an image can have."""

    most: float
    logarithmic: bool = False


QUALITIES: Mapping[str, Quality] = {
    "brightness": Quality(256),
    "contrast": Quality(128),
    "sharpness": Quality(1 << 21, logarithmic=True),
    "entropy": Quality(8.01),
    "colorfulness": Quality(512, logarithmic=True),
    "noise": Quality(512, logarithmic=True),
    "compression": Quality(1 << 40, logarithmic=True),
}
"""By their names in the public table, in its order."""

COEFFICIENTS = tuple(f"projection_{place}" for place in range(PROJECTED))
NAMES = (*QUALITIES, *COEFFICIENTS)
"""What the columns of `raw` are called."""


def raw(quality: Mapping[str, Sequence[float] | Matrix], projection: Matrix) -> Matrix:
    """Return the features before they are standardised, a row per image (n x 23).

    A row that no image can have (a number is missing, infinite or out of range) is all NaN:
    one stranger's row of 1e30 would push everybody else's images into one point.
    """
    columns = np.column_stack([np.asarray(quality[name], dtype=np.float64) for name in QUALITIES])
    highest = np.array([one.most for one in QUALITIES.values()])
    with np.errstate(invalid="ignore"):
        in_range = (columns >= 0) & (columns <= highest)
        possible = in_range.all(axis=1) & (np.abs(projection) <= MOST_PROJECTED).all(axis=1)
    bent = [place for place, one in enumerate(QUALITIES.values()) if one.logarithmic]
    columns[:, bent] = np.log1p(np.where(in_range, columns, 0)[:, bent])
    features = np.hstack([columns, projection])
    features[~possible] = np.nan
    return features


@dataclass(frozen=True)
class Standard:
    """Mean and deviation of each feature over the images of a map."""

    mean: Matrix
    deviation: Matrix

    @classmethod
    def of(cls, features: Matrix) -> Standard:
        """Take them from features (n x k) without NaN."""
        deviation = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(deviation > SLIGHT, deviation, np.inf))

    def __call__(self, features: Matrix) -> Matrix:
        """Return features of mean 0 and deviation 1, none of them further out than `FAR`."""
        standardised: Matrix = (features - self.mean) / self.deviation
        return np.clip(standardised, -FAR, FAR)
