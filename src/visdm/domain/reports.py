"""Reports: the public record of a job, and what anybody can check of it (DESIGN promise 5).

A report names its inputs by CID and holds every coalition's utility, so that values, shares
and rewards follow from it by exact arithmetic, and the chain says whether they were paid.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from visdm.domain.copies import contributing, may_be_left_out, overfull
from visdm.domain.documents import count, expect, parse
from visdm.domain.jobs import JobState, equal_parts, normalised, rewards, shares
from visdm.domain.regimes import Privacy
from visdm.domain.rounds import Task
from visdm.domain.testing import accuracy, by_asset_is_told, is_enough
from visdm.domain.values import EQUAL, shapley
from visdm.errors import BlobError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from visdm.domain.jobs import Job
    from visdm.domain.rounds import Outcome, Terms

FORMAT = 3
TEST = Task.TEST.name.lower()


@dataclass(frozen=True)
class Report:
    """The record of one job; money in token units.

    `inputs` maps each asset of the dataset, and the model, to the CID of its package.
    `utilities` lists coalitions (asset ids) with the validation images each one's model got
    right, of `validation` in all; empty for a test job. `values` are exact fractions as text,
    by asset; `grants` is where the consumer finds the key of `result`. `kept` says how many images
    of each asset were used, and `left_out` how many were not, since an earlier asset of the job has
    them, or the asset itself once more: by asset, and by the one that has the original. `regime` is
    how the model trained; `epsilon` (thousandths) at `delta` bounds what all the trainings of a
    private one tell of an image, and is 0 of any other, and of a test, which is no training.

    `task` is `train` or `test`. Of a test `correct` are the right answers of all images used, and
    `by_asset` those of each asset, where all have enough of them (`visdm.domain.testing`), or none;
    of a training 0 and none. `digest` is the SHA-256 of the result in clear, in hex: whoever
    computes the job again can compare it, and the consumer what it gets. It tells nothing else, as
    nobody guesses the weights of a network, and what a test delivers is in the report itself.
    """

    round: str
    task: str
    method: str
    seed: int
    model: int
    inputs: Mapping[int, str]
    validation: int
    utilities: tuple[tuple[tuple[int, ...], int], ...]
    values: Mapping[int, str]
    shares: tuple[int, ...]
    rewards: tuple[int, ...]
    price: int
    fee: int
    metrics: Mapping[str, float]
    classes: tuple[str, ...]
    result: str
    grants: str
    kept: Mapping[int, int]
    left_out: Mapping[int, Mapping[int, int]]
    correct: int
    by_asset: Mapping[int, int]
    digest: str
    sandbox: str
    versions: Mapping[str, str]
    threads: int
    regime: str
    epsilon: int
    delta: float

    @property
    def split(self) -> tuple[int, ...]:
        """The shares that its provider settles with: the contract makes a test's itself."""
        return () if self.task == TEST else self.shares

    def to_bytes(self) -> bytes:
        """Return the document to publish."""
        return json.dumps(
            {"format": FORMAT, **asdict(self)}, sort_keys=True, indent=1, allow_nan=False
        ).encode()

    @classmethod
    def from_bytes(cls, document: bytes, *, cid: str) -> Report:
        """Read a published report. Raises `BlobError` when it is not of this format."""
        try:
            fields = parse(document)
            if fields.pop("format") != FORMAT:
                raise BlobError(cid, f"not a report of format {FORMAT}")
            return _typed(cls, fields)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BlobError(cid, "not a report") from None


_SINGLE: dict[str, type] = {
    **dict.fromkeys(("round", "task", "method", "result", "grants", "sandbox"), str),
    **dict.fromkeys(("digest", "regime"), str),
    "delta": float,
    **dict.fromkeys(("seed", "model", "validation", "price", "fee", "threads"), int),
    **dict.fromkeys(("correct", "epsilon"), int),
}
_LISTS: dict[str, type] = {"shares": int, "rewards": int, "classes": str}
_TABLES: dict[str, tuple[type, type]] = {
    "inputs": (int, str),
    "values": (int, str),
    "versions": (str, str),
}


def _typed(cls: type[Report], fields: dict[str, Any]) -> Report:
    """Build a report of the types it declares: strangers write reports."""
    for name, kind in _SINGLE.items():
        expect(fields[name], kind)
    for name, each in _LISTS.items():
        fields[name] = tuple(expect(item, each) for item in expect(fields[name], list))
    for name, (key, each) in _TABLES.items():
        fields[name] = {key(k): expect(v, each) for k, v in fields[name].items()}
    for name in ("kept", "by_asset"):
        fields[name] = {int(k): count(v) for k, v in fields[name].items()}
    fields["left_out"] = {
        int(asset): {int(k): count(v) for k, v in originals.items()}
        for asset, originals in fields["left_out"].items()
    }
    fields["metrics"] = {str(k): float(expect(v, float)) for k, v in fields["metrics"].items()}
    fields["utilities"] = tuple(
        (tuple(expect(asset, int) for asset in coalition), expect(right, int))
        for coalition, right in fields["utilities"]
    )
    return cls(**fields)


def values_of(
    utilities: tuple[tuple[tuple[int, ...], int], ...], validation: int
) -> dict[int, Fraction]:
    """Return exact Shapley values from counts of right answers, scaled to sum to 1.

    Raises `InputError` when a coalition is missing or a count is out of range.
    """
    if validation < 1 or any(not 0 <= right <= validation for _, right in utilities):
        raise InputError("a utility is not a count of the validation images")
    counted = {coalition: Fraction(right, validation) for coalition, right in utilities}
    return normalised(shapley(counted))


def check(
    report: Report,
    packages: Mapping[int, str],
    terms: Terms,
    outcome: Outcome,
    job: Job,
    samples: Mapping[int, int],
    promise: Privacy | None = None,
) -> list[str]:
    """Return what is wrong with a report, as sentences; nothing when it holds.

    `packages` are the CIDs of all assets on the chain; `job` carries the round's id;
    `samples` are the numbers of images that assets were registered with; `promise` is how the
    model's profile says that it trains, by default without privacy.

    Whether the utilities are true takes a second provider that runs the job again; that
    everything else follows from them, and was paid, is checked here.
    """
    included = [a for place, a in enumerate(terms.assets) if outcome.includes(place)]
    claims: dict[str, tuple[Any, Any]] = {
        "the round": (report.round, job.round),
        "the task": (report.task, terms.task.name.lower()),
        "the method": (report.method, terms.method),
        "the seed": (report.seed, terms.seed),
        "the model": (report.model, terms.model),
        "the price": (report.price, job.price),
        "the fee": (report.fee, job.fee),
        "the result": (report.result, job.result),
        "the shares": (report.shares, job.shares),
        "the input": (
            dict(report.inputs),
            {asset: packages[asset] for asset in (*included, terms.model)},
        ),
    }
    wrong = [
        f"{what} is {claimed!r} in the report, {true!r} on the chain"
        for what, (claimed, true) in claims.items()
        if claimed != true
    ]
    if job.state is not JobState.SETTLED:
        wrong.append("the job is not settled")
    wrong += _wrong_images(report, included, samples)
    wrong += _wrong_figures(report)
    testing = terms.task is Task.TEST
    wrong += _wrong_privacy(report, Privacy() if testing or promise is None else promise)
    try:
        expected = expected_shares(terms, outcome, report)
        if tuple(report.shares) != expected:
            wrong.append("the shares do not follow from the utilities")
        if tuple(report.rewards) != rewards(report.price, report.shares):
            wrong.append("the rewards do not follow from the shares")
    except InputError as error:
        wrong.append(error.message)
    return wrong


def _wrong_privacy(report: Report, promise: Privacy) -> list[str]:
    """Return what of a report contradicts how the model's profile says that it trains."""
    wrong = []
    if report.regime != promise.regime:
        wrong.append(f"the regime is {report.regime!r}, {promise.regime!r} in the model's profile")
    if report.delta != promise.delta:
        wrong.append("the delta is another than in the model's profile")
    if not min(promise.epsilon, 1) <= report.epsilon <= promise.epsilon:
        wrong.append("the epsilon is not within that of the model's profile")
    return wrong


def _wrong_images(report: Report, included: list[int], samples: Mapping[int, int]) -> list[str]:
    """Return what cannot be of what the report says was used and left out."""
    if sorted(report.kept) != included:
        return ["the images used are not of the dataset"]
    if not may_be_left_out(report.left_out, report.kept):
        return ["the images left out are not those of an earlier asset of the dataset"]
    wrong = [
        f"asset {asset} has fewer images than were used and left out"
        for asset in overfull(report.kept, report.left_out, samples)
    ]
    used = set(contributing(report.kept))
    known = dict(report.utilities)
    for coalition, right in known.items():
        if known.get(tuple(asset for asset in coalition if asset in used)) != right:
            wrong.append("an asset of which no image was used changes a utility")
            break
    return wrong


def _wrong_figures(report: Report) -> list[str]:
    """Return what of a test's figures cannot be, or does not belong in a report of training."""
    if report.task != TEST:
        told = report.correct or report.by_asset
        return ["right answers are told of a job that is no test"] if told else []
    images = sum(report.kept.values())
    if not is_enough(images) or not all(report.kept.values()):
        return ["the test is over too few images"]
    if report.validation or report.utilities or report.values:
        return ["utilities are told of a job that trains nothing"]
    wrong = []
    if not 0 <= report.correct <= images:
        wrong.append("more answers are right than there are images")
    elif report.metrics.get("accuracy") != accuracy(report.correct, report.kept):
        wrong.append("the accuracy does not follow from the right answers")
    if set(report.by_asset) != (set(report.kept) if by_asset_is_told(report.kept) else set()):
        return [*wrong, "right answers are not told of the assets that they are to be told of"]
    if report.by_asset and sum(report.by_asset.values()) != report.correct:
        wrong.append("the right answers of the assets do not sum up")
    if any(right > report.kept[asset] for asset, right in report.by_asset.items()):
        wrong.append("more answers are right than an asset has images")
    return wrong


def expected_shares(terms: Terms, outcome: Outcome, report: Report) -> tuple[int, ...]:
    """Return the shares by position that the report's own utilities lead to."""
    included = [a for place, a in enumerate(terms.assets) if outcome.includes(place)]
    if terms.task is Task.TEST or terms.method == EQUAL:
        # A test is split by the contract, which knows of no copies.
        used = included if terms.task is Task.TEST else contributing(report.kept)
        earning = [asset for asset in included if asset in used]
        if not earning:
            raise InputError("no image of any asset was used")
        parts = dict(zip(earning, equal_parts(len(earning)), strict=True))
    else:
        values = values_of(report.utilities, report.validation)
        if sorted(values) != included:
            raise InputError("the utilities are not those of the dataset")
        if {asset: str(value) for asset, value in values.items()} != dict(report.values):
            raise InputError("the values do not follow from the utilities")
        parts = shares(values)
    return tuple(parts.get(asset, 0) for asset in terms.assets)
