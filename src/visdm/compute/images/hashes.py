"""Four hashes of `imagehash` that see only greys, of many pictures at once.

Each compares 64 numbers with their mean or median. Where these are whole numbers, or are
further apart than floats err, the comparison comes out as in the library however it is
computed; where two are as good as equal, the library itself is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import imagehash
import numpy as np
import pywt  # type: ignore[import-untyped]  # it ships no types
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Greys = NDArray[np.uint8]

SIDE = 8
AVERAGED = (SIDE, SIDE)
COMPARED = (SIDE + 1, SIDE)
TRANSFORMED = (4 * SIDE, 4 * SIDE)
"""Width and height of the pictures that the first three hashes are of."""

_APART = 1e-3
"""Cosine coefficients are up to 10^6, so floats err by less than a millionth."""

_WHOLE = 1 << 10
"""Sides up to here are handed to the library whole: it needs some 40 bytes a pixel."""


def average_hashes(small: Greys) -> list[str]:
    """Return the hash of each picture reduced to `AVERAGED`, in hex."""
    totals = small.sum(axis=(1, 2), keepdims=True, dtype=np.int64)
    return hexes(small.astype(np.int64) * small[0].size > totals)


def difference_hashes(small: Greys) -> list[str]:
    """Return the hash of each picture reduced to `COMPARED`, in hex."""
    return hexes(small[:, :, 1:] > small[:, :, :-1])


def perceptual_hashes(small: Greys) -> list[str]:
    """Return the hash of each picture reduced to `TRANSFORMED`, in hex."""
    low = _COSINES @ small.astype(np.float64) @ _COSINES.T
    below, above = _middle(low)
    found = hexes(low > (below + above) / 2)
    for place in np.nonzero(above - below < _APART)[0]:
        found[place] = str(imagehash.phash(Image.fromarray(small[place])))
    return found


def wavelet_side(width: int, height: int) -> int:
    """Return the side that the wavelet hash reduces a picture to: a power of two."""
    return max(SIDE, 1 << (min(width, height).bit_length() - 1))


def wavelet_hashes(small: Greys) -> list[str]:
    """Return the hash of each picture reduced to `wavelet_side` a side, in hex.

    What Haar wavelets leave at the level of 8x8 is the sum of each block, and taking the
    coarsest wavelet away shifts all of them alike, which no median minds.
    """
    count, side, _ = small.shape
    block = side // SIDE
    rows = small.reshape(count, SIDE, block, side).sum(axis=2, dtype=np.uint32)
    sums = rows.reshape(count, SIDE, SIDE, block).sum(axis=3, dtype=np.int64)
    below, above = _middle(sums)
    found = hexes(2 * sums > below + above)
    for place in np.nonzero(below == above)[0]:
        found[place] = _wavelet_hash(small[place])
    return found


def hexes(bits: NDArray[np.bool_]) -> list[str]:
    """Return the bits of each picture (n, 8, 8) in hex."""
    return [row.tobytes().hex() for row in np.packbits(bits.reshape(len(bits), -1), axis=1)]


def _middle(values: Any) -> Any:  # noqa: ANN401 - numpy's arrays of whole numbers or floats
    """Return the two values in the middle of each picture's: two of shape (n, 1, 1)."""
    half = SIDE * SIDE // 2
    ordered = np.partition(values.reshape(len(values), -1), (half - 1, half), axis=1)
    return ordered[:, half - 1, None, None], ordered[:, half, None, None]


def _wavelet_hash(small: Greys) -> str:
    """Return the hash as the library's floats have it, where sums are equal."""
    if len(small) <= _WHOLE:
        return str(imagehash.whash(Image.fromarray(small)))
    coarse = np.array([[_coarse(block)[0][0, 0] for block in row] for row in _tiles(small)])
    waves = pywt.wavedec2(coarse, "haar")
    waves[0] *= 0
    shifted = pywt.waverec2(waves, "haar")
    left = [
        [_left(tile, value) for tile, value in zip(*row, strict=True)]
        for row in zip(_tiles(small), shifted, strict=True)
    ]
    return hexes(np.array(left)[None] > np.median(left))[0]


def _tiles(small: Greys) -> list[list[Greys]]:
    return [np.split(row, SIDE, axis=1) for row in np.split(small, SIDE)]


def _coarse(tile: Greys) -> Any:  # noqa: ANN401 - the transform's list of arrays
    """Return the Haar transform of one of 8x8 tiles: no wavelet of it reaches into another."""
    return pywt.wavedec2(tile / 255.0, "haar")


def _left(tile: Greys, value: float) -> float:
    """Return what a tile comes to once its coarsest value was replaced, through floats again."""
    waves = _coarse(tile)
    waves[0][:] = value
    return float(pywt.wavedec2(pywt.waverec2(waves, "haar"), "haar")[0][0, 0])


def _cosines() -> Any:  # noqa: ANN401 - numpy's type of a product of arrays is Any
    """Return the lowest frequencies of SciPy's DCT-II, one a row."""
    k, n = np.arange(SIDE)[:, None], np.arange(TRANSFORMED[0])[None, :]
    return 2 * np.cos(np.pi * (2 * n + 1) * k / (2 * TRANSFORMED[0]))


_COSINES = _cosines()
