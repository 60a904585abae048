"""How good a picture is, in a few numbers that need no eye: each a formula with a source."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Greys = NDArray[np.uint8]

LEVELS = 256
_NEIGHBOURHOOD = 3
"""Rows and columns that a pixel with neighbours on all sides needs."""


def brightness(counts: Sequence[int]) -> float:
    """Return the mean of the greys, 0 to 255, from their histogram."""
    return sum(level * count for level, count in enumerate(counts)) / sum(counts)


def contrast(counts: Sequence[int]) -> float:
    """Return the standard deviation of the greys from their histogram."""
    pixels = sum(counts)
    once = sum(level * count for level, count in enumerate(counts))
    twice = sum(level * level * count for level, count in enumerate(counts))
    return math.sqrt(pixels * twice - once * once) / pixels


def entropy(counts: Sequence[int]) -> float:
    """Return the entropy of the grey histogram in bits, 0 to 8 (Shannon 1948)."""
    pixels = sum(counts)
    return sum(count * math.log2(pixels / count) for count in counts if count) / pixels


def sharpness(grey: Greys) -> float:
    """Return the variance of the 4-neighbour Laplacian of greys (h, w); 0 where none has four."""
    if min(grey.shape) < _NEIGHBOURHOOD:
        return 0.0
    wide = grey.astype(np.int32)
    inner = wide[1:-1, 1:-1]
    edges = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * inner
    count, once = int(edges.size), int(edges.sum(dtype=np.int64))
    twice = int((edges * edges).sum(dtype=np.int64))
    return (count * twice - once * once) / count**2


def noise(grey: Greys) -> float:
    """Return the standard deviation of the noise in greys (h, w), 0 where there are too few.

    Immerkaer, Fast Noise Variance Estimation, 1996: a mask that answers neither to slopes
    nor to curves, so that what remains of most pictures is noise.
    """
    if min(grey.shape) < _NEIGHBOURHOOD:
        return 0.0
    wide = grey.astype(np.int32)
    down = wide[:-2] - 2 * wide[1:-1] + wide[2:]
    answer = down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:]
    total = int(np.abs(answer).sum(dtype=np.int64))
    return math.sqrt(math.pi / 2) * total / (6 * int(answer.size))


def colorfulness(red: Greys, green: Greys, blue: Greys) -> float:
    """Return how colourful a picture is, 0 for greys (Hasler and Suesstrunk 2003)."""
    r, g, b = (band.astype(np.int32) for band in (red, green, blue))
    opposed = [(r - g, 1), (r + g - 2 * b, 2)]
    variances, squares = 0.0, 0.0
    for values, scale in opposed:
        count, once = values.size, int(values.sum(dtype=np.int64))
        twice = int((values * values).sum(dtype=np.int64))
        variances += (count * twice - once * once) / (count * scale) ** 2
        squares += (once / (count * scale)) ** 2
    return math.sqrt(variances) + 0.3 * math.sqrt(squares)
