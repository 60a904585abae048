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
_ONE, _THREE, _THIRD = np.uint8(1), np.uint8(3), np.uint8(85)
_LEVELS = np.uint8(4)
_COLOURLESS, _BETWEEN, _BRIGHT = 0, 2, 3
"""Of the four levels of saturation; the other is of faint colours."""

_ODD = 2
"""Channels that are less than the next one, in odd sixths of the circle of hues."""

_STRIP = 1 << 16
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
    facts = np.empty((count, pixels), dtype=np.uint8)
    across = max(1, _STRIP // count)
    for start in range(0, pixels, across):
        strip = slice(start, start + across)
        facts[:, strip] = _facts(*(band[:, strip] for band in bands))
    counts: Numbers = counted(facts, len(_CLASS)) @ _OF_CLASS
    return counts


def classified(red: Greys, green: Greys, blue: Greys, grey: Greys) -> Greys:
    """Return the class of each pixel."""
    return _CLASS[_facts(red, green, blue, grey)]


def _facts(red: Greys, green: Greys, blue: Greys, grey: Greys) -> Greys:
    """Return what tells the class of each pixel, in seven bits; `_class` says what they mean.

    All is worked out in 8 bits, where processors are fastest, and differences of nothing
    and one wrap around: of a pixel without colour or light, whose other bits do not matter.
    """
    low, high = np.minimum(red, green), np.maximum(red, green)
    middle = np.maximum(low, np.minimum(high, blue))
    most, least = np.maximum(high, blue), np.minimum(low, blue)
    range_ = most - least
    facts = _bits(red < green)
    for fact in (green < blue, blue < red, middle < most - (range_ - _ONE) // _THIRD):
        facts += facts
        facts += _bits(fact)
    # With c = most - least, a saturation of 85 is 3 c >= most, one of 170 is 3 c >= 2 most,
    # and one of 171 is 255 c >= 171 most.
    facts *= _LEVELS
    facts += _bits(range_ > (most - _ONE) // _THREE)
    facts += _bits(least <= most // _THREE)
    facts += _bits(least < (most + ~most // _THIRD) // _THREE)
    facts += facts
    facts += _bits(grey < _DARK)
    return facts


def _bits(mask: NDArray[np.bool_]) -> Greys:
    return mask.view(np.uint8)


def _class(facts: int) -> int:
    """Return the class that a pixel's facts tell.

    From the least: whether it is dark; how many of three borders of saturation it is
    beyond; whether the middle channel is far from the most; and which channel is more than
    the one before it, in a circle. Each sixth of the circle of hues has its own order of
    the channels. The borders are at 43, 85, 128, 170 and 213 of 255, so odd sixths begin a
    little late, by 85 (most - middle) >= most - least.
    """
    dark, level, far = facts & 1, facts >> 1 & 3, facts >> 3 & 1
    blue_red, green_blue, red_green = facts >> 4 & 1, facts >> 5 & 1, facts >> 6
    if dark:
        return BLACK
    if level in (_COLOURLESS, _BETWEEN):
        return GREY if level == _COLOURLESS else NONE
    least_red, least_green = red_green > blue_red, green_blue > red_green
    odd = far and red_green + green_blue + blue_red == _ODD
    return 2 * least_red + 4 * least_green + odd + (6 if level == _BRIGHT else 0)


_CLASS = np.array([_class(facts) for facts in range(1 << 7)], dtype=np.uint8)

_OF_CLASS = (_CLASS[:, None] == np.arange(CLASSES)).astype(np.int64)
"""Which facts are of which class: (facts, classes)."""
