"""What a training computation may answer, checked before any of it is published.

A stranger's script runs beside the platform's code in the sandbox and may answer in its place.
So nothing is passed on but numbers of a known shape: one count per planned coalition, and two
metrics. The accuracy is a count too, over the number of validation images that the profile told;
of the loss four decimals are kept. What libraries ran, and which classes there are, the provider
knows itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.domain.copies import may_be_left_out
from visdm.domain.documents import count, expect
from visdm.domain.packages import Disclosure
from visdm.domain.regimes import MAX_EPSILON
from visdm.domain.values import SHAPLEY, coalitions
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHAPE = "its answer is not of the agreed shape"
"""The reason for refusing an answer."""

DIGITS = 4
"""Decimals of a metric: enough to judge a model, too few to carry an image."""

MAX_VALIDATION = 10**9
MAX_LOSS = 1000
"""A loss above it is told as this: such a network learned nothing, however much less than that."""


@dataclass(frozen=True)
class Trained:
    """The checked answer: right answers per coalition out of `validation`, and metrics.

    `kept` says how many images of each asset were used, `left_out` how many of each were not, by
    the asset that has the original; `epsilon` (thousandths) counts for private trainings alone.
    """

    validation: int
    utilities: tuple[tuple[tuple[int, ...], int], ...]
    metrics: Mapping[str, float]
    kept: Mapping[int, int]
    left_out: Mapping[int, Mapping[int, int]]
    epsilon: int = 0


def read_trained(answer: Mapping[str, Any], method: str, assets: Sequence[int]) -> Trained:
    """Check the answer of a job over `assets`. Raises `JobError` when it is not of this shape."""
    try:
        validation = count(answer["validation"], MAX_VALIDATION + 1)
        planned = [(), *coalitions(assets)] if method == SHAPLEY else []
        given = {
            tuple(count(asset, 2**63) for asset in coalition): count(right, validation + 1)
            for coalition, right in (answer["utilities"] if planned else [])
        }
        metrics = _metrics(answer["metrics"], validation, given.get(tuple(sorted(assets))))
        kept = {int(asset): count(n) for asset, n in answer["kept"].items()}
        left_out = {
            int(asset): {int(original): count(n) for original, n in originals.items()}
            for asset, originals in answer["left_out"].items()
        }
        epsilon = count(answer.get("epsilon", 0), MAX_EPSILON + 1)
        fits = sorted(kept) == sorted(assets) and may_be_left_out(left_out, kept)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError):
        raise JobError(SHAPE) from None
    if validation == 0 or set(given) != set(planned) or not fits:
        raise JobError(SHAPE)
    utilities = tuple((c, given[c]) for c in planned)
    return Trained(validation, utilities, metrics, kept, left_out, epsilon)


def read_disclosure(answer: Mapping[str, Any]) -> Disclosure:
    """Return what a package's owner discloses, as `describe` read it.

    Raises `JobError` where it is no disclosure: then nothing is to be published.
    """
    try:
        return Disclosure(expect(answer["disclosure"], str))
    except (KeyError, TypeError, ValueError):
        raise JobError(SHAPE) from None


def _metrics(said: Mapping[str, Any], validation: int, correct: int | None) -> dict[str, float]:
    """Return accuracy and loss; the accuracy from the count of right answers where that is told.

    Else from the count that it stands for: a share of so many images has no other decimals.
    """
    accuracy, loss = _number(said["accuracy"], 1), _number(said["loss"], float("inf"))
    if correct is None:
        correct = round(accuracy * validation)
    return {
        "accuracy": round(correct / validation, DIGITS),
        "loss": round(float(min(loss, MAX_LOSS)), DIGITS) + 0.0,  # zero has one sign
    }


def _number(value: object, most: float) -> float:
    if type(value) is not int and type(value) is not float:
        raise TypeError("not a metric")
    if not 0 <= value <= most:  # NaN is neither
        raise ValueError("not a metric")
    return value
