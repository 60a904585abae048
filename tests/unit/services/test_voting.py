"""Answers through the services: an owner's own stands, whoever else speaks for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from unit.services.deals import terms
from visdm.domain.rounds import LAST, REJECT
from visdm.errors import RefusedError

if TYPE_CHECKING:
    from visdm.domain.rounds import Ballot
    from visdm.wiring import World


def test_signed_ballots_count_for_owners_who_send_nothing(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    ballots = market.supplier("supplier-1").sign(round_, 150)
    ballots += market.supplier("supplier-2").sign(round_, None)
    assert consumer.submit(round_, ballots) == {}
    assert consumer.chain.ballots(round_) == [2, REJECT, 0]
    assert consumer.submit(round_, ballots) == {}, "what is counted is not sent again"


def test_an_owner_overrules_what_its_delegate_said_before(market: World) -> None:
    """The owner's reject was dropped as answered already, and its asset computed on."""
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    market.supplier("supplier-2").delegate(market.address("supplier-1"))
    market.supplier("supplier-1").vote_for_others(round_, 100)
    market.supplier("supplier-2").vote(round_, None)
    assert consumer.chain.ballots(round_) == [0, REJECT, 0]
    market.supplier("supplier-2").vote(round_, 200)
    market.supplier("supplier-1").vote_for_others(round_, 200)
    assert consumer.chain.ballots(round_) == [0, 2, 0]


def test_an_owners_ballot_that_agrees_with_its_delegate_still_binds_the_delegate(
    market: World,
) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    market.supplier("supplier-2").delegate(market.address("supplier-1"))
    market.supplier("supplier-1").vote_for_others(round_, 100)
    consumer.submit(round_, market.supplier("supplier-2").sign(round_, 100))
    market.supplier("supplier-1").vote_for_others(round_, 200)
    assert consumer.chain.ballots(round_) == [0, 1, 0]


def test_a_delegate_cannot_use_up_the_owners_ballots(market: World) -> None:
    """With the last nonce a delegate locked the owner's own answer out."""
    consumer, trustee = market.consumer("consumer-1"), market.supplier("supplier-1")
    round_ = consumer.open_round(terms(market))
    owner = market.supplier("supplier-2")
    owner.delegate(trustee.chain.account)
    for _ in range(3):
        (highest,) = highest_nonce(market, round_, "supplier-1", position=1)
        answer = consumer.chain.submit_ballots(round_, [highest])
        assert answer in ({}, {0: "the nonce was used"})
    consumer.submit(round_, owner.sign(round_, None))
    assert consumer.chain.ballots(round_)[1] == REJECT
    owner.vote(round_, 100)
    assert consumer.chain.ballots(round_)[1] == 1


def highest_nonce(world: World, round_: str, voter: str, *, position: int) -> list[Ballot]:
    """Sign a ballot with the highest nonce below that of a last word."""
    chain = world.chain(voter)
    real = chain._call

    def forged(contract: str, function: str, *args: object) -> object:
        answer = real(contract, function, *args)
        return (answer[0], False, LAST - 2) if function == "answerOf" else answer

    chain._call = forged  # type: ignore[method-assign]  # a voter of its own making
    return [chain.sign_ballot(round_, position, 1, chain.rounds()[round_].vote_by)]


def test_ballots_that_make_no_sense_are_skipped_and_the_others_count(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    (good,) = market.supplier("supplier-1").sign(round_, 100)
    bad = [replace(good, position=99), replace(good, choice=300), replace(good, nonce=-1)]
    skipped = consumer.submit(round_, [*bad, good])
    assert skipped == dict.fromkeys(range(3), "not a ballot")
    assert consumer.chain.ballots(round_) == [1, 0, 0]


def test_a_delegate_answers_for_those_who_did_not(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    market.supplier("supplier-2").vote(round_, 200)
    trustee = market.address("supplier-1")
    for name in ("supplier-2", "supplier-3"):
        market.supplier(name).delegate(trustee)
    market.supplier("supplier-1").vote_for_others(round_, 100)
    assert consumer.chain.ballots(round_) == [0, 2, 1], "its own asset is another matter"


def test_a_last_word_is_signed_or_sent_and_stands(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    market.supplier("supplier-1").vote(round_, 200)
    market.supplier("supplier-1").vote(round_, 200, last=True)
    (ballot,) = market.supplier("supplier-2").sign(round_, 100, last=True)
    assert ballot.nonce == LAST
    assert consumer.submit(round_, [ballot]) == {}
    for name in ("supplier-1", "supplier-2"):
        with pytest.raises(RefusedError, match="BallotRefused"):
            market.supplier(name).vote(round_, None)
    assert consumer.chain.ballots(round_) == [2, 1, 0]
    with pytest.raises(RefusedError, match="VotingNotOver"):
        consumer.close(round_)
    market.supplier("supplier-3").vote(round_, None, last=True)
    assert consumer.close(round_).price == 200 * 16


def test_an_asset_that_does_not_exist_keeps_no_owner_from_answering(market: World) -> None:
    """Terms may name any number: a consumer of its own making does not ask our service first."""
    round_ = market.chain("consumer-1").open_round(terms(market, assets=(1, 2, 99)))
    market.supplier("supplier-2").delegate(market.address("supplier-1"))
    market.supplier("supplier-1").vote(round_, 100)
    market.supplier("supplier-1").vote_for_others(round_, 200)
    assert len(market.supplier("supplier-1").sign(round_, 100)) == 1
    assert market.chain("consumer-1").ballots(round_) == [1, 2, 0]
