"""Pillow's reduction of greys by the Lanczos filter, as products of matrices.

Pillow weighs pixels with whole numbers of 22 bits and rounds to 8 bits after each of two
passes, along rows first. Products and sums of such numbers are exact in float64, so the
same matrices give the same pixels in any order of summing, many images at once, and
several times as fast. Tests hold it against Pillow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Greys = NDArray[np.uint8]
    Numbers = NDArray[np.float64]
    Size = tuple[int, int]

_BITS = 22
_SUPPORT = 3
"""Half the width of the filter, in pixels of the result."""

_BLOCK = 16
"""Pixels of the result that one product gives: the filter is zero in most of a whole matrix."""

_NUMBERS = 1 << 16
"""Pixels that are weighed at once, so that they stay near the processor."""

_LARGEST = 1 << 11
"""Sides up to here have matrices; what is larger is left to Pillow."""

_SMALL = 16
"""Rows or columns of results up to here are given by one product, zeros and all."""

_ORDERS = int(PIL.__version__.partition(".")[0]) >= 13  # noqa: PLR2004 - see `_down_first`

_DOUBTFUL = 1e-6
"""Weights this near to a half are worked out as Pillow does, so that they round as there."""


def reduced(greys: Greys, *sizes: Size) -> list[Greys]:
    """Return images (n, h, w) resized to each (width, height), by `Image.resize` with Lanczos."""
    _, height, width = greys.shape
    largest = max(height, width, *(side for size in sizes for side in size))
    if largest > _LARGEST or not _agrees():
        return [_by_pillow(greys, size) for size in sizes]
    return _reduced(greys, sizes)


def _reduced(greys: Greys, sizes: tuple[Size, ...]) -> list[Greys]:
    """Resize by matrices; the passes along rows that are the first are made all at once."""
    _, height, width = greys.shape
    asked = {size for size in sizes if size != (width, height)}
    later = tuple(size for size in sorted(asked) if not _down_first(greys, size))
    first = {size: _across(_down(greys, size[1]), (size[0],))[0] for size in asked - set(later)}
    done = {size: pixels.astype(np.uint8) for size, pixels in first.items()}
    if later:
        rows = _across(greys, tuple(across for across, _ in later))
        done |= {size: _down(row, size[1]) for size, row in zip(later, rows, strict=True)}
    return [done.get(size, greys) for size in sizes]


def _down_first(greys: Greys, size: Size) -> bool:
    """Tell whether Pillow, from version 13, takes the columns first: where most is saved there.

    Which pass is the first matters, for there is rounding in between.
    """
    _, height, width = greys.shape
    saved = height - size[1]
    return _ORDERS and saved > 0 and saved > 2 * (width - size[0])


def _across(pixels: Numbers | Greys, given: tuple[int, ...]) -> list[Any]:
    """Return the rows of images (n, h, w) with each number of pixels that is `given`."""
    count, height, width = pixels.shape
    rows = pixels.reshape(count * height, width)
    answer = np.empty((len(rows), sum(given)))
    few = max(1, _NUMBERS // width)
    strip = np.empty((few, width))
    for start in range(0, len(rows), few):
        stop = min(start + few, len(rows))
        taken = strip[: stop - start]
        taken[...] = rows[start:stop]
        for block in _blocks(width, given):
            out = answer[start:stop, block.given]
            np.matmul(taken[:, block.taken], block.weights.T, out=out)
        _round(answer[start:stop])
    parts = np.split(answer.reshape(count, height, -1), np.cumsum(given)[:-1], axis=2)
    return list(parts)


def _down(pixels: Numbers | Greys, given: int) -> Greys:
    """Return the columns of images (n, h, w) with `given` pixels each."""
    count, height, width = pixels.shape
    if height == given:
        return pixels.astype(np.uint8)
    answer = np.empty((count, given, width), dtype=np.uint8)
    few = max(1, _NUMBERS // (given * width))
    room = np.empty((min(few, count), given, width))
    for start in range(0, count, few):
        some = pixels[start : start + few]
        whole = room[: len(some)]
        for block in _blocks(height, (given,)):
            taken = some[:, block.taken].astype(np.float64, copy=False)
            np.matmul(block.weights, taken, out=whole[:, block.given])
        _round(whole)
        answer[start : start + few] = whole
    return answer


def _round(values: Numbers) -> None:
    """Round to the nearest whole number from 0 to 255, halves up, in place."""
    values += 0.5
    np.floor(values, out=values)
    np.clip(values, 0, 255, out=values)


def _by_pillow(greys: Greys, size: Size) -> Greys:
    lanczos = Image.Resampling.LANCZOS
    return np.stack([np.asarray(Image.fromarray(one).resize(size, lanczos)) for one in greys])


@lru_cache(maxsize=1)
def _agrees() -> bool:
    """Try whether this Pillow works as we take it to: a later one may order its passes anew."""
    noise = np.random.default_rng(0).integers(0, 256, (1, 90, 90), dtype=np.uint8)
    trials = [(noise[:, :height, :width], size) for width, height, size in _TRIALS]
    return all(np.array_equal(_reduced(one, (s,))[0], _by_pillow(one, s)) for one, s in trials)


_TRIALS = (
    *((30, 90, (8, 8)), (90, 30, (9, 8)), (40, 72, (8, 8)), (40, 73, (8, 8))),
    *((90, 90, (32, 32)), (40, 90, (32, 32)), (20, 60, (32, 32)), (60, 20, (32, 32))),
)
"""Widths, heights and sizes asked for, of either order and on the border between them."""


@dataclass(frozen=True)
class _Block:
    """The weights (given, taken) of some pixels taken for some pixels given.

    They lie column by column, as products along rows want them, where most of the work is.
    """

    given: slice
    taken: slice
    weights: Numbers


@lru_cache(maxsize=512)
def _blocks(before: int, given: tuple[int, ...]) -> tuple[_Block, ...]:
    """Return the products that give each number of pixels in `given`, one after another.

    The small ones are one product: what it spends on zeros it saves by being large.
    `given` is sorted, so they come first.
    """
    small = [_dense(*_weights(before, after), before) for after in given if after <= _SMALL]
    start = sum(map(len, small))
    whole = slice(0, before)
    together = [np.asfortranarray(np.concatenate(small))] if small else []
    blocks = [_Block(slice(0, start), whole, weights) for weights in together]
    for after in given[len(small) :]:
        first, weights = _weights(before, after)
        for low in range(0, after, _BLOCK):
            part = slice(low, min(low + _BLOCK, after))
            left = int(first[part].min())
            right = min(int(first[part].max()) + weights.shape[1], before)
            dense = _dense(first[part] - left, weights[part], right - left)
            out = slice(start + part.start, start + part.stop)
            blocks.append(_Block(out, slice(left, right), np.asfortranarray(dense)))
        start += after
    return tuple(blocks)


def _dense(first: NDArray[np.int64], weights: Numbers, width: int) -> Numbers:
    """Return the weights as a matrix (given, width), zero where nothing is taken."""
    dense = np.zeros((len(weights), width))
    places = first[:, None] + np.arange(weights.shape[1])
    inside = places < width
    dense[np.nonzero(inside)[0], places[inside]] = weights[inside]
    return dense


def _weights(before: int, after: int) -> tuple[NDArray[np.int64], Numbers]:
    """Return the first pixel taken for each pixel given, and the weights from there on."""
    scale = before / after
    stretch = max(scale, 1.0)
    support = _SUPPORT * stretch
    centre = (np.arange(after) + 0.5) * scale
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), before)
    places = first[:, None] + np.arange(int((last - first).max()))
    weights = _lanczos((places - centre[:, None] + 0.5) * (1.0 / stretch))
    weights[places >= last[:, None]] = 0
    scaled = weights / weights.sum(axis=1, keepdims=True) * (1 << _BITS)
    doubtful = (np.abs(np.abs(scaled) % 1 - 0.5) < _DOUBTFUL).any(axis=1)
    for row in np.nonzero(doubtful)[0]:
        number = int(last[row] - first[row])
        scaled[row, :number] = _as_pillow(int(first[row]), number, float(centre[row]), stretch)
    whole = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    return first, whole / (1 << _BITS)


def _lanczos(x: Numbers) -> Numbers:
    weights = np.sinc(x) * np.sinc(x / _SUPPORT)
    return np.where((x >= -_SUPPORT) & (x < _SUPPORT), weights, 0.0)


def _as_pillow(first: int, number: int, centre: float, stretch: float) -> list[float]:
    """Return a row of weights by the same operations in the same order as Pillow's."""
    inverse = 1.0 / stretch
    weights = [_scalar((place + first - centre + 0.5) * inverse) for place in range(number)]
    total = 0.0
    for weight in weights:
        total += weight
    return [weight / total * (1 << _BITS) for weight in weights]


def _scalar(x: float) -> float:
    return _sinc(x) * _sinc(x / _SUPPORT) if -_SUPPORT <= x < _SUPPORT else 0.0


def _sinc(x: float) -> float:
    if x == 0:
        return 1.0
    x *= math.pi
    return math.sin(x) / x
