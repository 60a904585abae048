"""What a training computation may answer, checked before any of it is published.

A stranger's script runs beside the platform's code in the sandbox and may answer in its place.
So nothing is passed on but numbers of a known shape: one count per planned coalition, and two
metrics, rounded. What libraries ran, and which classes there are, the provider knows itself.
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

METRICS = ("accuracy", "loss")
DIGITS = 4
"""Decimals of a metric: enough to judge a model, too few to carry an image."""

MAX_VALIDATION = 10**9
MAX_METRIC = 1e300


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
        metrics = {name: _metric(answer["metrics"][name]) for name in METRICS}
        kept = {int(asset): count(n) for asset, n in answer["kept"].items()}
        left_out = {
            int(asset): {int(original): count(n) for original, n in originals.items()}
            for asset, originals in answer["left_out"].items()
        }
        epsilon = count(answer.get("epsilon", 0), MAX_EPSILON + 1)
        fits = sorted(kept) == sorted(assets) and may_be_left_out(left_out, kept)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise JobError("its answer is not of the agreed shape") from None
    if validation == 0 or set(given) != set(planned) or not fits:
        raise JobError("its answer is not of the agreed shape")
    utilities = tuple((c, given[c]) for c in planned)
    return Trained(validation, utilities, metrics, kept, left_out, epsilon)


def read_disclosure(answer: Mapping[str, Any]) -> Disclosure:
    """Return what a package's owner discloses, as `describe` read it.

    Raises `JobError` where it is no disclosure: then nothing is to be published.
    """
    try:
        return Disclosure(expect(answer["disclosure"], str))
    except (KeyError, TypeError, ValueError):
        raise JobError("its answer is not of the agreed shape") from None


def _metric(value: object) -> float:
    if type(value) is not int and type(value) is not float:
        raise TypeError("not a metric")
    if not abs(value) <= MAX_METRIC:  # whole numbers of any length among them; NaN is not either
        raise ValueError("not a metric")
    return round(float(value), DIGITS)
