"""How good a picture is, in a few numbers that need no eye: each a formula with a source.

All are of many pictures of one size at once, and of whole sums, so that they come out the
same on every machine. Greys and colours run from 0 to 255.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Greys = NDArray[np.uint8]
    Counts = NDArray[np.int64]
    Numbers = NDArray[np.float64]

_STRIP = 1 << 16
"""Pixels that are worked on at once: it bounds memory, and keeps them near the processor."""

_NEIGHBOURHOOD = 3
"""Rows and columns that a pixel with neighbours on all sides needs."""


def brightness(counts: Counts) -> Numbers:
    """Return the mean of the greys, 0 to 255, from histograms (n, 256)."""
    levels = np.arange(counts.shape[1])
    mean: Numbers = (counts * levels).sum(axis=1) / counts.sum(axis=1)
    return mean


def contrast(counts: Counts) -> Numbers:
    """Return the standard deviation of the greys from histograms (n, 256)."""
    levels = np.arange(counts.shape[1])
    once, twice = (counts * levels).sum(axis=1), (counts * levels**2).sum(axis=1)
    deviation: Numbers = np.sqrt(_variance(counts.sum(axis=1), once, twice))
    return deviation


def entropy(counts: Counts) -> Numbers:
    """Return the entropy of grey histograms (n, 256) in bits, 0 to 8 (Shannon 1948)."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    bits: Numbers = -(shares * np.log2(shares, where=shares > 0, out=np.zeros_like(shares)))
    total: Numbers = np.abs(bits.sum(axis=1))
    return total


def sharpness_and_noise(grey: Greys) -> tuple[Numbers, Numbers]:
    """Return the variance of the 4-neighbour Laplacian of greys (n, h, w), and their noise.

    The noise is a standard deviation (Immerkaer, Fast Noise Variance Estimation, 1996): of
    a mask that answers neither to slopes nor to curves, so that what it finds in most
    pictures is noise. Both are 0 where no pixel has neighbours on all sides.
    """
    count, height, width = grey.shape
    inside = (height - 2) * (width - 2)
    once, twice, noise = np.zeros((3, count))
    if min(height, width) < _NEIGHBOURHOOD:
        return once, noise
    for rows in _strips(grey, margin=1):
        wide = rows.astype(np.int16)
        down = wide[:, :-2] - 2 * wide[:, 1:-1] + wide[:, 2:]
        across = wide[:, 1:-1, :-2] - 2 * wide[:, 1:-1, 1:-1] + wide[:, 1:-1, 2:]
        once, twice = _summed(down[:, :, 1:-1] + across, once, twice)
        mask = down[:, :, :-2] - 2 * down[:, :, 1:-1] + down[:, :, 2:]
        noise += np.abs(mask).sum(axis=(1, 2), dtype=np.int64)
    return _variance(inside, once, twice), math.sqrt(math.pi / 2) / 6 * noise / inside


def colorfulness(red: Greys, green: Greys, blue: Greys) -> Numbers:
    """Return how colourful pictures (n, h, w) are, 0 for greys (Hasler and Suesstrunk 2003)."""
    count, height, width = red.shape
    pixels = height * width
    sums = np.zeros((2, 2, count))
    for strip in zip(*map(_strips, (red, green, blue)), strict=True):
        r, g, b = (band.astype(np.int16) for band in strip)
        sums[0] = _summed(r - g, *sums[0])
        sums[1] = _summed(r + g - 2 * b, *sums[1])
    scales = np.array([[1.0], [2.0]])  # the second opposed pair is of half the sum above
    variances = _variance(pixels, sums[:, 0], sums[:, 1]) / scales**2
    means = sums[:, 0] / pixels / scales
    spread, offset = np.sqrt(variances.sum(axis=0)), np.sqrt((means**2).sum(axis=0))
    answer: Numbers = spread + 0.3 * offset
    return answer


def _strips(band: Greys, margin: int = 0) -> Iterator[Greys]:
    """Yield rows of pictures (n, h, w), overlapping by twice `margin`."""
    count, height, width = band.shape
    rows = max(1, _STRIP // (count * width))
    for start in range(margin, height - margin, rows):
        yield band[:, start - margin : min(start + rows, height - margin) + margin]


def _summed(values: NDArray[np.int16], once: Numbers, twice: Numbers) -> tuple[Numbers, Numbers]:
    """Add the sums of values (n, h, w) and of their squares; whole numbers, exact in float64."""
    numbers = values.reshape(len(values), -1).astype(np.float64)
    return once + numbers.sum(axis=1), twice + np.einsum("ni,ni->n", numbers, numbers)


def _variance(count: Any, once: Any, twice: Any) -> Any:  # noqa: ANN401 - arrays or numbers
    """Return variances from a count, sums and sums of squares."""
    mean = once / count
    return np.maximum(twice / count - mean * mean, 0)
