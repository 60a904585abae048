"""The colour hash of `imagehash`, by comparing whole numbers in place of a conversion to HSV.

The hash counts pixels in 14 classes: black, grey, and six hues each of faint and of bright
colours. Pillow's hue and saturation are quotients of differences between the channels, cut
down to whole numbers of 255ths; so each border between classes is an inequality between
whole numbers. A test holds them against Pillow for every colour there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from visdm.compute.images.pixels import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Greys = NDArray[np.uint8]
    Numbers = NDArray[np.int64]

NONE, GREY, BLACK = 12, 13, 14
"""Classes beside the hues, 0 to 5 if faint and 6 to 11 if bright; `NONE` is between those two.

A pixel that could be of several is of the greatest.
"""

CLASSES = 15

_DARK = 32
_STRIP = 1 << 15
"""Pixels that are sorted at once, so that they stay near the processor."""

_BITS = 3
"""Bits of the hash for each class."""

_CODES = (0, 1, 2, 3, 6, 7, 6, 7)
"""Those bits for each eighth of the pixels: the library's middle bit stays set above two."""


def color_hashes(counts: Numbers) -> list[str]:
    """Return the hash of each picture from its counts (n, CLASSES), in hex."""
    top = 1 << _BITS
    pixels = counts.sum(axis=1, keepdims=True)
    hues = counts[:, :NONE]
    coloured = np.maximum(counts[:, : NONE + 1].sum(axis=1, keepdims=True), 1)
    greys = np.floor(counts[:, [BLACK, GREY]] / pixels * top)
    shares = np.concatenate([greys, np.floor(hues * float(top) / coloured)], axis=1)
    values = np.minimum(shares, top - 1).astype(np.int64).tolist()
    return [f"{_joined(row):011x}" for row in values]


def _joined(values: list[int]) -> int:
    joined = 0
    for value in values:
        joined = joined << _BITS | _CODES[value]
    return joined


def class_counts(red: Greys, green: Greys, blue: Greys, grey: Greys) -> Numbers:
    """Return how many pixels of pictures (n, h, w) are of each class: (n, CLASSES).

    `grey` are the same pictures in Pillow's mode `L`.
    """
    bands = [band.reshape(len(band), -1) for band in (red, green, blue, grey)]
    count, pixels = bands[0].shape
    classes = np.empty((count, pixels), dtype=np.uint8)
    across = max(1, _STRIP // count)
    for start in range(0, pixels, across):
        strip = slice(start, start + across)
        classes[:, strip] = classified(*(band[:, strip] for band in bands))
    return counted(classes, CLASSES)


def classified(red: Greys, green: Greys, blue: Greys, grey: Greys) -> Greys:
    """Return the class of each pixel."""
    most = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    hue = _hue(red, green, blue, most, most - least)
    wide, floor = most.astype(np.uint16), np.multiply(least, 3, dtype=np.uint16)
    # With c = most - least, a saturation of 85 is 3 c >= most, one of 170 is 3 c >= 2 most,
    # and one of 171 is 255 c >= 171 most.
    vivid = floor <= wide
    bright = np.multiply(least, 85, dtype=np.uint16) <= wide * np.uint16(28)
    hue += bright.view(np.uint8) * np.uint8(6)
    for mask, code in ((vivid > bright, NONE), (floor > wide + wide, GREY), (grey < _DARK, BLACK)):
        np.maximum(hue, mask.view(np.uint8) * np.uint8(code), out=hue)
    return hue


def _hue(red: Greys, green: Greys, blue: Greys, most: Greys, range_: Greys) -> Greys:
    """Return the sixth of the circle of hues that each pixel is in, of greys any.

    The borders are at 43, 85, 128, 170 and 213 of 255: odd sixths begin a little late, by
    85 (most - middle) >= most - least, and end where two channels are least.
    """
    step = (range_ > 85).view(np.uint8) + (range_ > 170).view(np.uint8)  # noqa: PLR2004 - see above
    below = most - step  # the middle is less than this where it is far enough from the most
    red_green, green_blue, blue_red = red < green, green < blue, blue < red
    least_red = red_green > blue_red
    least_green = green_blue > red_green
    least_blue = blue_red > green_blue
    odd = (least_blue & (red < below)) | (least_red & (green < below))
    odd |= least_green & (blue < below)
    even = least_red.view(np.uint8) * np.uint8(2) + least_green.view(np.uint8) * np.uint8(4)
    after = odd.view(np.uint8)
    return even + after
