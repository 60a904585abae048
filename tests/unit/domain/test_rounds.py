"""Terms that contradict themselves, and the price that a round finds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.assets import NO_RESERVE
from visdm.domain.rounds import (
    BASIS,
    LAST,
    LIMITS,
    MAX_ASSETS,
    MAX_STEPS,
    REJECT,
    SILENT,
    Ballot,
    Outcome,
    RoundState,
    Standing,
    Task,
    Terms,
    choice_for,
    reserve_choice,
    tally,
)
from visdm.domain.values import EQUAL, MAX_EXACT
from visdm.errors import InputError, TermsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

VECTORS = Path(__file__).parents[2] / "vectors" / "rounds.json"
TERMS = Terms(
    consumer="0x",
    model=9,
    provider=1,
    assets=(1, 2, 3),
    ladder=(10, 20, 30),
    task=Task.TRAIN,
    method="shapley",
    seed=1,
    quorum=0,
    threshold=BASIS,
    min_samples=1,
    fee_cap=0,
    vote_by=1,
    fund_by=2,
    settle_by=3,
)

Votes = tuple[Terms, list[Standing], list[int]]


@st.composite
def votes(draw: st.DrawFn) -> Votes:
    """Terms, standings and ballots that may meet in a round."""
    count = draw(st.integers(1, 6))
    ladder = tuple(sorted(draw(st.sets(st.integers(1, 50), min_size=1, max_size=5))))
    standing = st.builds(
        Standing,
        samples=st.integers(1, 1_000),
        reserve=st.integers(0, 60) | st.just(NO_RESERVE),
        available=st.booleans(),
    )
    choice = st.sampled_from([SILENT, REJECT, *range(1, len(ladder) + 1)])
    terms = replace(
        TERMS,
        assets=tuple(range(1, count + 1)),
        ladder=ladder,
        quorum=draw(st.integers(0, BASIS)),
        threshold=draw(st.integers(1, BASIS)),
        min_samples=draw(st.integers(0, 2_000)),
    )
    standings = draw(st.lists(standing, min_size=count, max_size=count))
    return terms, standings, draw(st.lists(choice, min_size=count, max_size=count))


# Terms.


def test_terms_without_contradiction_pass() -> None:
    TERMS.check()
    replace(TERMS, assets=tuple(range(1, MAX_EXACT + 1))).check()
    replace(TERMS, assets=tuple(range(1, MAX_ASSETS + 1)), method=EQUAL).check()
    replace(TERMS, ladder=tuple(range(1, MAX_STEPS + 1))).check()
    replace(TERMS, ladder=(1, NO_RESERVE - 1)).check()
    for name in ("seed", "min_samples", "fee_cap", "provider"):
        replace(TERMS, **{name: LIMITS[name] - 1}).check()  # type: ignore[arg-type]  # numbers
    replace(TERMS, quorum=BASIS, threshold=1).check()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"ladder": ()}, "the price ladder is empty"),
        ({"ladder": (0, 1)}, "the price ladder holds 0"),
        ({"ladder": (-5, 1)}, "the price ladder holds -5"),
        ({"ladder": (10, 10)}, "the price ladder is out of order: 10 comes before 10"),
        ({"ladder": (10, 30, 20)}, "the price ladder is out of order: 30 comes before 20"),
        ({"ladder": tuple(range(1, 102))}, "the price ladder has 101 entries; at most 100"),
        ({"assets": ()}, "the dataset is empty"),
        ({"assets": (0, 1)}, "the dataset holds 0"),
        ({"assets": (1, 1)}, "the dataset is out of order: 1 comes before 1"),
        ({"assets": (2, 1)}, "the dataset is out of order: 2 comes before 1"),
        (
            {"assets": tuple(range(1, MAX_ASSETS + 2))},
            f"the dataset has {MAX_ASSETS + 1} entries; at most {MAX_ASSETS}",
        ),
        ({"assets": tuple(range(1, 10))}, "exact Shapley values take at most 8 assets, not 9"),
        ({"method": "guess"}, "unknown method 'guess'"),
        ({"ladder": (1, NO_RESERVE)}, f"the price ladder ends at {NO_RESERVE}, beyond any amount"),
        ({"ladder": (1, 2**80)}, f"the price ladder ends at {2**80}"),
        ({"threshold": 0}, "threshold 0 "),
        ({"threshold": 10_001}, "threshold 10001 "),
        ({"quorum": -1}, "quorum -1 "),
        ({"quorum": 10_001}, "quorum 10001 "),
        ({"fund_by": 1}, "deadlines are out of order: vote by 1, fund by 1, settle by 3"),
        ({"settle_by": 2}, "deadlines are out of order: vote by 1, fund by 2, settle by 2"),
    ],
)
def test_the_contradiction_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TermsError, match=complaint):
        replace(TERMS, **changes).check()


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_a_number_that_no_contract_holds_is_named(name: str, limit: int) -> None:
    for number in (-1, limit):
        with pytest.raises(TermsError, match=f"{name} {number} is not within 0..{limit - 1}"):
            replace(TERMS, **{name: number}).check()  # type: ignore[arg-type]  # all are numbers


# The price.


@pytest.mark.parametrize(
    "vector", json.loads(VECTORS.read_text())["vectors"], ids=lambda vector: vector["name"]
)
def test_a_round_closes_as_its_vector_says(vector: dict[str, Any]) -> None:
    terms = replace(
        TERMS,
        assets=tuple(range(1, len(vector["samples"]) + 1)),
        ladder=tuple(vector["ladder"]),
        quorum=vector["quorum"],
        threshold=vector["threshold"],
        min_samples=vector["min_samples"],
    )
    standings = [
        Standing(
            samples,
            NO_RESERVE if reserve is None else reserve,
            available=place not in vector["retired"],
        )
        for place, (samples, reserve) in enumerate(
            zip(vector["samples"], vector["reserves"], strict=True)
        )
    ]
    assert tally(terms, standings, vector["ballots"]) == Outcome(
        RoundState.PRICED if vector["step"] else RoundState.UNPRICED,
        tuple(vector["choices"]),
        vector["step"],
        vector["unit_price"],
        vector["priced_samples"],
    )


def by_definition(terms: Terms, standings: Sequence[Standing], ballots: Sequence[int]) -> int:
    """The step found, straight from the sentence that defines it; 0 for none."""
    answers = []
    for standing, ballot in zip(standings, ballots, strict=True):
        reached = [n for n, p in enumerate(terms.ladder, start=1) if p >= standing.reserve]
        if standing.available:
            answers.append((ballot or min(reached, default=SILENT), standing.samples))
    electorate = sum(weight for _, weight in answers)
    answering = sum(weight for answer, weight in answers if answer != SILENT)
    named = [(a, w) for a, w in answers if a in range(1, len(terms.ladder) + 1)]
    if not named or answering / electorate < terms.quorum / BASIS:
        return 0
    willing = sum(weight for _, weight in named)
    accepting = {
        step: sum(weight for answer, weight in named if answer <= step)
        for step in range(1, len(terms.ladder) + 1)
    }
    enough = [s for s, w in accepting.items() if w and w * BASIS >= terms.threshold * willing]
    return min(enough) if accepting[min(enough)] >= terms.min_samples else 0


@given(votes())
def test_the_price_is_the_lowest_step_that_enough_of_the_weight_accepts(vote: Votes) -> None:
    terms, standings, ballots = vote
    outcome = tally(terms, standings, ballots)
    assert outcome.step == by_definition(terms, standings, ballots)
    assert (outcome.state is RoundState.PRICED) == (outcome.step > 0)
    assert outcome.unit_price == (terms.ladder[outcome.step - 1] if outcome.step else 0)


@given(votes())
def test_nobody_is_in_the_dataset_below_the_price_it_asked(vote: Votes) -> None:
    terms, standings, ballots = vote
    outcome = tally(terms, standings, ballots)
    for position, (standing, ballot) in enumerate(zip(standings, ballots, strict=True)):
        asked = terms.ladder[ballot - 1] if ballot not in {SILENT, REJECT} else standing.reserve
        if outcome.includes(position):
            assert standing.available
            assert ballot != REJECT
            assert outcome.unit_price >= asked


@given(votes())
def test_the_consumer_pays_for_the_samples_of_the_dataset(vote: Votes) -> None:
    terms, standings, ballots = vote
    outcome = tally(terms, standings, ballots)
    inside = [s.samples for p, s in enumerate(standings) if outcome.includes(p)]
    assert outcome.samples == sum(inside)
    assert outcome.price == outcome.unit_price * sum(inside)


@given(votes(), st.randoms())
def test_the_order_of_the_assets_does_not_matter(vote: Votes, random: Random) -> None:
    terms, standings, ballots = vote
    order = list(range(len(ballots)))
    random.shuffle(order)
    straight = tally(terms, standings, ballots)
    shuffled = tally(terms, [standings[p] for p in order], [ballots[p] for p in order])
    assert replace(shuffled, choices=()) == replace(straight, choices=())
    assert shuffled.choices == tuple(straight.choices[p] for p in order)


@given(votes(), st.data())
def test_an_owner_gains_nothing_by_naming_less_than_its_least(
    vote: Votes, data: st.DataObject
) -> None:
    terms, standings, ballots = vote
    least = data.draw(st.integers(2, len(terms.ladder)) if len(terms.ladder) > 1 else st.just(1))
    less = data.draw(st.integers(1, max(least - 1, 1)))

    def gain(choice: int) -> int:
        outcome = tally(terms, standings, [choice, *ballots[1:]])
        over = outcome.unit_price - terms.ladder[least - 1]
        return over * standings[0].samples if outcome.includes(0) else 0

    assert gain(less) <= gain(least)


def test_the_owner_whose_weight_decides_gains_by_naming_more() -> None:
    # No rule that pays what the deciding owner named can do without this; ADR 3 must not deny it.
    alone = [Standing(100, NO_RESERVE, available=True)]
    terms = replace(TERMS, assets=(1,))
    prices = [tally(terms, alone, [choice]).unit_price for choice in (1, 2, 3)]
    assert prices == [10, 20, 30]


@given(votes(), st.data())
def test_a_higher_threshold_never_lowers_the_price(vote: Votes, data: st.DataObject) -> None:
    terms, standings, ballots = vote
    terms = replace(terms, min_samples=0)
    higher = data.draw(st.integers(terms.threshold, BASIS))
    before = tally(terms, standings, ballots)
    after = tally(replace(terms, threshold=higher), standings, ballots)
    assert after.step >= before.step
    assert after.samples >= before.samples


@given(st.integers(0, 200), st.sets(st.integers(1, 200), min_size=1, max_size=8).map(sorted))
def test_a_reserve_names_the_lowest_step_not_below_it(reserve: int, ladder: list[int]) -> None:
    choice = reserve_choice(reserve, ladder)
    if choice == SILENT:
        assert max(ladder) < reserve
    else:
        assert ladder[choice - 1] >= reserve
        assert all(price < reserve for price in ladder[: choice - 1])


@given(st.sets(st.integers(1, 2**97), min_size=1, max_size=8).map(sorted))
def test_no_ladder_reaches_a_reserve_that_was_never_set(ladder: list[int]) -> None:
    assert reserve_choice(NO_RESERVE, ladder) == SILENT
    assert reserve_choice(NO_RESERVE, [*ladder[:-1], NO_RESERVE]) == SILENT


def test_the_highest_reserve_is_met_by_the_highest_step() -> None:
    assert reserve_choice(NO_RESERVE - 1, [1, NO_RESERVE - 1]) == 2


# What an owner says.


def test_a_least_price_is_the_lowest_step_that_pays_it() -> None:
    least = {0: 1, 10: 1, 11: 2, 20: 2, 30: 3}
    assert {price: choice_for(TERMS, price) for price in least} == least
    assert choice_for(TERMS, None) == REJECT
    with pytest.raises(InputError, match="ladder ends at 30, below 31"):
        choice_for(TERMS, 31)


@pytest.mark.parametrize(
    ("changes", "plausible"),
    [
        ({}, True),
        ({"position": 2, "choice": REJECT, "nonce": LAST, "deadline": 2**40 - 1}, True),
        ({"position": -1}, False),
        ({"position": 3}, False),
        ({"choice": SILENT}, False),
        ({"choice": REJECT + 1}, False),
        ({"nonce": 0}, False),
        ({"nonce": LAST + 1}, False),
        ({"deadline": -1}, False),
        ({"deadline": 2**40}, False),
    ],
)
def test_a_strangers_ballot_is_looked_at_before_it_is_sent(
    changes: dict[str, Any], *, plausible: bool
) -> None:
    ballot = Ballot("0x", position=0, choice=1, nonce=1, deadline=0, voter="0x", signature=b"")
    assert replace(ballot, **changes).is_plausible(3) is plausible
