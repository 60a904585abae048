"""What pictures are compared by, from the rows of a per-image table or from images themselves.

Both ways give the same `Hashes`: a table has the hashes, histograms and projection that are
measured of an image, and whatever else is compared follows from these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from visdm.compute import duplicates
from visdm.compute.duplicates import Hashes, quantiles
from visdm.compute.images import HISTOGRAMS, project
from visdm.compute.images.hashing import hashed
from visdm.compute.images.pixels import Bands, alike, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL import Image

GREYS, PROJECTED = 256, 16
_DIGITS = 16
"""Of a hash in hex."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""Odd: multiplying by it loses nothing (Steele, Lea and Flood 2014)."""


def hashes_of(rows: pa.Table | pa.RecordBatch) -> Hashes:
    """Return what rows of a table are compared by: our own, or a stranger's that were accepted."""
    sides = np.column_stack([_numbers(rows, name, 1)[:, 0] for name in ("width", "height")])
    bits = np.column_stack([_hex(rows, name) for name in duplicates.HASHES])
    histograms = np.stack([_numbers(rows, name, GREYS) for name in HISTOGRAMS], axis=1)
    return _assembled(sides, bits, histograms, _numbers(rows, "projection", PROJECTED))


def look(images: Sequence[Image.Image]) -> Hashes:
    """Return what decoded images are compared by, of any sizes and modes."""
    count = len(images)
    sides = np.array([image.size for image in images], np.int64).reshape(count, 2)
    bits = np.empty((count, len(duplicates.HASHES)), np.uint64)
    histograms = np.empty((count, len(HISTOGRAMS), GREYS), np.int64)
    for rows in alike(images):
        bands = Bands.of([images[row] for row in rows])
        for place, texts in enumerate(hashed(bands, duplicates.HASHES).values()):
            bits[rows, place] = [int(text, 16) for text in texts]
        for place, band in enumerate((bands.grey, bands.red, bands.green, bands.blue)):
            histograms[rows, place] = counted(band)
    projection = np.array([project(image) for image in images], np.int64)
    return _assembled(sides, bits, histograms, projection.reshape(count, PROJECTED))


def _assembled(
    sides: NDArray[np.int64],
    bits: NDArray[np.uint64],
    histograms: NDArray[np.int64],
    projection: NDArray[np.int64],
) -> Hashes:
    greys = histograms[:, 0]
    entropy = _entropy(greys)
    plain = entropy < np.where(_colour(histograms) < duplicates.COLOURLESS, *_PLAIN)
    everything = np.column_stack([sides, histograms.reshape(len(sides), -1), projection])
    return Hashes(
        bits=bits,
        luma=projection[:, : duplicates.LUMA].astype(np.int16),
        greys=quantiles(greys),
        plain=plain,
        flat=_contrast(greys) < duplicates.FLAT,
        exact=_digest(everything),
    )


_PLAIN = duplicates.PLAIN_GREY, duplicates.PLAIN


def _entropy(greys: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the entropy of the greys, in bits (Shannon 1948)."""
    shares = greys / greys.sum(axis=1, keepdims=True)
    bits: NDArray[np.float64] = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)
    return bits


def _contrast(greys: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the standard deviation of the greys."""
    level = np.arange(GREYS)
    count = greys.sum(axis=1)
    mean = greys @ level / count
    variance = greys @ level**2 / count - mean**2
    deviation: NDArray[np.float64] = np.sqrt(np.maximum(variance, 0))
    return deviation


def _colour(histograms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how many levels red and blue are from green on average: 0 without colour."""
    reached = np.cumsum(histograms[:, 1:], axis=2)
    apart = np.abs(reached[:, (0, 2)] - reached[:, 1:2]).sum(axis=(1, 2))
    levels: NDArray[np.float64] = apart / histograms[:, 0].sum(axis=1)
    return levels


def _digest(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return 64 bits of each row of numbers: equal rows have equal ones.

    Others rarely do. It keeps nobody from making such rows, who could as well repeat a row.
    """
    digest = np.zeros(len(rows), np.uint64)
    for column in rows.T.astype(np.uint64):
        digest = (digest ^ column) * _MIX
        digest ^= digest >> np.uint64(29)
    return digest


def _numbers(rows: pa.Table | pa.RecordBatch, name: str, length: int) -> NDArray[np.int64]:
    """Return a column of whole numbers, or of lists of so many, as int64 (n, length)."""
    column = _whole(rows.column(name))
    if pa.types.is_list(column.type):
        column = column.flatten()
    return np.asarray(column.to_numpy(zero_copy_only=False), np.int64).reshape(-1, length)


def _hex(rows: pa.Table | pa.RecordBatch, name: str) -> NDArray[np.uint64]:
    """Return a column of hashes, each 16 digits in hex, as numbers."""
    column = _whole(rows.column(name))
    fixed = column.cast(pa.binary()).cast(pa.binary(_DIGITS))
    text = np.frombuffer(fixed.buffers()[1] or b"", np.uint8)
    text = text[fixed.offset * _DIGITS :][: len(fixed) * _DIGITS]
    value = _VALUES[text].reshape(-1, _DIGITS)
    pairs = (value[:, ::2] << 4 | value[:, 1::2]).astype(np.uint8)
    return pairs.view(">u8").ravel().astype(np.uint64)


def _whole(column: Any) -> Any:  # noqa: ANN401 - Arrow's arrays, which are untyped
    """Return a column in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _values() -> NDArray[np.uint8]:
    table = np.zeros(GREYS, np.uint8)
    for value, digit in enumerate("0123456789abcdef"):
        table[ord(digit)] = value
    return table


_VALUES = _values()
