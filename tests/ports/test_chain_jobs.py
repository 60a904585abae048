"""The port `Chain`: escrow, settlement, refunds and who may withdraw what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.scene import (
    ALICE,
    BOB,
    CAROL,
    CID,
    DAVE,
    ERIN,
    FEE,
    FEE_CAP,
    FUND_BY,
    MODEL,
    PRICE,
    PURSE,
    SETTLE_BY,
    SHARES,
    TERMS,
    WHO,
    World,
    close,
    fund,
    refusal,
)
from visdm.domain.jobs import WHOLE, Credit, Job, JobState
from visdm.domain.rounds import REJECT, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.scene import At

DUE = PRICE + FEE_CAP
REWARDS = {ALICE: 2_000, BOB: 4_000, CAROL: 0, DAVE: 8_000, ERIN: 0}


def settle(world: World, shares: Sequence[int] = SHARES, fee: int = FEE) -> None:
    world["provider"].settle(world.round, shares, fee, "result", "report")


def priced(world: World, choices: Sequence[int], **changes: object) -> str:
    """Open, answer and close another round; return its id."""
    round_ = world["consumer"].open_round(replace(TERMS, **changes))  # type: ignore[arg-type]  # names of fields
    close(world, round_, choices)
    return round_


# Funding.


def test_funding_moves_the_price_and_the_fee_cap_into_escrow(at: At) -> None:
    world = at("priced")
    world["consumer"].allow(DUE + 7)
    world["consumer"].fund(world.round)
    assert world["erin"].jobs() == {
        world.round: Job(world.round, JobState.FUNDED, PRICE, FEE_CAP, SETTLE_BY)
    }
    assert world["erin"].balance(WHO["consumer"]) == PURSE - DUE
    assert world["erin"].escrowed() == DUE
    assert world["consumer"].allowance() == 7
    assert not any(world["erin"].claimable(account) for account in WHO.values())


def test_an_unlimited_allowance_is_not_used_up(at: At) -> None:
    world = at("priced")
    world["consumer"].allow(2**256 - 1)
    world["consumer"].fund(world.round)
    assert world["consumer"].allowance() == 2**256 - 1


def test_only_its_consumer_funds_a_round(at: At) -> None:
    world = at("priced")
    for name in ("stranger", "provider", "alice", "rival"):
        with refusal(f"NotConsumer(account={WHO[name]})"):
            world[name].fund(world.round)


def test_a_round_without_a_price_is_not_funded(at: At) -> None:
    world = at("open")
    with refusal(f"NotPriced(round={world.round})"):
        world["consumer"].fund(world.round)
    unpriced = priced(world, (REJECT,) * 5, seed=8)
    with refusal(f"NotPriced(round={unpriced})"):
        world["consumer"].fund(unpriced)


def test_a_round_is_funded_once_whatever_became_of_the_job(at: At) -> None:
    for stage in ("funded", "settled"):
        world = at(stage)
        world["consumer"].allow(10 * DUE)
        with refusal(f"JobExists(round={world.round})"):
            world["consumer"].fund(world.round)
    world = at("funded")
    world.travel(SETTLE_BY + 1)
    world["consumer"].refund(world.round)
    with refusal(f"FundingOver(fundBy={FUND_BY})"):
        world["consumer"].fund(world.round)


def test_a_round_is_not_funded_late(at: At) -> None:
    world = at("priced")
    world["consumer"].allow(DUE)
    world.travel(FUND_BY + 1)
    with refusal(f"FundingOver(fundBy={FUND_BY})"):
        world["consumer"].fund(world.round)


def test_a_job_is_not_funded_on_credit(at: At) -> None:
    world = at("priced")
    with refusal("ERC20InsufficientAllowance("):
        world["consumer"].fund(world.round)
    world["consumer"].allow(DUE - 1)
    with refusal("ERC20InsufficientAllowance("):
        world["consumer"].fund(world.round)
    world["consumer"].allow(DUE)
    world["consumer"].transfer(WHO["alice"], PURSE - DUE + 1)
    with refusal(f"ERC20InsufficientBalance(sender={WHO['consumer']}, balance={DUE - 1}"):
        world["consumer"].fund(world.round)
    assert not world["erin"].jobs()
    world["alice"].transfer(WHO["consumer"], 1)
    world["consumer"].fund(world.round)
    assert world["erin"].balance(WHO["consumer"]) == 0


def test_an_owner_who_retires_after_the_vote_is_not_computed_on(at: At) -> None:
    world = at("priced")
    world["consumer"].allow(DUE)
    world["bob"].retire(BOB)
    with refusal(f"AssetUnavailable(asset={BOB})"):
        world["consumer"].fund(world.round)
    assert world["erin"].escrowed() == 0


def test_a_model_that_was_retired_or_sold_after_the_vote_is_not_run(at: At) -> None:
    world = at("priced")
    world["consumer"].allow(DUE)
    world.sell(MODEL, "consumer", "alice")
    with refusal(f"NotConsumer(account={WHO['consumer']})"):
        world["consumer"].fund(world.round)
    world.sell(MODEL, "alice", "consumer")
    world["consumer"].retire(MODEL)
    with refusal(f"AssetUnavailable(asset={MODEL})"):
        world["consumer"].fund(world.round)


def test_an_owner_who_is_not_in_the_dataset_cannot_stop_it(at: At) -> None:
    world = at("priced")
    world["carol"].retire(CAROL)
    world["erin"].retire(ERIN)
    fund(world, world.round)
    assert world["erin"].escrowed() == DUE


# Settling.


def test_settling_credits_assets_provider_and_consumer(at: At) -> None:
    world = at("settled")
    assert world["erin"].jobs() == {
        world.round: Job(
            round=world.round,
            state=JobState.SETTLED,
            price=PRICE,
            fee_cap=FEE_CAP,
            settle_by=SETTLE_BY,
            fee=FEE,
            shares=SHARES,
            result=CID,
            report=CID,
        )
    }
    for asset, reward in REWARDS.items():
        assert world["erin"].credit(asset) == Credit(reward, 0, 1 if reward else 0)
    claimable = {name: world["erin"].claimable(account) for name, account in WHO.items()}
    assert {name: amount for name, amount in claimable.items() if amount} == {
        "alice": 2_000,
        "bob": 4_000,
        "dave": 8_000,
        "provider": FEE,
        "consumer": FEE_CAP - FEE,
    }
    assert world["erin"].escrowed() == DUE == sum(claimable.values())


@pytest.mark.parametrize(("fee", "left"), [(0, FEE_CAP), (FEE_CAP, 0)])
def test_the_fee_is_what_the_provider_asks_up_to_the_cap(at: At, fee: int, left: int) -> None:
    world = at("funded")
    with refusal(f"FeeAboveCap(fee={FEE_CAP + 1}, feeCap={FEE_CAP})"):
        settle(world, fee=FEE_CAP + 1)
    settle(world, fee=fee)
    assert world["erin"].claimable(WHO["provider"]) == fee
    assert world["erin"].claimable(WHO["consumer"]) == left


def test_only_the_jobs_provider_settles(at: At) -> None:
    world = at("funded")
    for name in ("consumer", "alice", "rival", "stranger"):
        with refusal(f"NotProvider(account={WHO[name]})"):
            world[name].settle(world.round, SHARES, FEE, "result", "report")


def test_only_a_funded_job_is_settled_and_only_once(at: At) -> None:
    for stage in ("open", "priced", "settled"):
        world = at(stage)
        with refusal(f"NotFunded(round={world.round})"):
            settle(world)
    world = at("funded")
    world.travel(SETTLE_BY + 1)
    world["stranger"].refund(world.round)
    with refusal(f"NotFunded(round={world.round})"):
        settle(world)


def test_shares_that_do_not_add_up_are_refused(at: At) -> None:
    world = at("funded")
    a, b, _, d, _ = SHARES
    for shares, reason in (
        ((a, b, 0, d - 1, 0), f"BadShares(sum={WHOLE - 1}, count=5)"),
        ((a, b, 0, d + 1, 0), f"BadShares(sum={WHOLE + 1}, count=5)"),
        ((0, 0, 0, 0, 0), "BadShares(sum=0, count=5)"),
        ((2**32 - 1, 0, 0, 1, 0), f"BadShares(sum={2**32}, count=5)"),
        ((a, b, 0, d), "BadShares(sum=0, count=4)"),
        ((a, b, 0, d, 0, 0), "BadShares(sum=0, count=6)"),
        ((), "BadShares(sum=0, count=0)"),
        ((a, b, 1, d - 1, 0), f"ShareOfExcluded(asset={CAROL})"),
        ((a, b, 0, d - 1, 1), f"ShareOfExcluded(asset={ERIN})"),
    ):
        with refusal(reason):
            settle(world, shares)
    assert world["erin"].jobs()[world.round].state is JobState.FUNDED
    assert world["erin"].credit(ALICE) == Credit(0, 0, 0)


def test_one_asset_may_have_earned_it_all(at: At) -> None:
    world = at("funded")
    settle(world, (0, WHOLE, 0, 0, 0))
    assert world["erin"].credit(BOB) == Credit(PRICE, 0, 1)
    assert world["erin"].credit(ALICE) == Credit(0, 0, 1)


def test_a_test_job_is_split_equally_among_the_dataset(at: At) -> None:
    world = at("described")
    round_ = priced(world, (1, REJECT, 1, REJECT, 1), task=Task.TEST)
    fund(world, round_)
    with refusal("BadShares(sum=0, count=5)"):
        world["provider"].settle(round_, SHARES, 0, "result", "report")
    world["provider"].settle(round_, (), 0, "result", "report")
    # 10 a sample for the 550 samples of alice, carol and erin; an odd unit goes to the first.
    job = world["erin"].jobs()[round_]
    assert (job.price, job.shares) == (5_500, (333_333_334, 0, 333_333_333, 0, 333_333_333))
    earned = [world["erin"].credit(asset).earned for asset in TERMS.assets]
    assert earned == [1_833, 0, 1_833, 0, 1_834]


def test_an_asset_earns_over_many_jobs(at: At) -> None:
    world = at("settled")
    world["alice"].withdraw()
    later = {"vote_by": SETTLE_BY, "fund_by": SETTLE_BY + 86_400, "settle_by": 2 * SETTLE_BY}
    second = priced(world, (1, 0, 0, 0, 0), assets=(ALICE,), quorum=0, **later)
    fund(world, second)
    world["provider"].settle(second, (WHOLE,), 0, "result", "report")
    assert world["erin"].credit(ALICE) == Credit(3_000, 2_000, 2)
    assert world["erin"].claimable(WHO["alice"]) == 1_000
    assert list(world["erin"].jobs()) == [world.round, second]


# Refunds.


def test_anybody_gives_the_money_back_once_the_deadline_passed(at: At) -> None:
    world = at("funded")
    for name in ("consumer", "stranger", "provider"):
        with refusal(f"NotYetRefundable(settleBy={SETTLE_BY})"):
            world[name].refund(world.round)
    world.travel(SETTLE_BY + 1)
    world["stranger"].refund(world.round)
    job = world["erin"].jobs()[world.round]
    assert job == Job(world.round, JobState.REFUNDED, PRICE, FEE_CAP, SETTLE_BY)
    claimable = {name: world["erin"].claimable(account) for name, account in WHO.items()}
    assert claimable == {name: DUE if name == "consumer" else 0 for name in WHO}
    with refusal(f"NotFunded(round={world.round})"):
        world["consumer"].refund(world.round)
    assert world["consumer"].withdraw() == DUE
    assert world["erin"].balance(WHO["consumer"]) == PURSE
    assert world["erin"].escrowed() == 0


def test_a_settled_job_is_not_refunded(at: At) -> None:
    world = at("settled")
    world.travel(SETTLE_BY + 1)
    with refusal(f"NotFunded(round={world.round})"):
        world["consumer"].refund(world.round)


def test_a_job_that_was_never_funded_is_not_refunded(at: At) -> None:
    world = at("priced")
    world.travel(SETTLE_BY + 1)
    with refusal(f"NotFunded(round={world.round})"):
        world["consumer"].refund(world.round)


def test_a_provider_may_deliver_late_as_long_as_nobody_called_the_money_back(at: At) -> None:
    world = at("funded")
    world.travel(SETTLE_BY + 86_400)
    settle(world)
    assert world["erin"].jobs()[world.round].state is JobState.SETTLED
    with refusal(f"NotFunded(round={world.round})"):
        world["consumer"].refund(world.round)


# Withdrawing.


def test_everybody_withdraws_what_is_theirs_and_nothing_twice(at: At) -> None:
    world = at("settled")
    due = {"alice": 2_000, "bob": 4_000, "dave": 8_000, "provider": FEE, "consumer": 1_500}
    before = {name: world["erin"].balance(WHO[name]) for name in due}
    for name, amount in due.items():
        assert world[name].withdraw() == amount
        assert world["erin"].claimable(WHO[name]) == 0
        with refusal(f"NothingToWithdraw(account={WHO[name]})"):
            world[name].withdraw()
    after = {name: world["erin"].balance(WHO[name]) for name in due}
    assert after == {name: before[name] + amount for name, amount in due.items()}
    assert world["erin"].escrowed() == 0
    assert world["erin"].withdrawn() == DUE
    assert world["erin"].credit(BOB) == Credit(4_000, 4_000, 1)


def test_who_earned_nothing_withdraws_nothing(at: At) -> None:
    world = at("settled")
    for name in ("carol", "erin", "stranger", "rival"):
        with refusal(f"NothingToWithdraw(account={WHO[name]})"):
            world[name].withdraw()


def test_the_rewards_of_an_asset_go_with_it_when_it_is_sold(at: At) -> None:
    world = at("settled")
    world.sell(BOB, "bob", "erin")
    claimable = world["alice"].claimable
    assert (claimable(WHO["bob"]), claimable(WHO["erin"])) == (0, 4_000)
    with refusal(f"NothingToWithdraw(account={WHO['bob']})"):
        world["bob"].withdraw()
    assert world["erin"].withdraw() == 4_000
    world.sell(BOB, "erin", "bob")
    with refusal(f"NothingToWithdraw(account={WHO['bob']})"):
        world["bob"].withdraw()


def test_what_was_withdrawn_before_a_sale_stays_with_the_seller(at: At) -> None:
    world = at("settled")
    assert world["dave"].withdraw() == 8_000
    world.sell(DAVE, "dave", "erin")
    with refusal(f"NothingToWithdraw(account={WHO['erin']})"):
        world["erin"].withdraw()


def test_a_retired_asset_still_pays_out(at: At) -> None:
    world = at("funded")
    world["alice"].retire(ALICE)
    settle(world)
    assert world["alice"].withdraw() == 2_000
