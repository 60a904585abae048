"""Tests: what a job that measures a consumer's weights may answer, and what it delivers.

A test delivers figures and nothing else. The consumer's script runs beside the platform's code and
may answer in its place, so what it says is taken for whole numbers in range and one rounded loss,
and the document is written anew of these: a script can choose some thirty bits of it and a few more
for each asset, in each job that owners agreed to (docs/jobs.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.domain.copies import may_be_left_out
from visdm.domain.documents import count
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METRICS_FILE = "metrics.json"
FORMAT = 1
MIN_IMAGES = 10
"""Of a test in all, and of each asset where right answers are told by asset: figures over fewer
tell too much of each image. As of groups in metadata."""

MAX_LOSS = 1_000
"""A mean cross-entropy beyond it is told as this: nobody is wrong by e^1000, and the digits of a
larger number could carry a message."""

DIGITS = 4


@dataclass(frozen=True)
class Measured:
    """The checked answer: right answers and the mean loss over all images that were used.

    `kept` says how many images of each asset were used, `left_out` how many of each were not, by
    the asset that has the original. `by_asset` are the right answers of each, or nothing where an
    asset has too few images.
    """

    kept: Mapping[int, int]
    left_out: Mapping[int, Mapping[int, int]]
    correct: int
    by_asset: Mapping[int, int]
    loss: float

    @property
    def metrics(self) -> dict[str, float]:
        """Return accuracy and loss, rounded."""
        return {"accuracy": accuracy(self.correct, self.kept), "loss": self.loss}


def read_measured(answer: Mapping[str, Any], assets: Sequence[int]) -> Measured:
    """Check the answer of a test over `assets`. Raises `JobError` when it is not of this shape."""
    try:
        kept = {int(asset): count(n) for asset, n in answer["samples"].items()}
        left_out = {
            int(asset): {int(original): count(n) for original, n in originals.items()}
            for asset, originals in answer["left_out"].items()
        }
        right = {asset: count(answer["correct"][str(asset)], n + 1) for asset, n in kept.items()}
        loss = _loss(answer["loss"])
        fits = sorted(kept) == sorted(assets) and may_be_left_out(left_out, kept)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise JobError("its answer is not of the agreed shape") from None
    if not fits or len(answer["correct"]) != len(kept) or not all(kept.values()):
        raise JobError("its answer is not of the agreed shape")
    if not is_enough(sum(kept.values())):
        raise JobError(f"a test is over at least {MIN_IMAGES} images, and its assets hold fewer")
    return Measured(
        kept, left_out, sum(right.values()), right if by_asset_is_told(kept) else {}, loss
    )


def is_enough(images: int) -> bool:
    """Whether a test may be over so many images in all."""
    return images >= MIN_IMAGES


def by_asset_is_told(kept: Mapping[int, int]) -> bool:
    """Whether right answers are told by asset: of none, where one has too few images, since the
    sum and the others' would tell of it too.
    """
    return all(images >= MIN_IMAGES for images in kept.values())


def accuracy(correct: int, kept: Mapping[int, int]) -> float:
    """Return the share of right answers, rounded."""
    return round(correct / sum(kept.values()), DIGITS)


def document(
    kept: Mapping[int, int], correct: int, by_asset: Mapping[int, int], metrics: Mapping[str, float]
) -> bytes:
    """Return `metrics.json`: a function of what the job's report says, so that it says no more."""
    assets = {
        str(asset): {"images": images, **({"correct": by_asset[asset]} if by_asset else {})}
        for asset, images in kept.items()
    }
    whole = {
        "format": FORMAT,
        "images": sum(kept.values()),
        "correct": correct,
        **metrics,
        "assets": assets,
    }
    return json.dumps(whole, indent=1, sort_keys=True, allow_nan=False).encode()


def _loss(value: object) -> float:
    if type(value) is not int and type(value) is not float:
        raise TypeError("not a loss")
    if not value >= 0:  # as NaN is not
        raise ValueError("not a loss")
    return round(float(min(value, MAX_LOSS)), DIGITS)
