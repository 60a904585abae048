"""The port `Chain`: what rounds can be opened, and what price they close with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from contracts.scene import (
    ALICE,
    BOB,
    CAROL,
    CHOICES,
    CID,
    DAVE,
    ERIN,
    EU,
    FUND_BY,
    MODEL,
    RAW,
    RIVALS,
    SETTLE_BY,
    TERMS,
    US,
    VOTE_BY,
    WHO,
    World,
    close,
    later,
    offer,
    refusal,
)
from visdm.domain.assets import NO_RESERVE, Kind
from visdm.domain.rounds import (
    MAX_ASSETS,
    REJECT,
    SILENT,
    Outcome,
    RoundState,
    Task,
)
from visdm.errors import TermsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.scene import At


def closed(world: World, choices: Sequence[int] = (), **changes: object) -> Outcome:
    """Open a round with changed terms, let the owners answer, close it."""
    round_ = world["consumer"].open_round(replace(TERMS, **changes))  # type: ignore[arg-type]  # names of fields
    close(world, round_, choices)
    outcome = world["erin"].outcome(round_)
    assert outcome is not None
    return outcome


# Opening.


def test_an_opened_round_shows_its_terms_and_no_answer(at: At) -> None:
    world = at("open")
    assert world["erin"].rounds() == {world.round: TERMS}
    assert list(world["erin"].ballots(world.round)) == [SILENT] * 5
    assert world["erin"].outcome(world.round) is None


OTHERS: dict[str, Any] = {
    "assets": (ALICE, BOB),
    "ladder": (10, 20, 31),
    "task": Task.TEST,
    "method": "equal",
    "seed": 8,
    "quorum": 5_001,
    "threshold": 7_001,
    "min_samples": 2,
    "fee_cap": 5_001,
    "vote_by": VOTE_BY + 1,
    "fund_by": FUND_BY + 1,
    "settle_by": SETTLE_BY + 1,
}


def test_terms_that_differ_in_any_field_are_another_round(at: At) -> None:
    world = at("open")
    opened = [world.round]
    for name, value in OTHERS.items():
        opened.append(world["consumer"].open_round(replace(TERMS, **{name: value})))
    assert len(set(opened)) == len(opened)
    assert list(world["erin"].rounds()) == opened
    assert list(world["erin"].rounds().values())[1:] == [
        replace(TERMS, **{name: value}) for name, value in OTHERS.items()
    ]


def test_the_same_terms_are_opened_once(at: At) -> None:
    world = at("open")
    with refusal(f"RoundExists(round={world.round})"):
        world["consumer"].open_round(TERMS)
    close(world, world.round)
    with refusal("BadDeadlines"):
        world["consumer"].open_round(TERMS)


def late(vote_by: int, fund_by: int, settle_by: int) -> tuple[dict[str, Any], str]:
    changes = {"vote_by": vote_by, "fund_by": fund_by, "settle_by": settle_by}
    reason = f"BadDeadlines(voteBy={vote_by}, fundBy={fund_by}, settleBy={settle_by})"
    return changes, reason


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"consumer": WHO["alice"]}, f"NotConsumer(account={WHO['consumer']})"),
    ({"ladder": ()}, "BadLadder(index=0)"),
    ({"ladder": (0, 1)}, "BadLadder(index=0)"),
    ({"ladder": (10, 10)}, "BadLadder(index=1)"),
    ({"ladder": (10, 20, 15)}, "BadLadder(index=2)"),
    ({"ladder": tuple(range(1, 102))}, "BadLadder(index=101)"),
    ({"threshold": 0}, "BadThreshold(quorum=5000, threshold=0)"),
    ({"threshold": 10_001}, "BadThreshold(quorum=5000, threshold=10001)"),
    ({"quorum": 10_001}, "BadThreshold(quorum=10001, threshold=7000)"),
    late(1, FUND_BY, SETTLE_BY),
    late(VOTE_BY, VOTE_BY, SETTLE_BY),
    late(VOTE_BY, FUND_BY, FUND_BY),
    ({"model": 99}, "ModelUnavailable(model=99)"),
    ({"model": ALICE}, f"ModelUnavailable(model={ALICE})"),
    ({"provider": US}, f"ModelUnavailable(model={MODEL})"),
    ({"provider": 0}, f"ModelUnavailable(model={MODEL})"),
    ({"assets": ()}, "BadDataset(index=0)"),
    ({"assets": tuple(range(1, MAX_ASSETS + 2))}, f"BadDataset(index={MAX_ASSETS + 1})"),
    ({"assets": (BOB, ALICE)}, "BadDataset(index=1)"),
    ({"assets": (ALICE, BOB, BOB)}, "BadDataset(index=2)"),
]


def test_terms_that_cannot_be_are_refused_by_name(at: At) -> None:
    world = at("described")
    for changes, reason in REFUSED:
        terms = replace(TERMS, **changes)
        with refusal(reason):
            world["consumer"].open_round(terms)
        if reason.startswith("Bad") and terms.vote_by > 1:
            with pytest.raises(TermsError):
                terms.check()
    assert not world["erin"].rounds()


def test_a_consumer_brings_a_model_of_its_own(at: At) -> None:
    world = at("described")
    world.sell(MODEL, "consumer", "alice")
    with refusal(f"NotConsumer(account={WHO['consumer']})"):
        world["consumer"].open_round(TERMS)
    with refusal(f"NotConsumer(account={WHO['rival']})"):
        world["rival"].open_round(replace(TERMS, consumer=WHO["rival"]))
    world["alice"].open_round(replace(TERMS, consumer=WHO["alice"]))


def test_a_retired_or_undescribed_model_opens_no_round(at: At) -> None:
    world = at("described")
    raw = world["consumer"].register(Kind.MODEL, EU, 0, NO_RESERVE, CID, CID)
    with refusal(f"ModelUnavailable(model={raw})"):
        world["consumer"].open_round(replace(TERMS, model=raw))
    world["consumer"].retire(MODEL)
    with refusal(f"ModelUnavailable(model={MODEL})"):
        world["consumer"].open_round(TERMS)


@pytest.mark.parametrize("asset", [RAW, RIVALS, MODEL, 99])
def test_an_asset_that_is_not_on_offer_has_no_weight(at: At, asset: int) -> None:
    world = at("described")
    world["bob"].retire(BOB)
    assets = tuple(sorted((ALICE, BOB, asset)))
    outcome = closed(world, assets=assets, ladder=(10,), quorum=10_000, min_samples=100)
    assert outcome == Outcome(RoundState.UNPRICED, (SILENT,) * 3)
    world["alice"].set_reserve(ALICE, 10)
    outcome = closed(world, assets=assets, ladder=(10,), quorum=10_000, seed=8, **later(world))
    place = assets.index(ALICE)
    assert outcome == Outcome(
        RoundState.PRICED, tuple(int(i == place) for i in range(3)), 1, 10, 100
    )


def test_an_asset_that_is_described_during_the_vote_has_its_weight(at: At) -> None:
    world = at("described")
    round_ = world["consumer"].open_round(replace(TERMS, assets=(ALICE, RAW), quorum=10_000))
    world["alice"].vote(round_, [0], 1, last=True)
    world["provider"].describe(RAW, CID)
    with refusal(f"VotingNotOver(voteBy={VOTE_BY})"):
        world["stranger"].close_round(round_)
    world["bob"].vote(round_, [1], 1, last=True)
    assert world["stranger"].close_round(round_).samples == 170


# Closing.


def test_the_price_is_the_lowest_step_that_enough_of_the_weight_accepts(at: At) -> None:
    world = at("priced")
    outcome = world["erin"].outcome(world.round)
    assert outcome == Outcome(RoundState.PRICED, CHOICES, step=2, unit_price=20, samples=700)
    assert list(world["erin"].ballots(world.round)) == list(CHOICES)
    voters = [WHO["alice"], WHO["bob"], WHO["carol"], "", ""]
    assert list(world["erin"].voters(world.round)) == voters


def test_a_round_closes_after_the_vote_by_anybody_and_once(at: At) -> None:
    world = at("open")
    for name in ("consumer", "provider", "stranger"):
        with refusal(f"VotingNotOver(voteBy={VOTE_BY})"):
            world[name].close_round(world.round)
    world.travel(VOTE_BY + 1)
    assert world["erin"].outcome(world.round) is None
    assert world["stranger"].close_round(world.round) == world["erin"].outcome(world.round)
    with refusal(f"RoundNotOpen(round={world.round})"):
        world["stranger"].close_round(world.round)


def test_a_round_closes_early_once_every_owner_said_its_last_word(at: At) -> None:
    world = at("open")
    for name, position in (("alice", 0), ("bob", 1), ("carol", 2)):
        world[name].vote(world.round, [position], 1, last=True)
    world["dave"].vote(world.round, [3], REJECT)
    world["carol"].delegate(WHO["stranger"])
    ballot = world["erin"].sign_ballot(world.round, 4, 2, VOTE_BY, last=True)
    assert world["stranger"].submit_ballots(world.round, [ballot]) == {}
    with refusal(f"VotingNotOver(voteBy={VOTE_BY})"):
        world["consumer"].close_round(world.round)
    world["dave"].vote(world.round, [3], 2, last=True)
    outcome = world["stranger"].close_round(world.round)
    assert world["erin"].now() < VOTE_BY
    assert outcome == Outcome(RoundState.PRICED, (1, 1, 1, 2, 2), 2, 20, 1_150)


def test_an_asset_that_is_not_on_offer_keeps_no_round_open(at: At) -> None:
    world = at("described")
    terms = replace(TERMS, assets=(ALICE, BOB, RAW, 99))
    round_ = world["consumer"].open_round(terms)
    world["alice"].vote(round_, [0], 1, last=True)
    with refusal(f"VotingNotOver(voteBy={VOTE_BY})"):
        world["stranger"].close_round(round_)
    world["bob"].retire(BOB)
    outcome = world["stranger"].close_round(round_)
    assert outcome == Outcome(RoundState.PRICED, (1, 0, 0, 0), 1, 10, 100)


def test_a_round_for_nothing_on_offer_waits_for_its_deadline_and_has_no_price(at: At) -> None:
    world = at("described")
    round_ = world["consumer"].open_round(replace(TERMS, assets=(RAW, 99), quorum=0))
    with refusal(f"VotingNotOver(voteBy={VOTE_BY})"):
        world["stranger"].close_round(round_)
    world.travel(VOTE_BY + 1)
    assert world["stranger"].close_round(round_) == Outcome(RoundState.UNPRICED, (0, 0))


def test_asset_0_is_no_asset(at: At) -> None:
    with refusal("BadDataset(index=0)"):
        at("described")["consumer"].open_round(replace(TERMS, assets=(0, ALICE)))


def test_a_reserve_that_was_never_set_is_met_by_no_ladder(at: At) -> None:
    world = at("described")
    most = 2**80 - 2
    outcome = closed(world, assets=(ALICE,), ladder=(most, most + 1), quorum=0)
    assert outcome == Outcome(RoundState.UNPRICED, (SILENT,))
    world["alice"].set_reserve(ALICE, most)
    outcome = closed(world, assets=(ALICE,), ladder=(most, most + 1), quorum=0, **later(world))
    assert outcome == Outcome(RoundState.PRICED, (1,), 1, most, 100)


def test_silence_without_a_reserve_is_no_consent(at: At) -> None:
    outcome = closed(at("described"), assets=(ALICE, BOB, CAROL, ERIN), quorum=0)
    assert outcome == Outcome(RoundState.UNPRICED, (SILENT,) * 4)


def test_a_reserve_answers_for_the_silent_with_the_lowest_step_that_reaches_it(at: At) -> None:
    world = at("described")
    for name, asset, reserve in (("alice", ALICE, 0), ("bob", BOB, 11), ("carol", CAROL, 30)):
        world[name].set_reserve(asset, reserve)
    world["dave"].set_reserve(DAVE, 31)
    outcome = closed(world, threshold=10_000)
    assert outcome == Outcome(RoundState.PRICED, (1, 2, 3, SILENT, SILENT), 3, 30, 600)


def test_a_ballot_stands_above_the_reserve(at: At) -> None:
    outcome = closed(at("described"), (0, 0, 0, REJECT, 1), quorum=0)
    assert outcome == Outcome(RoundState.PRICED, (0, 0, 0, REJECT, 1), 1, 10, 150)


def test_the_reserve_at_closing_counts(at: At) -> None:
    world = at("open")
    world["dave"].set_reserve(DAVE, 30)
    world["erin"].set_reserve(ERIN, 10)
    close(world, world.round)
    assert list(world["alice"].ballots(world.round)) == [0, 0, 0, 3, 1]


def test_a_rejecting_owner_is_left_out_however_many_accept(at: At) -> None:
    outcome = closed(at("described"), (REJECT, 1, 1, 1, 1))
    assert outcome == Outcome(RoundState.PRICED, (REJECT, 1, 1, 1, 1), 1, 10, 1_050)
    assert not outcome.includes(0)
    assert all(outcome.includes(position) for position in range(1, 5))


def test_where_all_reject_there_is_no_price(at: At) -> None:
    outcome = closed(at("described"), (REJECT,) * 5)
    assert outcome == Outcome(RoundState.UNPRICED, (REJECT,) * 5)


def test_an_asset_retired_during_the_vote_is_out_of_the_electorate(at: At) -> None:
    world = at("open")
    world["alice"].vote(world.round, [0], 1)
    world["carol"].vote(world.round, [2], 1)
    world["dave"].retire(DAVE)
    world["carol"].retire(CAROL)
    world["bob"].vote(world.round, [1], 2)
    close(world, world.round)
    # Of the 450 samples left, the answering 300 are a quorum; of all 1,150 they were none.
    assert world["erin"].outcome(world.round) == Outcome(
        RoundState.PRICED, (1, 2, SILENT, SILENT, SILENT), 2, 20, 300
    )


@pytest.mark.parametrize(("quorum", "priced"), [(2_609, False), (2_608, True)])
def test_a_quorum_counts_all_who_answered_and_is_met_exactly(
    at: At, quorum: int, *, priced: bool
) -> None:
    # 100 accept and 200 reject, of 1,150: 2,608.7 basis points.
    world = at("described")
    world["dave"].set_reserve(DAVE, 31)
    outcome = closed(world, (1, REJECT, 0, 0, 0), quorum=quorum)
    assert outcome.state is (RoundState.PRICED if priced else RoundState.UNPRICED)
    assert outcome.samples == (100 if priced else 0)


@pytest.mark.parametrize(("least", "priced"), [(700, True), (701, False)])
def test_too_few_samples_are_no_dataset(at: At, least: int, *, priced: bool) -> None:
    outcome = closed(at("described"), (1, 2, 3, 0, 0), min_samples=least)
    assert outcome.state is (RoundState.PRICED if priced else RoundState.UNPRICED)
    assert outcome.price == (14_000 if priced else 0)


def test_more_samples_than_32_bits_hold_do_not_make_a_dataset_free(at: At) -> None:
    world = at("described")
    assets = tuple(offer(world, "alice", 2**31, reserve=10) for _ in range(2))
    outcome = closed(world, assets=assets)
    assert outcome == Outcome(RoundState.PRICED, (1, 1), 1, 10, 2**32)
    assert outcome.price == 10 * 2**32


@pytest.mark.parametrize(("threshold", "step", "samples"), [(1_000, 1, 100), (1_001, 2, 700)])
def test_a_threshold_met_exactly_is_met(at: At, threshold: int, step: int, samples: int) -> None:
    outcome = closed(at("described"), (1, 2, 3, 0, 0), threshold=threshold)
    assert (outcome.step, outcome.samples) == (step, samples)
    assert outcome.unit_price == 10 * step
