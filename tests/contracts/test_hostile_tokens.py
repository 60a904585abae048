"""Attacks by tokens that keep, lie, block or call back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.hostile import CALL_PARTIES, KEEP_PART, NO_TRICK, SAY_FALSE
from contracts.scene import (
    ALICE,
    BOB,
    DUE,
    FEE,
    FEE_CAP,
    PURSE,
    SHARES,
    TERMS,
    WHO,
    refusal,
)
from visdm.adapters.evm.history import history
from visdm.adapters.evm.rounds import to_tuple
from visdm.domain.jobs import JobState

if TYPE_CHECKING:
    from contracts.hostile import Stage
    from visdm.domain.rounds import Terms


def test_a_token_that_keeps_a_part_does_not_get_into_escrow(stage: Stage) -> None:
    stage.do("EvilToken", "play", KEEP_PART)
    received = DUE - DUE // 100
    with refusal(f"TokenShortfall(expected={DUE}, received={received})"):
        stage["consumer"].fund(stage.round, DUE)
    assert stage["consumer"].balance(WHO["consumer"]) == PURSE
    assert not stage["consumer"].jobs()


def test_a_token_that_only_says_it_moved_funds_nothing(stage: Stage) -> None:
    stage.do("EvilToken", "play", SAY_FALSE)
    with refusal(f"SafeERC20FailedOperation(token={stage.market.token})"):
        stage["consumer"].fund(stage.round, DUE)
    assert not stage["consumer"].jobs()


def test_a_token_that_does_not_pay_out_leaves_the_claim(stage: Stage) -> None:
    stage.trade()
    stage.do("EvilToken", "play", SAY_FALSE)
    with refusal(f"SafeERC20FailedOperation(token={stage.market.token})"):
        stage["bob"].withdraw()
    with refusal(f"SafeERC20FailedOperation(token={stage.market.token})"):
        stage["consumer"].withdraw()
    assert stage["bob"].claimable(WHO["bob"]) == 4_000
    assert stage["bob"].claimable(WHO["consumer"]) == FEE_CAP - FEE
    stage.do("EvilToken", "play", NO_TRICK)
    assert stage["bob"].withdraw() == 4_000
    assert stage["consumer"].withdraw() == FEE_CAP - FEE


def test_a_refund_that_is_not_paid_out_leaves_the_job_as_it_was(stage: Stage) -> None:
    stage["consumer"].fund(stage.round, DUE)
    stage.do("EvilToken", "play", SAY_FALSE)
    with refusal(f"SafeERC20FailedOperation(token={stage.market.token})"):
        stage["provider"].refund(stage.round)
    assert stage["consumer"].jobs()[stage.round].state is JobState.FUNDED
    stage.do("EvilToken", "play", NO_TRICK)
    stage["provider"].refund(stage.round)
    assert stage["erin"].balance(WHO["consumer"]) == PURSE


def test_a_token_without_permits_is_allowed_by_a_transaction(stage: Stage) -> None:
    before = [entry.operation for entry in history(stage.node.web3, stage.market)]
    stage["consumer"].fund(stage.round, DUE)
    after = [entry.operation for entry in history(stage.node.web3, stage.market)]
    assert after[len(before) :] == ["allow_tokens", "fund_job"]


def test_a_consumer_whom_the_token_blocks_has_its_money_sent_elsewhere(stage: Stage) -> None:
    stage["consumer"].fund(stage.round, DUE)
    stage.do("EvilToken", "blockPayee", WHO["consumer"], True)  # noqa: FBT003  # as Solidity has it
    with refusal("for a reason unknown to this version"):
        stage["provider"].refund(stage.round)
    terms = to_tuple(stage["erin"].rounds()[stage.round])
    stage["provider"].settle(stage.round, SHARES, FEE, "result", "report")
    with refusal("for a reason unknown to this version"):
        stage["consumer"].withdraw()
    for name in ("stranger", "provider"):
        with refusal(f"NotConsumer(account={WHO[name]})"):
            stage.send(name, "jobs", "refund", terms, WHO[name])
    assert stage["consumer"].withdraw(WHO["stranger"]) == FEE_CAP - FEE
    assert stage["erin"].balance(WHO["stranger"]) == FEE_CAP - FEE


def test_one_who_cannot_be_paid_blocks_nobody_else(stage: Stage) -> None:
    stage.do("EvilToken", "blockPayee", WHO["alice"], True)  # noqa: FBT003  # as Solidity has it
    stage.trade()
    with refusal("for a reason unknown to this version"):
        stage["alice"].withdraw()
    for name, due in (("bob", 4_000), ("dave", 8_000), ("provider", FEE)):
        assert stage[name].withdraw() == due
    assert stage["consumer"].withdraw() == FEE_CAP - FEE
    assert stage["alice"].escrowed() == 2_000
    stage.do("EvilToken", "blockPayee", WHO["alice"], False)  # noqa: FBT003  # as above
    assert stage["alice"].withdraw() == 2_000


# Calling back while the token moves.


@pytest.mark.parametrize("after", [0, 1], ids=["before the money moves", "after it moved"])
def test_withdrawing_again_while_being_paid_pays_once(stage: Stage, after: int) -> None:
    stage.give(ALICE, "alice")
    stage.trade()
    stage.do("EvilToken", "play", CALL_PARTIES)
    for assets in ([ALICE], [], [BOB]):
        stage.prepare("jobs", "withdraw", assets, stage.puppet, after=after)
    stage.act("jobs", "withdraw", [ALICE], stage.puppet)
    assert stage.outcomes() == ["NothingToWithdraw", "NothingToWithdraw", "NotOwner"]
    assert stage["erin"].balance(stage.puppet) == 2_000
    assert stage["erin"].escrowed() == DUE - 2_000
    assert stage["bob"].withdraw() == 4_000


def puppets_own(stage: Stage) -> Terms:
    """Let the puppet be consumer, provider and owner of a round; return its terms, priced."""
    stage.act("catalog", "announce", b"XX", 1)
    stage.act("catalog", "registerData", 3, 100, 10, "package", "grants")
    stage.act("catalog", "registerModel", 3, 0, 0, "package", "grants")
    data, model = (asset.asset for asset in stage["erin"].assets()[-2:])
    stage.act("catalog", "describe", data, "metadata")
    stage.act("catalog", "describe", model, "metadata")
    now = stage["erin"].now()
    terms = replace(
        TERMS,
        consumer=stage.puppet,
        provider=3,
        model=model,
        assets=(data,),
        vote_by=now + 100,
        fund_by=now + 10_000,
        settle_by=now + 20_000,
    )
    stage.act("jobs", "open", to_tuple(terms))
    stage.travel(terms.vote_by + 1)
    stage["erin"].close_round(list(stage["erin"].rounds())[-1])
    stage.do("EvilToken", "mint", stage.puppet, PURSE)
    stage.act("token", "approve", stage.market.jobs, PURSE)
    stage.do("EvilToken", "play", CALL_PARTIES)
    return terms


@pytest.mark.parametrize("after", [0, 1], ids=["before the money moves", "after it moved"])
def test_a_job_cannot_be_settled_and_paid_out_while_it_is_being_funded(
    stage: Stage, after: int
) -> None:
    stage.trade()
    terms = puppets_own(stage)
    (asset,) = terms.assets
    given = (to_tuple(terms), [10**9], 0, "result", "report")
    stage.prepare("jobs", "settle", *given, after=after)
    stage.prepare("jobs", "withdraw", [asset], stage.puppet, after=after)
    stage.prepare("jobs", "refund", to_tuple(terms), stage.puppet, after=after)
    with refusal("TokenShortfall(expected=6000, received=0)"):
        stage.act("jobs", "fund", to_tuple(terms))
    assert stage["erin"].escrowed() == DUE
    assert stage["erin"].balance(stage.puppet) == PURSE


def test_a_job_is_funded_settled_and_refunded_once_however_it_is_nested(stage: Stage) -> None:
    stage.trade()
    terms = puppets_own(stage)
    price = 10 * 100
    settle = (to_tuple(terms), [10**9], 100, "result", "report")
    stage.prepare("jobs", "fund", to_tuple(terms))
    stage.act("jobs", "fund", to_tuple(terms))
    assert stage.outcomes() == ["JobExists"]
    assert stage["erin"].escrowed() == DUE + price + FEE_CAP
    stage.act("jobs", "settle", *settle)
    stage.travel(terms.settle_by + 1)
    for function, given in (
        ("settle", settle),
        ("withdraw", ([], stage.puppet)),
        ("withdraw", (list(terms.assets), stage.puppet)),
        ("refund", (to_tuple(terms), stage.puppet)),
        ("refund", (to_tuple(terms), stage.puppet)),
    ):
        stage.prepare("jobs", function, *given)
    stage.act("jobs", "withdraw", list(terms.assets), stage.puppet)
    # What is left of the fee cap is another claim; it is paid inside the withdrawal, once.
    assert stage.outcomes()[1:] == [
        "NotFunded",
        "NothingToWithdraw",
        "NothingToWithdraw",
        "",
        "NothingToReturn",
    ]
    assert stage["erin"].balance(stage.puppet) == PURSE
    assert stage["erin"].escrowed() == DUE


@pytest.mark.parametrize("after", [0, 1], ids=["before the money moves", "after it moved"])
def test_a_job_is_refunded_once_however_it_is_nested(stage: Stage, after: int) -> None:
    stage.trade()
    terms = puppets_own(stage)
    stage.act("jobs", "fund", to_tuple(terms))
    for function, given in (
        ("refund", (to_tuple(terms), stage.puppet)),
        ("settle", (to_tuple(terms), [10**9], 100, "result", "report")),
        ("fund", (to_tuple(terms),)),
        ("withdraw", ([], stage.puppet)),
    ):
        stage.prepare("jobs", function, *given, after=after)
    stage.act("jobs", "refund", to_tuple(terms), stage.puppet)
    assert stage.outcomes() == ["NotFunded", "NotFunded", "JobExists", "NothingToWithdraw"]
    assert stage["erin"].balance(stage.puppet) == PURSE
    assert stage["erin"].escrowed() == DUE
