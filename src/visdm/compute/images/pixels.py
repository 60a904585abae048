"""Pixels as arrays, shared with Pillow where that is possible, and their counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
from PIL import Image

from visdm.compute.images.decoding import converted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Greys = NDArray[np.uint8]

LEVELS = 256

_COLOURLESS = ("1", "L", "LA", "I;16")

_AT_ONCE = 1 << 18
"""Pixels that are measured at once, where images are small."""


def greys(image: Image.Image) -> Greys:
    """Return the pixels of an image of one band as uint8 (h, w), read-only, copied if need be.

    Pillow lends its memory through Arrow's C interface where an image is in one piece.
    """
    try:
        lent = np.asarray(pa.array(image))
    except (AttributeError, TypeError, ValueError, pa.ArrowException):
        return np.asarray(image)
    return lent.reshape(image.height, image.width)


def alike(images: Sequence[Image.Image]) -> Iterator[list[int]]:
    """Yield the places of images of one size, as many as are measured at once."""
    sizes: dict[tuple[int, int], list[int]] = {}
    for place, image in enumerate(images):
        sizes.setdefault(image.size, []).append(place)
    for (width, height), places in sizes.items():
        few = max(1, _AT_ONCE // (width * height))
        yield from (places[start : start + few] for start in range(0, len(places), few))


@dataclass(frozen=True)
class Bands:
    """Pictures of one size as uint8 (n, h, w): their greys as Pillow mixes them, and colours."""

    grey: Greys
    red: Greys
    green: Greys
    blue: Greys

    @classmethod
    def of(cls, images: Sequence[Image.Image]) -> Bands:
        """Return the bands of decoded images of one size and any modes."""
        if len(images) == 1:
            grey = greys(converted(images[0], "L"))
            return cls(grey[None], *(band[None] for band in _colours(images[0], grey)))
        small = np.stack([np.asarray(converted(image, "L")) for image in images])
        colours = np.stack([np.asarray(converted(image, "RGB")) for image in images])
        return cls(small, *np.ascontiguousarray(np.moveaxis(colours, 3, 0)))


def _colours(image: Image.Image, grey: Greys) -> list[Greys]:
    if image.mode in _COLOURLESS:
        return [grey] * 3
    return [greys(band) for band in converted(image, "RGB").split()]


def counted(values: Greys, levels: int = LEVELS) -> NDArray[np.int64]:
    """Return how often each of `levels` values comes in each picture: (n, ...) to (n, levels)."""
    flat = values.reshape(len(values), -1)
    if len(flat) == 1:  # Pillow's is the fastest of all, but takes one at a time
        rows = np.ascontiguousarray(values[0]).reshape(1, -1)
        return np.array(Image.fromarray(rows).histogram(), dtype=np.int64)[None, :levels]
    places = flat + np.arange(len(flat))[:, None] * levels
    counts: Any = np.bincount(places.ravel(), minlength=len(flat) * levels)
    return np.asarray(counts.reshape(len(flat), levels), dtype=np.int64)
