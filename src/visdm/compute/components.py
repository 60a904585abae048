"""Principal components of an asset's images, in a space that all assets share.

Features are the quality measures and the coefficients of the projection, each over a fixed
scale (about its spread over photographs), not over the asset's own spread: so components of
different assets are directions in one space, and what hardly varies stays small.
Source: Pearson, On lines and planes of closest fit to systems of points in space, 1901.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from visdm.domain.summaries import MAX_COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DIGITS = 4
_ROWS = 1 << 14
"""Rows that are spread out as floats at once."""

_LEAST = 1e-9
"""Share of the variance below which a component is what rounding left."""

SCALES = {
    "brightness": 32.0,
    "contrast": 16.0,
    "sharpness": 2048.0,
    "entropy": 0.5,
    "colorfulness": 20.0,
    "noise": 4.0,
    "compression": 2.0,
}
PROJECTION_SCALES = (16.0, 8.0, 8.0, 8.0, 4.0, 8.0, *[4.0] * 4, *[6.0, 2.0, 2.0] * 2)
"""By order of size the standard deviations over CIFAR-10 and over photographs of ImageNet."""


def principal(quality: Mapping[str, Floats], projections: NDArray[np.int16]) -> dict[str, Any]:
    """Return the components of all images, at most `MAX_COMPONENTS`, as plain JSON.

    `mean` and `scale` are in the features' own units: an image is placed at
    `components @ ((features - mean) / scale)`. `explained` are shares of the variance. The
    largest entry of each component is positive.
    """
    names = (*quality, *(f"projection_{place}" for place in range(projections.shape[1])))
    scale = np.array([*(SCALES[name] for name in quality), *PROJECTION_SCALES])
    number = len(projections)

    def features(begin: int) -> Floats:
        chosen = slice(begin, begin + _ROWS)
        measured = [values[chosen, None] for values in quality.values()]
        return np.hstack([*measured, projections[chosen].astype(np.float64)])

    begins = range(0, number, _ROWS)
    mean = sum(features(begin).sum(axis=0) for begin in begins) / number
    spread = np.zeros((len(names), len(names)))
    for begin in begins:
        centred = (features(begin) - mean) / scale
        spread += centred.T @ centred / number
    axes, variances, _ = np.linalg.svd(spread)
    total = max(float(variances.sum()), np.finfo(float).tiny)
    shares = variances[:MAX_COMPONENTS] / total
    kept = axes.T[:MAX_COMPONENTS][shares > _LEAST]
    kept *= np.sign(kept[np.arange(len(kept)), np.abs(kept).argmax(axis=1)])[:, None]
    return {
        "features": list(names),
        "mean": np.round(mean, DIGITS).tolist(),
        "scale": scale.tolist(),
        "components": (np.round(kept, DIGITS) + 0.0).tolist(),
        "explained": np.round(shares[shares > _LEAST], DIGITS).tolist(),
    }
