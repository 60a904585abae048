"""The crop-resistant hash of `imagehash`: a difference hash of each large bright or dark region.

Steinebach, Liu and Yannikos, Efficient Cropping-Resistant Robust Image Hashing, 2014. The
library floods regions pixel by pixel in Python; here SciPy labels them all at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.images.hashes import COMPARED, difference_hashes
from visdm.compute.images.pixels import greys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Greys = NDArray[np.uint8]

SEGMENTED = 300
"""Side of the picture that is divided into regions."""

_BRIGHT = 128
_NINE = 9
_SMALLEST = 500
"""Regions of more pixels than these are hashed."""

Box = tuple[float, float, float, float]


def crop_resistant_hash(grey: Greys, small: Greys) -> str:
    """Return the difference hashes of a picture's regions, in hex, with commas between.

    `small` is the picture `grey` reduced to `SEGMENTED` a side.
    """
    height, width = grey.shape
    picture = Image.fromarray(grey)
    boxes = _boxes(small, width, height)
    return ",".join(_difference_hash(picture, box) for box in boxes)


def _boxes(small: Greys, width: int, height: int) -> list[Box]:
    """Return what surrounds each region, in pixels of the picture: left, top, right, bottom.

    Where no region is large enough, the whole picture is one.
    """
    bright = _bright(Image.fromarray(small).filter(ImageFilter.GaussianBlur()))
    whole = (slice(0, SEGMENTED), slice(0, SEGMENTED))
    across, down = width / SEGMENTED, height / SEGMENTED
    return [
        (x.start * across, y.start * down, x.stop * across, y.stop * down)
        for y, x in list(_regions(bright)) or [whole]
    ]


def _bright(blurred: Image.Image) -> NDArray[np.bool_]:
    """Return where the median of 3x3 pixels is bright: where most of the nine are."""
    bright = np.pad(greys(blurred) > _BRIGHT, 1, mode="edge").view(np.uint8)
    rows = bright[:-2] + bright[1:-1] + bright[2:]
    most: NDArray[np.bool_] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] > _NINE // 2
    return most


def _regions(bright: NDArray[np.bool_]) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of each large region: bright ones, then dark ones.

    Each kind is in the order of first pixels. The library looks for dark regions until
    what it has put away is as much as the picture has pixels; since that begins with the
    border outside the picture, and never holds a region of one pixel, the last dark regions
    can be left out. They are left out here too.
    """
    put_away = 4 * SEGMENTED
    for pixels, last in ((bright, False), (~bright, True)):
        labels, count = ndimage.label(pixels)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:].tolist()
        for size, place in zip(sizes, ndimage.find_objects(labels), strict=True):
            if last and put_away >= bright.size:
                return
            if size > _SMALLEST:
                yield place
            put_away += size if size > 1 else 0


def _difference_hash(picture: Image.Image, box: Box) -> str:
    cut = picture.crop(box)  # which rounds it, as in the library
    pixels = greys(cut.resize(COMPARED, Image.Resampling.LANCZOS))
    return difference_hashes(pixels[None])[0]
