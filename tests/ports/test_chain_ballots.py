"""The port `Chain`: who answers in a round, for whom, and which answers count."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from contracts.scene import (
    ALICE,
    BOB,
    MODEL,
    RAW,
    RIVALS,
    SETTLE_BY,
    TERMS,
    VOTE_BY,
    WHO,
    offer,
    refusal,
)
from visdm.domain.rounds import LAST, REJECT, SILENT

if TYPE_CHECKING:
    from contracts.scene import At
    from visdm.domain.rounds import Ballot

POSITION, CHOICE, VOTER, OVERRULED, FINAL = 1, 2, 4, 5, 8
"""What `BallotRefused` gives as its reason."""

SAID = "its owner has said its last word, or who votes is not the owner and has none"


# Answering.


def test_an_owner_may_change_its_mind_until_the_deadline(at: At) -> None:
    world = at("open")
    for choice in (1, REJECT, 3, 2):
        world["alice"].vote(world.round, [0], choice)
        assert list(world["erin"].ballots(world.round)) == [choice, 0, 0, 0, 0]
    world.travel(VOTE_BY + 1)
    with refusal(f"VotingOver(voteBy={VOTE_BY})"):
        world["alice"].vote(world.round, [0], 1)
    outcome = world["erin"].close_round(world.round)
    assert outcome.choices[0] == 2


def test_one_call_answers_for_several_assets(at: At) -> None:
    world = at("open")
    world.sell(BOB, "bob", "alice")
    world["alice"].vote(world.round, [1, 0], 2)
    assert list(world["erin"].ballots(world.round)) == [2, 2, 0, 0, 0]


def test_a_position_that_does_not_count_takes_no_other_with_it(at: At) -> None:
    world = at("open")
    world["alice"].vote(world.round, [1, 0, 5, 2**16 - 1], 2)
    assert list(world["erin"].ballots(world.round)) == [2, SILENT, SILENT, SILENT, SILENT]
    assert world["erin"].voters(world.round) == [WHO["alice"], "", "", "", ""]


def test_no_position_at_all_is_no_answer_and_no_refusal(at: At) -> None:
    world = at("open")
    world["stranger"].vote(world.round, [], 2)
    assert list(world["erin"].ballots(world.round)) == [SILENT] * 5


def test_an_answer_of_which_nothing_counts_is_refused_with_its_first_reason(at: At) -> None:
    world = at("open")
    for positions, choice, reason in (
        ([1, 5], 1, VOTER),
        ([5, 1], 1, POSITION),
        ([0], 0, CHOICE),
        ([0], 4, CHOICE),
        ([0], REJECT - 1, CHOICE),
        ([0], REJECT + 1, CHOICE),
        ([0], 255, CHOICE),
    ):
        with refusal(f"BallotRefused(reason={reason})"):
            world["alice"].vote(world.round, positions, choice)
    for nobody in ("consumer", "provider", "stranger"):
        with refusal(f"BallotRefused(reason={VOTER})"):
            world[nobody].vote(world.round, [0], 1)
    assert list(world["erin"].ballots(world.round)) == [SILENT] * 5


def test_a_closed_round_takes_no_answer(at: At) -> None:
    world = at("open")
    signed = world["alice"].sign_ballot(world.round, 0, 1, SETTLE_BY)
    malformed = replace(signed, signature=b"")
    world.travel(VOTE_BY + 1)
    world["stranger"].close_round(world.round)
    with refusal(f"RoundNotOpen(round={world.round})"):
        world["alice"].vote(world.round, [0], 1)
    for ballot in (signed, malformed):
        with refusal(f"RoundNotOpen(round={world.round})"):
            world["stranger"].submit_ballots(world.round, [ballot])


def test_what_is_not_on_offer_may_be_named_and_answered_for_and_weighs_nothing(at: At) -> None:
    world = at("described")
    assets = (ALICE, MODEL, RIVALS, RAW, 99)
    round_ = world["consumer"].open_round(replace(TERMS, assets=assets, quorum=10_000))
    world["alice"].vote(round_, [0, 2], 1)
    world["bob"].vote(round_, [3], 1)
    world["consumer"].vote(round_, [1], 1)
    with refusal(f"BallotRefused(reason={POSITION})"):
        world["alice"].vote(round_, [4], 1)
    with refusal("ERC721NonexistentToken(tokenId=99)"):
        world["alice"].sign_ballot(round_, 4, 1, VOTE_BY)
    assert list(world["erin"].ballots(round_)) == [1, 1, 1, 1, SILENT]
    world.travel(VOTE_BY + 1)
    outcome = world["erin"].close_round(round_)
    assert (outcome.choices, outcome.samples) == ((1, 0, 0, 0, 0), 100)


# The last word.


@pytest.mark.parametrize("signed", [False, True])
def test_an_owners_last_word_is_its_last(at: At, *, signed: bool) -> None:
    world = at("open")
    before = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY)
    last = world["alice"].sign_ballot(world.round, 0, 2, VOTE_BY, last=True)
    assert last.nonce == LAST
    world["alice"].vote(world.round, [0], 3)
    if signed:
        assert world["stranger"].submit_ballots(world.round, [last]) == {}
    else:
        world["alice"].vote(world.round, [0], 2, last=True)
    for again in (False, True):
        with refusal(f"BallotRefused(reason={FINAL})"):
            world["alice"].vote(world.round, [0], REJECT, last=again)
    other = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY, last=True)
    later = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY)
    ballots = [before, last, other, later]
    assert world["stranger"].submit_ballots(world.round, ballots) == dict.fromkeys(range(4), SAID)
    assert list(world["erin"].ballots(world.round)) == [2, SILENT, SILENT, SILENT, SILENT]


def test_only_an_owner_has_a_last_word(at: At) -> None:
    world = at("open")
    world["alice"].delegate(WHO["stranger"])
    with refusal(f"BallotRefused(reason={FINAL})"):
        world["stranger"].vote(world.round, [0], 1, last=True)
    signed = world["stranger"].sign_ballot(world.round, 0, 1, VOTE_BY, last=True)
    assert world["bob"].submit_ballots(world.round, [signed]) == {0: SAID}
    with refusal(f"BallotRefused(reason={VOTER})"):
        world["bob"].vote(world.round, [0], 1, last=True)
    assert list(world["erin"].ballots(world.round)) == [SILENT] * 5
    world["alice"].vote(world.round, [0], 3, last=True)
    with refusal(f"BallotRefused(reason={OVERRULED})"):
        world["stranger"].vote(world.round, [0], 1)


def test_a_last_word_is_the_assets_also_when_it_is_sold(at: At) -> None:
    world = at("open")
    world["alice"].vote(world.round, [0], 3, last=True)
    world.sell(ALICE, "alice", "bob")
    with refusal(f"BallotRefused(reason={FINAL})"):
        world["bob"].vote(world.round, [0], 1)
    world["bob"].vote(world.round, [0, 1], 1)
    assert list(world["erin"].ballots(world.round)) == [3, 1, SILENT, SILENT, SILENT]


def test_the_last_words_of_a_second_word_of_storage_are_kept_too(at: At) -> None:
    """Fifteen answers lie beside the state, sixteen in each word after it."""
    world = at("described")
    more = tuple(offer(world, "alice", 10) for _ in range(27))
    terms = replace(TERMS, assets=(ALICE, *more), quorum=10_000)
    round_ = world["consumer"].open_round(terms)
    world["alice"].vote(round_, [*range(28, 13, -1), 0], 1, last=True)
    with refusal(f"VotingNotOver(voteBy={VOTE_BY})"):
        world["stranger"].close_round(round_)
    world["alice"].vote(round_, range(28), 2, last=True)
    assert list(world["erin"].ballots(round_)) == [1, *[2] * 13, *[1] * 14]
    assert world["stranger"].close_round(round_).samples == 100 + 27 * 10


def test_who_sold_an_asset_answers_for_it_no_more(at: At) -> None:
    world = at("open")
    world["alice"].vote(world.round, [0], 3)
    world.sell(ALICE, "alice", "bob")
    with refusal(f"BallotRefused(reason={VOTER})"):
        world["alice"].vote(world.round, [0], 1)
    assert world["erin"].ballots(world.round)[0] == 3
    world["bob"].vote(world.round, [0], REJECT)
    assert world["erin"].ballots(world.round)[0] == REJECT


# Delegates.


def test_a_delegation_is_followed_for_four_steps_and_no_further(at: At) -> None:
    world = at("open")
    chain = ("alice", "bob", "carol", "dave", "erin", "stranger")
    for owner, delegate in pairwise(chain):
        world[owner].delegate(WHO[delegate])
    for choice, delegate in enumerate(("bob", "carol", "dave"), start=1):
        world[delegate].vote(world.round, [0], choice)
        assert world["alice"].ballots(world.round)[0] == choice
    world["erin"].vote(world.round, [0], REJECT)
    assert world["alice"].ballots(world.round)[0] == REJECT
    with refusal(f"BallotRefused(reason={VOTER})"):
        world["stranger"].vote(world.round, [0], 1)


def test_a_cycle_of_delegates_ends(at: At) -> None:
    world = at("open")
    world["alice"].delegate(WHO["bob"])
    world["bob"].delegate(WHO["alice"])
    world["carol"].delegate(WHO["carol"])
    with refusal(f"BallotRefused(reason={VOTER})"):
        world["stranger"].vote(world.round, [0], 1)
    with refusal(f"BallotRefused(reason={VOTER})"):
        world["stranger"].vote(world.round, [2], 1)
    world["bob"].vote(world.round, [0], 1)
    world["alice"].vote(world.round, [1], 2)
    world["carol"].vote(world.round, [2], 3)
    assert list(world["erin"].ballots(world.round)) == [1, 2, 3, 0, 0]


def test_a_delegate_who_was_replaced_answers_no_more(at: At) -> None:
    world = at("open")
    world["alice"].delegate(WHO["stranger"])
    world["stranger"].vote(world.round, [0], 1)
    world["alice"].delegate(WHO["rival"])
    with refusal(f"BallotRefused(reason={VOTER})"):
        world["stranger"].vote(world.round, [0], 2)
    world["rival"].vote(world.round, [0], 3)
    world["alice"].delegate("")
    with refusal(f"BallotRefused(reason={VOTER})"):
        world["rival"].vote(world.round, [0], 2)
    assert world["erin"].ballots(world.round)[0] == 3


@pytest.mark.parametrize("signed", [False, True])
def test_an_owners_own_answer_stands_above_its_delegates_in_either_order(
    at: At, *, signed: bool
) -> None:
    world = at("open")

    def answer(name: str, position: int, choice: int) -> None:
        if signed:
            ballot = world[name].sign_ballot(world.round, position, choice, VOTE_BY)
            assert world["consumer"].submit_ballots(world.round, [ballot]) == {}
        else:
            world[name].vote(world.round, [position], choice)

    for owner in ("alice", "bob"):
        world[owner].delegate(WHO["stranger"])
    answer("stranger", 0, 1)
    answer("stranger", 0, 2)
    answer("alice", 0, 3)
    answer("bob", 1, 3)
    for position in (0, 1):
        with refusal(f"BallotRefused(reason={OVERRULED})"):
            world["stranger"].vote(world.round, [position], 1)
        ballot = world["stranger"].sign_ballot(world.round, position, 1, VOTE_BY)
        skipped = world["consumer"].submit_ballots(world.round, [ballot])
        assert skipped == {0: "the owner has answered itself"}
    assert list(world["erin"].ballots(world.round)) == [3, 3, 0, 0, 0]
    assert world["erin"].voters(world.round) == [WHO["alice"], WHO["bob"], "", "", ""]


def test_an_owner_who_answers_itself_does_not_undo_its_delegates_votes_for_others(at: At) -> None:
    world = at("open")
    for owner in ("alice", "bob"):
        world[owner].delegate(WHO["stranger"])
    world["alice"].vote(world.round, [0], 3)
    world["stranger"].vote(world.round, [0, 1], 1)
    assert list(world["erin"].ballots(world.round)) == [3, 1, 0, 0, 0]
    assert world["erin"].voters(world.round)[:2] == [WHO["alice"], WHO["stranger"]]


@pytest.mark.parametrize("signed", [False, True])
def test_a_delegate_cannot_use_up_the_numbers_and_lock_the_owner_out(
    at: At, *, signed: bool
) -> None:
    world = at("open")
    world["alice"].delegate(WHO["stranger"])
    world["stranger"].vote(world.round, [0] * (LAST - 1), 1)
    if signed:
        ballot = world["alice"].sign_ballot(world.round, 0, REJECT, VOTE_BY)
        assert world["bob"].submit_ballots(world.round, [ballot]) == {}
    else:
        world["alice"].vote(world.round, [0], REJECT)
    assert world["erin"].ballots(world.round)[0] == REJECT


def test_a_seller_cannot_use_up_the_numbers_and_bind_the_buyer(at: At) -> None:
    world = at("open")
    world["alice"].vote(world.round, [0] * (LAST - 1), 1)
    world.sell(ALICE, "alice", "bob")
    world["bob"].vote(world.round, [0], REJECT)
    assert world["erin"].ballots(world.round)[0] == REJECT


def test_who_has_used_up_its_numbers_answers_by_transaction_only(at: At) -> None:
    world = at("open")
    signed = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY)
    world["alice"].vote(world.round, [0] * (LAST - 1), 2)
    again = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY)
    skipped = world["bob"].submit_ballots(world.round, [signed, again])
    assert skipped == dict.fromkeys(range(2), "the nonce was used")
    world["alice"].vote(world.round, [0], 3)
    assert world["erin"].ballots(world.round)[0] == 3


# Signed ballots.


def test_ballots_signed_at_home_count_whoever_submits_them(at: At) -> None:
    world = at("open")
    ballots = [
        world[name].sign_ballot(world.round, position, choice, VOTE_BY)
        for position, (name, choice) in enumerate((("alice", 1), ("bob", 2), ("carol", REJECT)))
    ]
    assert list(world["erin"].ballots(world.round)) == [SILENT] * 5
    assert world["stranger"].submit_ballots(world.round, ballots) == {}
    assert list(world["erin"].ballots(world.round)) == [1, 2, REJECT, 0, 0]
    assert world["erin"].voters(world.round) == [*(ballot.voter for ballot in ballots), "", ""]


def test_false_ballots_are_skipped_and_named_while_the_others_count(at: At) -> None:
    world = at("open")
    other = world["consumer"].open_round(replace(TERMS, seed=8))
    deadline = world["alice"].now() + 3_600

    def by(name: str, position: int, choice: int = 2, round_: str = world.round) -> Ballot:
        return world[name].sign_ballot(round_, position, choice, deadline)

    good = by("alice", 0)
    flipped = good.signature[:-2] + bytes([good.signature[-2] ^ 1]) + good.signature[-1:]
    malformed = "the signature is not the voter's"
    # Of false words somebody else is the signer, who may not vote.
    forged = "neither owner nor delegate"
    false: list[tuple[Ballot, str]] = [
        (replace(good, position=5), "no such position"),
        (replace(good, position=1), forged),
        (replace(good, choice=1), forged),
        (replace(good, nonce=2), forged),
        (replace(good, nonce=0), "the nonce was used"),
        (replace(good, deadline=deadline + 1), forged),
        (replace(good, signature=flipped), forged),
        (replace(good, signature=b""), malformed),
        (replace(good, signature=good.signature + b"\0"), malformed),
        (replace(good, signature=good.signature[:-1]), malformed),
        (by("alice", 0, round_=other), forged),
        (replace(by("stranger", 0), voter=WHO["alice"]), forged),
        (by("stranger", 0), forged),
        (by("alice", 0, choice=4), "no such choice"),
        (replace(good, deadline=world["alice"].now()), "the ballot expired"),
    ]
    ballots = [by("bob", 1), *(ballot for ballot, _ in false), by("carol", 2)]
    skipped = world["stranger"].submit_ballots(world.round, ballots)
    assert skipped == {place: reason for place, (_, reason) in enumerate(false, start=1)}
    assert list(world["erin"].ballots(world.round)) == [SILENT, 2, 2, SILENT, SILENT]
    assert world["stranger"].submit_ballots(world.round, [good]) == {}


def test_a_ballot_counts_once(at: At) -> None:
    world = at("open")
    first = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY)
    assert world["stranger"].submit_ballots(world.round, [first, first]) == {
        1: "the nonce was used"
    }
    second = world["alice"].sign_ballot(world.round, 0, 2, VOTE_BY)
    skipped = world["stranger"].submit_ballots(world.round, [second, first])
    assert skipped == {1: "the nonce was used"}
    assert world["erin"].ballots(world.round)[0] == 2


def test_a_direct_answer_voids_the_ballots_signed_before_it(at: At) -> None:
    world = at("open")
    signed = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY)
    world["alice"].vote(world.round, [0], REJECT)
    skipped = world["stranger"].submit_ballots(world.round, [signed])
    assert skipped == {0: "the nonce was used"}
    assert world["erin"].ballots(world.round)[0] == REJECT


def test_a_ballot_is_not_submitted_after_the_vote(at: At) -> None:
    world = at("open")
    signed = world["alice"].sign_ballot(world.round, 0, 1, SETTLE_BY)
    world.travel(VOTE_BY + 1)
    with refusal(f"VotingOver(voteBy={VOTE_BY})"):
        world["alice"].submit_ballots(world.round, [signed])
