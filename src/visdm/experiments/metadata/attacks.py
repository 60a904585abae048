"""Ways to rebuild images from their public columns, by what is known of other images.

Each takes the columns of images that the attacker knows and those of the victims, and returns
the victims' pictures as it believes them to be, as floats. The pictures of the victims are
never looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from visdm.compute.images import STEP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visdm.experiments.metadata.columns import Columns

    Pictures = NDArray[Any]
    Floats = NDArray[np.float64]

PENALTIES = (30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
HELD_OUT = 10
"""One in so many known images chooses the penalty."""

_QUANTILES = 16
_SHADES = 16
"""Values of a coarse histogram."""

_FARTHEST = 6.0
"""Standard deviations that a feature may be off: what is farther was never seen."""


def average(known: Columns, victims: Columns) -> Pictures:
    """Return the mean picture for everybody: what is known before any column is read."""
    return np.repeat(known.pictures.mean(axis=0)[None], len(victims), axis=0)


def of_the_class(known: Columns, victims: Columns, random: np.random.Generator) -> Pictures:
    """Return any known picture of the victim's class, or any at all where none is known of it."""
    labels = np.asarray(known.labels)
    same = [np.flatnonzero(labels == label) for label in victims.labels]
    chosen = [random.choice(places if len(places) else len(known)) for places in same]
    return known.pictures[chosen]


def nearest(known: Columns, victims: Columns) -> Pictures:
    """Return the known picture that is nearest in hashes and projection.

    Near by the bits in which the four hashes of 8x8 bits differ, and a bit for each step of a
    coefficient.
    """
    found = []
    signs = 2 * known.bits - 1
    for bits, projection in zip(2 * victims.bits - 1, victims.projection, strict=True):
        differ = (signs.shape[1] - signs @ bits) / 2
        found.append(np.argmin(differ + np.abs(known.projection - projection).sum(axis=1)))
    return known.pictures[found]


def thumbnail(victims: Columns, side: int) -> Pictures:
    """Return the victims reduced to `side` (box) and enlarged again: no attack, a measure."""
    return _resized(_resized(victims.pictures, side, Image.Resampling.BOX), _side(victims))


def enlarged(pictures: Pictures, victims: Columns) -> Pictures:
    """Return pictures in the size of the victims."""
    if pictures.shape[1] == _side(victims):
        return pictures
    return _resized(np.rint(np.clip(pictures, 0, 255)).astype(np.uint8), _side(victims))


def levelled(pictures: Pictures, victims: Columns, share: float = 1.0) -> Pictures:
    """Give the pictures the victims' own levels, which the histograms tell exactly.

    The n-th darkest pixel gets the n-th darkest level, in each channel (histogram
    specification). A `share` below 1 goes a part of the way.
    """
    found = np.empty(pictures.shape)
    for place, (picture, levels) in enumerate(zip(pictures, victims.levels, strict=True)):
        for channel in range(3):
            exact = np.repeat(np.arange(256.0), levels[1 + channel].astype(int))
            order = np.argsort(picture[..., channel], axis=None, kind="stable")
            found[place, ..., channel].flat[order] = exact
    return share * found + (1 - share) * pictures


def ridge(known: Columns, victims: Columns, *, only: str = "") -> Pictures:
    """Rebuild by ridge regression from all columns, or from `projection` or `hashes` only.

    Pictures and projection are told in contrasts about the middle grey, since hashes tell
    nothing of either: a bright picture and a pale one have the same.
    """
    features = _features(known, only, known)
    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    given = _with_one((features - centre) / scale)
    far = (_features(victims, only, known) - centre) / scale
    asked = _with_one(np.clip(far, -_FARTHEST, _FARTHEST))
    wanted = known.pictures.reshape(len(known), -1)
    wanted = ((wanted - known.middle) / known.contrast).astype(np.float32)
    solved = _solved(given, wanted)
    pixels = asked @ solved * victims.contrast + victims.middle
    return np.asarray(pixels.reshape(len(victims), *known.pictures.shape[1:]), np.float64)


def _solved(given: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weights, by the penalty that serves held-out images best."""
    held = np.arange(len(given)) % HELD_OUT == 0
    tried = {
        penalty: float(
            (
                (given[held] @ _weights(given[~held], wanted[~held], penalty) - wanted[held]) ** 2
            ).mean()
        )
        for penalty in PENALTIES
    }
    return _weights(given, wanted, min(tried, key=lambda penalty: tried[penalty]))


def _weights(
    given: NDArray[np.float32], wanted: NDArray[np.float32], penalty: float
) -> NDArray[np.float32]:
    square = given.T @ given + penalty * np.eye(given.shape[1], dtype=np.float32)
    return np.asarray(np.linalg.solve(square, given.T @ wanted), np.float32)


def _features(rows: Columns, only: str, known: Columns) -> Floats:
    """Return a row of numbers for each image: (n, features).

    Classes are those of the known images: of another, no weight could be learned.
    """
    middle, contrast = rows.middle, rows.contrast
    coarse = rows.projection * STEP
    coarse[:, 0] -= 8 * middle[:, 0]  # the orthonormal DC of 8x8 is eight times the mean
    projection, hashes = coarse / contrast, [2 * rows.bits - 1, rows.colour]
    if only == "projection":
        return projection
    if only == "hashes":
        return np.hstack(hashes)
    classes = sorted(set(known.labels)) if len(set(known.labels)) > 1 else []
    shares = rows.levels / rows.levels.sum(axis=2, keepdims=True)
    return np.hstack(
        [
            projection,
            *hashes,
            rows.segments,
            (_quantiles(shares) - middle) / contrast,
            np.sqrt(shares.reshape(len(rows), 4, _SHADES, -1).sum(axis=3)).reshape(len(rows), -1),
            np.cumsum(shares, axis=2)[:, :, :: 256 // _SHADES].reshape(len(rows), -1),
            np.log1p(np.abs(rows.quality)),
            np.array([[label == name for name in classes] for label in rows.labels], np.float64),
        ]
    )


def _quantiles(shares: Floats) -> Floats:
    """Return levels under which equal parts of the pixels lie, of each histogram: (n, 4 x 16)."""
    heaped = np.cumsum(shares, axis=2)
    parts = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    below = [(heaped < part).sum(axis=2) for part in parts]
    return np.stack(below, axis=2).reshape(len(shares), -1).astype(np.float64)


def _with_one(features: Floats) -> NDArray[np.float32]:
    return np.hstack([features, np.ones((len(features), 1))]).astype(np.float32)


def _side(victims: Columns) -> int:
    return int(victims.pictures.shape[1])


def _resized(
    pictures: Pictures, side: int, how: Image.Resampling = Image.Resampling.BICUBIC
) -> Pictures:
    resized = [Image.fromarray(picture).resize((side, side), how) for picture in pictures]
    return np.stack([np.asarray(picture) for picture in resized])
