"""All that is measured of images, and the table it stands in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import imagehash
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.images import quality
from visdm.compute.images.decoding import converted
from visdm.compute.images.projection import project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

QUALITY = (
    *("brightness", "contrast", "sharpness", "entropy", "colorfulness", "noise"),
    "compression",
)
"""The last, bits per pixel of the file, is not of the pixels: `record` adds it."""

HASHES = (
    *("average_hash", "perceptual_hash", "difference_hash", "wavelet_hash"),
    *("color_hash", "crop_resistant_hash"),
)
HISTOGRAMS = ("histogram", "histogram_red", "histogram_green", "histogram_blue")

SCHEMA = pa.schema(
    [
        ("row", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("channels", pa.int8()),
        ("mode", pa.string()),
        ("bytes", pa.int64()),
        ("class", pa.string()),
        *((name, pa.float32()) for name in QUALITY),
        *((name, pa.string()) for name in HASHES),
        *((name, pa.list_(pa.int32())) for name in HISTOGRAMS),
        ("projection", pa.list_(pa.int16())),
    ]
)
"""A row per image; offline, `path` (string) stands in place of `row`."""


@dataclass(frozen=True)
class Measures:
    """What is measured of one image's pixels; hashes are in hex, histograms have 256 counts."""

    width: int
    height: int
    channels: int
    mode: str
    brightness: float
    contrast: float
    sharpness: float
    entropy: float
    colorfulness: float
    noise: float
    average_hash: str
    perceptual_hash: str
    difference_hash: str
    wavelet_hash: str
    color_hash: str
    crop_resistant_hash: str
    histogram: list[int]
    histogram_red: list[int]
    histogram_green: list[int]
    histogram_blue: list[int]
    projection: list[int]


def measure(images: Sequence[Image.Image]) -> list[Measures]:
    """Measure decoded images, of any sizes and modes; the answers are in their order."""
    return [_measure(image) for image in images]


def record(measures: Measures, *, size: int, label: str) -> dict[str, Any]:
    """Return a row of the table without `row` or `path`: `size` is the file's, in bytes."""
    return {
        **asdict(measures),
        "bytes": size,
        "class": label,
        "compression": 8 * size / (measures.width * measures.height),
    }


def _measure(image: Image.Image) -> Measures:
    small, colours = converted(image, "L"), converted(image, "RGB")
    grey = np.asarray(small)
    histogram, bands = small.histogram(), colours.histogram()
    hashed = image if image.mode != "P" else colours  # a palette with transparency warns
    return Measures(
        width=image.width,
        height=image.height,
        channels=len(image.getbands()),
        mode=image.mode,
        brightness=quality.brightness(histogram),
        contrast=quality.contrast(histogram),
        sharpness=quality.sharpness(grey),
        entropy=quality.entropy(histogram),
        colorfulness=quality.colorfulness(*np.moveaxis(np.asarray(colours), 2, 0)),
        noise=quality.noise(grey),
        average_hash=str(imagehash.average_hash(small)),
        perceptual_hash=str(imagehash.phash(small)),
        difference_hash=str(imagehash.dhash(small)),
        wavelet_hash=str(imagehash.whash(small)),
        color_hash=str(imagehash.colorhash(hashed)),
        crop_resistant_hash=str(imagehash.crop_resistant_hash(small)),
        histogram=histogram,
        histogram_red=bands[:256],
        histogram_green=bands[256:512],
        histogram_blue=bands[512:],
        projection=project(image),
    )
