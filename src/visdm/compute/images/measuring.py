"""All that is measured of images, and the table it stands in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.compute.columns import HASHES, HISTOGRAMS
from visdm.compute.images import quality
from visdm.compute.images.hashing import hashed
from visdm.compute.images.pixels import Bands, alike, counted
from visdm.compute.images.projection import project

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


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
    """Measure decoded images, of any sizes and modes; the answers are in their order.

    Images of one size are measured together.
    """
    found: list[Measures | None] = [None] * len(images)
    for places in alike(images):
        measured = _measured([images[place] for place in places])
        for place, measures in zip(places, measured, strict=True):
            found[place] = measures
    return [measures for measures in found if measures]


def record(measures: Measures, *, size: int, label: str) -> dict[str, Any]:
    """Return a row of the table without `row` or `path`: `size` is the file's, in bytes."""
    return {
        **vars(measures),
        "bytes": size,
        "class": label,
        "compression": 8 * size / (measures.width * measures.height),
    }


def _measured(images: list[Image.Image]) -> list[Measures]:
    bands = Bands.of(images)
    counts = [counted(band) for band in (bands.grey, bands.red, bands.green, bands.blue)]
    columns = {
        "width": [image.width for image in images],
        "height": [image.height for image in images],
        "channels": [len(image.getbands()) for image in images],
        "mode": [image.mode for image in images],
        **_quality(bands, counts[0]),
        **hashed(bands, HASHES),
        **dict(zip(HISTOGRAMS, (found.tolist() for found in counts), strict=True)),
        "projection": [project(image) for image in images],
    }
    rows = zip(*columns.values(), strict=True)
    return [Measures(**dict(zip(columns, row, strict=True))) for row in rows]


def _quality(bands: Bands, counts: NDArray[np.int64]) -> dict[str, list[float]]:
    sharpness, noise = quality.sharpness_and_noise(bands.grey)
    found = {
        "brightness": quality.brightness(counts),
        "contrast": quality.contrast(counts),
        "sharpness": sharpness,
        "entropy": quality.entropy(counts),
        "colorfulness": quality.colorfulness(bands.red, bands.green, bands.blue),
        "noise": noise,
    }
    return {name: values.tolist() for name, values in found.items()}
