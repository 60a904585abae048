"""The port `Chain`: refunds, and who may withdraw what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.scene import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DUE,
    ERIN,
    FEE,
    FEE_CAP,
    PRICE,
    PURSE,
    SETTLE_BY,
    WHO,
    fund,
    later,
    priced,
    refusal,
    settle,
)
from visdm.domain.jobs import WHOLE, Credit, Job, JobState

if TYPE_CHECKING:
    from contracts.scene import At

REWARDS = {ALICE: 2_000, BOB: 4_000, CAROL: 0, DAVE: 8_000, ERIN: 0}


# Refunds.


def test_anybody_gives_the_money_back_once_the_deadline_passed(at: At) -> None:
    world = at("funded")
    for name in ("consumer", "stranger", "rival", "alice"):
        with refusal(f"NotYetRefundable(settleBy={SETTLE_BY})"):
            world[name].refund(world.round)
    world.travel(SETTLE_BY + 1)
    world["stranger"].refund(world.round)
    job = world["erin"].jobs()[world.round]
    assert job == Job(world.round, JobState.REFUNDED, PRICE, FEE_CAP, SETTLE_BY)
    assert not any(world["erin"].claimable(account) for account in WHO.values())
    assert world["erin"].balance(WHO["consumer"]) == PURSE
    assert world["erin"].escrowed() == 0
    assert world["erin"].withdrawn() == DUE
    with refusal(f"NotFunded(round={world.round})"):
        world["consumer"].refund(world.round)


def test_a_provider_gives_a_job_up_at_any_time(at: At) -> None:
    world = at("funded")
    world["provider"].refund(world.round)
    assert world["erin"].now() < SETTLE_BY
    assert world["erin"].jobs()[world.round].state is JobState.REFUNDED
    assert world["erin"].balance(WHO["consumer"]) == PURSE
    with refusal(f"NotFunded(round={world.round})"):
        settle(world)


def test_a_settled_job_gives_back_its_change_and_no_more(at: At) -> None:
    world = at("settled")
    world.travel(SETTLE_BY + 1)
    world["stranger"].refund(world.round)
    assert world["erin"].balance(WHO["consumer"]) == PURSE - PRICE - FEE
    assert world["erin"].jobs()[world.round].change == 0
    assert world["erin"].claimable(WHO["consumer"]) == 0
    assert world["erin"].escrowed() == PRICE + FEE
    with refusal(f"NothingToReturn(round={world.round})"):
        world["consumer"].refund(world.round)
    with refusal(f"NothingToWithdraw(account={WHO['consumer']})"):
        world["consumer"].withdraw()


def test_a_job_whose_fee_is_its_cap_leaves_no_change(at: At) -> None:
    world = at("funded")
    settle(world, fee=FEE_CAP)
    assert world["erin"].jobs()[world.round].change == 0
    with refusal(f"NothingToReturn(round={world.round})"):
        world["consumer"].refund(world.round)


def test_a_job_that_was_never_funded_is_not_refunded(at: At) -> None:
    world = at("priced")
    world.travel(SETTLE_BY + 1)
    with refusal(f"NotFunded(round={world.round})"):
        world["consumer"].refund(world.round)


def test_a_provider_may_deliver_late_as_long_as_nobody_called_the_money_back(at: At) -> None:
    world = at("funded")
    world.travel(SETTLE_BY + 86_400)
    settle(world, fee=FEE_CAP)
    assert world["erin"].jobs()[world.round].state is JobState.SETTLED
    with refusal(f"NothingToReturn(round={world.round})"):
        world["consumer"].refund(world.round)


def test_a_settlement_that_came_to_its_end_has_nothing_left_to_pay(at: At) -> None:
    for stage in ("open", "priced", "funded", "settled"):
        world = at(stage)
        before = world["erin"].now(), [world["erin"].credit(asset) for asset in REWARDS]
        world["stranger"].pay(world.round)
        assert before == (world["erin"].now(), [world["erin"].credit(a) for a in REWARDS])


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


def test_what_is_withdrawn_goes_where_its_owner_says(at: At) -> None:
    world = at("settled")
    before = world["erin"].balance(WHO["provider"])
    assert world["bob"].withdraw(WHO["stranger"]) == 4_000
    assert world["provider"].withdraw(WHO["stranger"]) == FEE
    assert world["consumer"].withdraw(WHO["stranger"]) == FEE_CAP - FEE
    assert world["erin"].balance(WHO["stranger"]) == 4_000 + FEE_CAP
    assert world["erin"].balance(WHO["bob"]) == 0
    assert world["erin"].balance(WHO["provider"]) == before
    assert world["erin"].balance(WHO["consumer"]) == PURSE - DUE
    with refusal(f"NothingToWithdraw(account={WHO['stranger']})"):
        world["stranger"].withdraw()


def test_a_consumer_who_also_sells_withdraws_change_and_rewards(at: At) -> None:
    world = at("settled")
    world.sell(BOB, "bob", "consumer")
    assert world["erin"].claimable(WHO["consumer"]) == 4_000 + FEE_CAP - FEE
    assert world["consumer"].withdraw() == 4_000 + FEE_CAP - FEE
    assert world["erin"].claimable(WHO["consumer"]) == 0
    assert world["erin"].balance(WHO["consumer"]) == PURSE - DUE + 4_000 + FEE_CAP - FEE


def test_the_change_of_every_job_comes_back_at_once(at: At) -> None:
    world = at("described")
    rounds = [priced(world, (1, 1, 1, 1, 1), seed=seed, **later(world)) for seed in (8, 9)]
    for round_ in rounds:
        fund(world, round_)
        world["provider"].settle(round_, (0, 0, 0, 0, WHOLE), 1_000, "result", "report")
    assert world["consumer"].withdraw() == 2 * (FEE_CAP - 1_000)
    assert [job.change for job in world["erin"].jobs().values()] == [0, 0]


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
