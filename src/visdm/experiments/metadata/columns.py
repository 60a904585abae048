"""Images to attack and the columns that are public of them, as arrays."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
from PIL import Image

from visdm.compute.images import HASHES, HISTOGRAMS, QUALITY, converted, decode, measure, record
from visdm.errors import FolderError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from visdm.ports import Progress

    Pictures = NDArray[Any]
    Floats = NDArray[np.float64]
    Labelled = tuple[bytes, str]

SQUARE = HASHES[:4]
"""The hashes of 8x8 bits."""

BITS = 64
COLOUR_BITS = 42
SEGMENTS = 3
"""Segments of the crop-resistant hash that are looked at."""

_BATCH = 25
_ARRAYS = ("pictures", "bits", "colour", "segments", "quality", "levels", "projection")


@dataclass(frozen=True)
class Columns:
    """Images (n, side, side, 3), and a row for each of what is public.

    `bits` are those of the hashes of 8x8 bits in the order of `SQUARE`, `colour` those of the
    colour hash and `segments` those of the first segments of the crop-resistant one, 0 where
    there are fewer, after their number. `levels` holds the counts of the four histograms.
    """

    pictures: Pictures
    labels: tuple[str, ...]
    bits: Floats
    colour: Floats
    segments: Floats
    quality: Floats
    levels: Floats
    projection: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: slice | NDArray[Any]) -> Columns:
        """Return a part of the images."""
        labels = tuple(np.asarray(self.labels, object)[chosen])
        parts = {name: getattr(self, name)[chosen] for name in _ARRAYS}
        return Columns(labels=labels, **parts)

    @property
    def middle(self) -> Floats:
        """Mean grey of each image, from its histogram: (n, 1)."""
        shares = self.levels[:, 0] / self.levels[:, 0].sum(axis=1, keepdims=True)
        return np.asarray(shares @ np.arange(256.0))[:, None]

    @property
    def contrast(self) -> Floats:
        """Standard deviation of the greys of each image, four at the least: (n, 1)."""
        shares = self.levels[:, 0] / self.levels[:, 0].sum(axis=1, keepdims=True)
        variance = (shares @ np.arange(256.0) ** 2)[:, None] - self.middle**2
        return np.asarray(np.sqrt(np.maximum(variance, 16.0)))


def cifar(folder: Path, split: str, number: int) -> list[Labelled]:
    """Return the first images of CIFAR-10's `train` or `test` as files, with their classes."""
    path = folder / "cifar10" / f"{split}.parquet"
    if not path.is_file():
        raise FolderError(path, "there is no such file", hint="name its folder with --data")
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(1000, columns=["image", "class_name"])
        rows: list[Labelled] = []
        for batch in batches:
            rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
            if len(rows) >= number:
                break
    return rows[:number]


def photographs(folder: Path, side: int) -> list[Labelled]:
    """Return the photographs cut to their middle square and reduced to `side`, as PNG files.

    Raises `FolderError` where there are none.
    """
    paths = sorted((folder / "photos").glob("*.JPEG"))
    if not paths:
        raise FolderError(folder / "photos", "holds no photographs", hint="name it with --data")
    return [(_reduced(path.read_bytes(), side), path.stem.split("_", 1)[1]) for path in paths]


def digits() -> list[Labelled]:
    """Return scikit-learn's digits of 8x8 as PNG files: as large as what is published."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # noqa: PLC0415

    found = load_digits()
    return [
        (_png(Image.fromarray((pixels * 15).astype(np.uint8))), str(label))
        for pixels, label in zip(found.images, found.target, strict=True)
    ]


def jpeg(encoded: bytes, quality: int) -> bytes:
    """Return the image stored again as a JPEG of some quality."""
    file = io.BytesIO()
    converted(decode(encoded), "RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()


def columns(images: Sequence[Labelled], progress: Progress) -> Columns:
    """Measure images of one size as a provider does, and take what is public apart."""
    found: list[tuple[Pictures, dict[str, Any]]] = []
    for start in range(0, len(images), _BATCH):
        found += _measured(images[start : start + _BATCH])
        progress(len(found), len(images))
    rows = [row for _, row in found]
    return Columns(
        pictures=np.stack([pixels for pixels, _ in found]),
        labels=tuple(row["class"] for row in rows),
        bits=np.stack([[bit for name in SQUARE for bit in _bits(row[name])] for row in rows]),
        colour=np.stack([_bits(row["color_hash"], COLOUR_BITS) for row in rows]),
        segments=np.stack([_segments(row["crop_resistant_hash"]) for row in rows]),
        quality=np.array([[row[name] for name in QUALITY] for row in rows], np.float64),
        levels=np.array([[row[name] for name in HISTOGRAMS] for row in rows], np.float64),
        projection=np.array([row["projection"] for row in rows], np.float64),
    )


def _measured(images: Sequence[Labelled]) -> list[tuple[Pictures, dict[str, Any]]]:
    decoded = [decode(encoded) for encoded, _ in images]
    return [
        (np.asarray(converted(image, "RGB")), record(measures, size=len(encoded), label=label))
        for (encoded, label), image, measures in zip(images, decoded, measure(decoded), strict=True)
    ]


def _bits(digits_: str, number: int = BITS) -> Floats:
    value = int(digits_, 16)
    return np.array([value >> place & 1 for place in reversed(range(number))], np.float64)


def _segments(hashes: str) -> Floats:
    found = np.zeros(1 + SEGMENTS * BITS)
    parts = hashes.split(",")
    found[0] = len(parts)
    for place, part in enumerate(parts[:SEGMENTS]):
        found[1 + place * BITS :][:BITS] = 2 * _bits(part) - 1
    return found


def _reduced(encoded: bytes, side: int) -> bytes:
    image = converted(decode(encoded), "RGB")
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    square = image.crop((left, top, left + edge, top + edge))
    return _png(square.resize((side, side), Image.Resampling.LANCZOS))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
