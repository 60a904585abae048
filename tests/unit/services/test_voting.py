"""Answers through the services: an owner's own stands, whoever else speaks for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from unit.services.deals import terms
from visdm.domain.rounds import MAX_NONCE, REJECT

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
        (last,) = last_nonce(market, round_, "supplier-1", position=1)
        assert consumer.chain.submit_ballots(round_, [last]) in ({}, {0: "the nonce was used"})
    consumer.submit(round_, owner.sign(round_, None))
    assert consumer.chain.ballots(round_)[1] == REJECT
    owner.vote(round_, 100)
    assert consumer.chain.ballots(round_)[1] == 1


def last_nonce(world: World, round_: str, voter: str, *, position: int) -> list[Ballot]:
    """Sign a ballot with the highest nonce there is."""
    chain = world.chain(voter)
    real = chain._call

    def forged(contract: str, function: str, *args: object) -> object:
        answer = real(contract, function, *args)
        return (answer[0], False, MAX_NONCE - 1) if function == "answerOf" else answer

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
