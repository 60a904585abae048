"""Reports: what anybody can check of them, and what is no report."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.jobs import WHOLE, Job, JobState, equal_parts, rewards, shares
from visdm.domain.reports import Report, check, values_of
from visdm.domain.rounds import Outcome, RoundState, Task, Terms
from visdm.domain.values import coalitions
from visdm.errors import InputError

CID = "bafkreireport"
ROUND = "0x" + "ab" * 32
TERMS = Terms(
    consumer="0x",
    model=20,
    provider=1,
    assets=(3, 5, 8, 13),
    ladder=(10, 20),
    task=Task.TRAIN,
    method="shapley",
    seed=42,
    quorum=0,
    threshold=10_000,
    min_samples=1,
    fee_cap=500,
    vote_by=1,
    fund_by=2,
    settle_by=3,
)
OUTCOME = Outcome(RoundState.PRICED, (1, 2, 127, 1), step=2, unit_price=20, samples=600)
"""Asset 8 rejected."""

PACKAGES = {asset: f"bafkrei{asset}" for asset in (3, 5, 8, 13, 20, 21)}
"""Of all assets on the chain."""

RIGHT = {
    (): 10,
    (3,): 60,
    (5,): 40,
    (13,): 12,
    (3, 5): 80,
    (3, 13): 61,
    (5, 13): 43,
    (3, 5, 13): 85,
}
"""Validation images got right, of a hundred."""


SAMPLES = {3: 200, 5: 200, 8: 100, 13: 100}
"""Images that assets were registered with."""


def honest(terms: Terms = TERMS, *, copied: bool = False) -> tuple[Report, Job]:
    """Return a report that follows from `RIGHT`, and its settled job.

    Where it is `copied`, asset 13 has nothing but images of asset 5.
    """
    utilities = tuple(
        (coalition, RIGHT[tuple(a for a in coalition if a != 13)] if copied else right)
        for coalition, right in RIGHT.items()
    )
    values = values_of(utilities, 100)
    parts = shares(values)
    testing = terms.task is Task.TEST
    if testing or terms.method == "equal":
        utilities, values = (), {}
        earning = (3, 5) if copied else (3, 5, 13)
        parts = dict(zip(earning, equal_parts(len(earning)), strict=True))
    by_position = tuple(parts.get(asset, 0) for asset in terms.assets)
    report = Report(
        round=ROUND,
        task=terms.task.name.lower(),
        method=terms.method,
        seed=terms.seed,
        model=terms.model,
        inputs={asset: PACKAGES[asset] for asset in (3, 5, 13, 20)},
        validation=0 if testing else 100,
        utilities=utilities,
        values={asset: str(value) for asset, value in values.items()},
        shares=by_position,
        rewards=rewards(OUTCOME.price, by_position),
        price=OUTCOME.price,
        fee=300,
        metrics={"accuracy": 0.849 if testing else 0.85},
        classes=("cat", "dog"),
        result="bafkreiresult",
        grants="bafkreigrants",
        kept={3: 200, 5: 190, 13: 0 if copied else 100},
        left_out={5: {3: 7, 5: 3}, 13: {5: 100}} if copied else {5: {3: 7, 5: 3}},
        correct=416 if testing else 0,
        by_asset={3: 180, 5: 150, 13: 86} if testing else {},
        digest="ab" * 32,
        sandbox="none",
        versions={"torch": "2"},
        threads=1,
        regime="loop",
        epsilon=0,
        delta=0.0,
    )
    job = Job(
        round=ROUND,
        state=JobState.SETTLED,
        price=OUTCOME.price,
        fee_cap=500,
        settle_by=3,
        fee=300,
        shares=by_position,
        result="bafkreiresult",
        report=CID,
    )
    return report, job


REPORT, JOB = honest()
OTHERWISE = {
    "test": replace(TERMS, task=Task.TEST),
    "equal": replace(TERMS, method="equal"),
}


# What can be checked.


def test_an_honest_report_holds() -> None:
    assert check(REPORT, PACKAGES, TERMS, OUTCOME, JOB, SAMPLES) == []


@pytest.mark.parametrize("kind", OTHERWISE)
def test_an_honest_report_of_equal_shares_holds(kind: str) -> None:
    report, job = honest(OTHERWISE[kind])
    assert check(report, PACKAGES, OTHERWISE[kind], OUTCOME, job, SAMPLES) == []
    skewed = (WHOLE - 2, 1, 0, 1)
    paid = replace(report, shares=skewed, rewards=rewards(report.price, skewed))
    wrong = check(paid, PACKAGES, OTHERWISE[kind], OUTCOME, replace(job, shares=skewed), SAMPLES)
    assert wrong == ["the shares do not follow from the utilities"]


def moved(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Move one unit from the first to the second."""
    return numbers[0] - 1, numbers[1] + 1, *numbers[2:]


FORGED: dict[str, tuple[Any, str]] = {
    "round": ("0x" + "cd" * 32, "the round is "),
    "task": ("test", "the task is 'test' in the report, 'train' on the chain"),
    "method": ("equal", "the method is "),
    "seed": (43, "the seed is 43 in the report, 42 on the chain"),
    "model": (21, "the model is 21 in the report, 20 on the chain"),
    "inputs": ({**REPORT.inputs, 5: "bafkreiother"}, "the input is "),
    "utilities": (tuple(RIGHT.items())[:-1], "no utility for the coalition (3, 5, 13)"),
    "values": ({3: "1/2", 5: "1/4", 13: "0"}, "the values do not follow from the utilities"),
    "shares": (moved(REPORT.shares), "the shares do not follow from the utilities"),
    "rewards": (moved(REPORT.rewards), "the rewards do not follow from the shares"),
    "price": (OUTCOME.price + 1, "the price is "),
    "fee": (299, "the fee is 299 in the report, 300 on the chain"),
    "result": ("bafkreiother", "the result is 'bafkreiother' in the report"),
    "kept": ({**REPORT.kept, 3: 201}, "asset 3 has fewer images than were used and left out"),
    "left_out": ({3: {5: 1}}, "the images left out are not those of an earlier asset"),
    "correct": (1, "right answers are told of a job that is no test"),
    "by_asset": ({3: 1}, "right answers are told of a job that is no test"),
    "regime": ("script", "the regime is 'script', 'loop' in the model's profile"),
    "epsilon": (1, "the epsilon is not within that of the model's profile"),
    "delta": (1e-5, "the delta is another than in the model's profile"),
}
OPEN = {
    *("validation", "metrics", "classes", "grants", "sandbox", "versions", "threads", "digest"),
}
"""What nothing on the chain speaks of: only a second run tells."""


def test_every_field_is_checked_or_known_not_to_be() -> None:
    assert set(FORGED) | OPEN == set(Report.__dataclass_fields__)


@pytest.mark.parametrize("field", FORGED)
def test_an_altered_field_is_found(field: str) -> None:
    value, complaint = FORGED[field]
    wrong = check(replace(REPORT, **{field: value}), PACKAGES, TERMS, OUTCOME, JOB, SAMPLES)
    assert any(sentence.startswith(complaint) for sentence in wrong), wrong
    assert all(sentence.isprintable() for sentence in wrong)


TESTED, TESTED_JOB = honest(OTHERWISE["test"])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"correct": 417}, "the accuracy does not follow from the right answers"),
        ({"correct": 491}, "more answers are right than there are images"),
        ({"correct": -1}, "more answers are right than there are images"),
        ({"metrics": {"accuracy": 0.85}}, "the accuracy does not follow from the right answers"),
        ({"metrics": {}}, "the accuracy does not follow from the right answers"),
        ({"by_asset": {}}, "right answers are not told of the assets"),
        ({"by_asset": {3: 200, 5: 190}}, "right answers are not told of the assets"),
        ({"by_asset": {3: 181, 5: 150, 13: 86}}, "the right answers of the assets do not sum up"),
        ({"by_asset": {3: 201, 5: 150, 13: 65}}, "more answers are right than an asset has images"),
        ({"kept": {3: 200, 5: 190, 13: 0}}, "the test is over too few images"),
        ({"kept": {3: 4, 5: 3, 13: 2}}, "the test is over too few images"),
        ({"kept": {3: 395, 5: 90, 13: 5}}, "right answers are not told of the assets"),
        ({"validation": 100}, "utilities are told of a job that trains nothing"),
        ({"utilities": REPORT.utilities}, "utilities are told of a job that trains nothing"),
    ],
)
def test_figures_of_a_test_that_cannot_be_are_found(
    changes: dict[str, Any], complaint: str
) -> None:
    terms, forged = OTHERWISE["test"], replace(TESTED, **changes)
    room = {**SAMPLES, 3: 500}
    wrong = check(forged, PACKAGES, terms, OUTCOME, TESTED_JOB, room)
    assert any(sentence.startswith(complaint) for sentence in wrong), wrong


def test_a_test_with_a_small_asset_tells_no_right_answers_by_asset() -> None:
    """The sum and the others' would tell of it: so none are told."""
    kept = {3: 395, 5: 90, 13: 5}
    report = replace(TESTED, kept=kept, by_asset={})
    room = {**SAMPLES, 3: 500}
    assert check(report, PACKAGES, OTHERWISE["test"], OUTCOME, TESTED_JOB, room) == []


def test_a_settlement_names_no_shares_of_a_test_as_the_contract_makes_them() -> None:
    assert TESTED.split == ()
    assert REPORT.split == REPORT.shares


@pytest.mark.parametrize("method", ["shapley", "equal"])
def test_an_asset_of_nothing_but_copies_earns_nothing(method: str) -> None:
    terms = replace(TERMS, method=method)
    report, job = honest(terms, copied=True)
    assert check(report, PACKAGES, terms, OUTCOME, job, SAMPLES) == []
    assert report.shares[3] == 0
    assert sum(report.shares) == WHOLE


def test_an_asset_of_which_nothing_was_used_changes_no_utility() -> None:
    forged = replace(REPORT, kept={**REPORT.kept, 13: 0}, left_out={13: {5: 100}})
    wrong = check(forged, PACKAGES, TERMS, OUTCOME, JOB, SAMPLES)
    assert wrong == ["an asset of which no image was used changes a utility"]


def test_an_honest_asset_is_not_left_out_of_equal_shares() -> None:
    terms = OTHERWISE["equal"]
    report, job = honest(terms)
    forged = replace(report, kept={**report.kept, 13: 0}, left_out={13: {5: 100}})
    wrong = check(forged, PACKAGES, terms, OUTCOME, job, SAMPLES)
    assert wrong == ["the shares do not follow from the utilities"]


@pytest.mark.parametrize(
    ("kept", "left_out"),
    [
        ({3: 0, 5: 190, 13: 100}, {}),
        ({3: 200, 5: 190, 13: 100}, {5: {13: 1}}),
        ({3: 200, 5: 190, 13: 100}, {8: {3: 1}}),
        ({3: 200, 5: 190, 13: 100}, {5: {8: 1}}),
        ({3: 200, 5: 190, 13: 100}, {5: {3: 0}}),
    ],
)
def test_images_that_nobody_can_have_left_out_are_found(
    kept: dict[int, int], left_out: dict[int, dict[int, int]]
) -> None:
    forged = replace(REPORT, kept=kept, left_out=left_out)
    wrong = check(forged, PACKAGES, TERMS, OUTCOME, JOB, SAMPLES)
    assert wrong == ["the images left out are not those of an earlier asset of the dataset"]


@pytest.mark.parametrize(("coalition", "by"), list(product(RIGHT, (-1, 1))))
def test_a_utility_altered_by_one_image_is_found(coalition: tuple[int, ...], by: int) -> None:
    utilities = tuple((RIGHT | {coalition: RIGHT[coalition] + by}).items())
    wrong = check(replace(REPORT, utilities=utilities), PACKAGES, TERMS, OUTCOME, JOB, SAMPLES)
    assert wrong == ["the values do not follow from the utilities"]


@pytest.mark.parametrize("right", [-1, 101])
def test_a_utility_that_counts_no_images_is_found(right: int) -> None:
    utilities = tuple((RIGHT | {(3,): right}).items())
    wrong = check(replace(REPORT, utilities=utilities), PACKAGES, TERMS, OUTCOME, JOB, SAMPLES)
    assert wrong == ["a utility is not a count of the validation images"]


def test_utilities_of_an_asset_that_did_not_consent_are_found() -> None:
    everybody = dict.fromkeys(((), *coalitions(TERMS.assets)), 5)
    values = values_of(tuple(everybody.items()), 100)
    forged = replace(
        REPORT,
        utilities=tuple(everybody.items()),
        values={asset: str(value) for asset, value in values.items()},
    )
    wrong = check(forged, PACKAGES, TERMS, OUTCOME, JOB, SAMPLES)
    assert wrong == ["the utilities are not those of the dataset"]


@pytest.mark.parametrize("state", [JobState.FUNDED, JobState.REFUNDED])
def test_a_report_of_a_job_that_was_not_settled_is_found(state: JobState) -> None:
    wrong = check(REPORT, PACKAGES, TERMS, OUTCOME, replace(JOB, state=state), SAMPLES)
    assert wrong == ["the job is not settled"]


def test_rewards_that_were_not_paid_are_found() -> None:
    paid = replace(JOB, shares=moved(JOB.shares))
    wrong = check(REPORT, PACKAGES, TERMS, OUTCOME, paid, SAMPLES)
    assert len(wrong) == 1
    assert wrong[0].startswith("the shares ")


@pytest.mark.parametrize(
    "inputs",
    [
        {3: PACKAGES[3], 5: PACKAGES[5], 20: PACKAGES[20]},
        {**REPORT.inputs, 8: PACKAGES[8]},
        {3: PACKAGES[5], 5: PACKAGES[3], 13: PACKAGES[13], 20: PACKAGES[20]},
        {3: PACKAGES[3], 5: PACKAGES[5], 13: PACKAGES[13], 21: PACKAGES[21]},
        {},
    ],
    ids=["one left out", "one that rejected", "two swapped", "another model", "none"],
)
def test_a_report_on_other_packages_than_those_agreed_on_is_found(inputs: dict[int, str]) -> None:
    wrong = check(replace(REPORT, inputs=inputs), PACKAGES, TERMS, OUTCOME, JOB, SAMPLES)
    assert len(wrong) == 1
    assert wrong[0].startswith("the input is ")


# Values.


def test_values_are_exact_and_sum_to_one() -> None:
    # One is worth half of a third, two a sixth of it: three quarters and a quarter.
    assert values_of((((), 0), ((1,), 1), ((2,), 0), ((1, 2), 2)), 3) == {
        1: Fraction(3, 4),
        2: Fraction(1, 4),
    }


@given(st.lists(st.integers(0, 50), min_size=8, max_size=8))
def test_values_sum_to_exactly_one_and_none_is_negative(right: list[int]) -> None:
    values = values_of(tuple(zip(RIGHT, right, strict=True)), 50)
    assert sum(values.values()) == 1
    assert min(values.values()) >= 0


@pytest.mark.parametrize(("right", "validation"), [(-1, 3), (4, 3), (0, 0), (0, -1)])
def test_a_utility_out_of_range_has_no_value(right: int, validation: int) -> None:
    with pytest.raises(InputError, match="count of the validation images"):
        values_of((((), 0), ((1,), right)), validation)
