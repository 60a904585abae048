"""The port `Chain`: escrow and settlement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contracts.scene import (
    ALICE,
    BOB,
    CAROL,
    CHOICES,
    CID,
    DAVE,
    DUE,
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
    VOTE_BY,
    WHO,
    fund,
    later,
    offer,
    priced,
    refusal,
    settle,
)
from visdm.domain.jobs import WHOLE, Credit, Job, JobState
from visdm.domain.rounds import REJECT, SILENT, Outcome, RoundState, Task

if TYPE_CHECKING:
    from contracts.scene import At

REWARDS = {ALICE: 2_000, BOB: 4_000, CAROL: 0, DAVE: 8_000, ERIN: 0}


# Funding.


def test_funding_moves_the_price_and_the_fee_cap_into_escrow(at: At) -> None:
    world = at("priced")
    world["consumer"].fund(world.round, DUE + 7)
    assert world["erin"].jobs() == {
        world.round: Job(world.round, JobState.FUNDED, PRICE, FEE_CAP, SETTLE_BY)
    }
    assert world["erin"].balance(WHO["consumer"]) == PURSE - DUE
    assert world["erin"].escrowed() == DUE
    assert not any(world["erin"].claimable(account) for account in WHO.values())


def test_what_a_limit_left_over_is_not_drawn_by_a_later_job(at: At) -> None:
    world = at("described")
    first, second = (priced(world, (1, 1, 1, 1, 1), seed=seed, **later(world)) for seed in (8, 9))
    due = 10 * 1_150 + FEE_CAP
    world["consumer"].fund(first, 2**256 - 1)
    with refusal("ERC20InsufficientAllowance("):
        world["consumer"].fund(second, due - 1)
    world["consumer"].fund(second, due)
    assert world["erin"].escrowed() == 2 * due


def test_only_its_consumer_funds_a_round(at: At) -> None:
    world = at("priced")
    for name in ("stranger", "provider", "alice", "rival"):
        with refusal(f"NotConsumer(account={WHO[name]})"):
            world[name].fund(world.round, DUE)


def test_a_round_without_a_price_is_not_funded(at: At) -> None:
    world = at("open")
    unpriced = priced(world, (REJECT,) * 5, seed=8)
    with refusal(f"NotPriced(round={unpriced})"):
        world["consumer"].fund(unpriced, DUE)


def test_funding_an_open_round_closes_it(at: At) -> None:
    world = at("open")
    for name, position, choice in (("alice", 0, 1), ("bob", 1, 2), ("carol", 2, 3)):
        world[name].vote(world.round, [position], choice)
    with refusal(f"VotingNotOver(voteBy={VOTE_BY})"):
        world["consumer"].fund(world.round, DUE)
    world.travel(VOTE_BY + 1)
    world["consumer"].fund(world.round, DUE)
    assert world["erin"].outcome(world.round) == Outcome(
        RoundState.PRICED, CHOICES, step=2, unit_price=20, samples=700
    )
    assert world["erin"].jobs()[world.round].price == PRICE
    assert world["erin"].escrowed() == DUE
    settle(world)
    assert world["bob"].withdraw() == REWARDS[BOB]
    with refusal(f"RoundNotOpen(round={world.round})"):
        world["stranger"].close_round(world.round)


def test_an_open_round_whose_owners_all_said_their_last_word_is_funded_at_once(at: At) -> None:
    world = at("open")
    for position, name in enumerate(("alice", "bob", "carol", "dave", "erin")):
        with refusal(f"VotingNotOver(voteBy={VOTE_BY})"):
            world["consumer"].fund(world.round, DUE)
        world[name].vote(world.round, [position], 1, last=True)
    world["consumer"].fund(world.round, 10 * 1_150 + FEE_CAP)
    assert world["erin"].now() < VOTE_BY
    assert world["erin"].jobs()[world.round].price == 10 * 1_150


def test_a_funding_that_finds_no_price_leaves_the_round_open(at: At) -> None:
    world = at("open")
    world["alice"].vote(world.round, [0], REJECT)
    world["dave"].vote(world.round, [3], REJECT)
    world.travel(VOTE_BY + 1)
    with refusal(f"NotPriced(round={world.round})"):
        world["consumer"].fund(world.round, DUE)
    assert world["erin"].outcome(world.round) is None
    assert world["erin"].ballots(world.round) == [REJECT, 0, 0, REJECT, 0]
    assert world["stranger"].close_round(world.round).state is RoundState.UNPRICED


def test_an_owner_who_retires_before_an_open_round_is_funded_is_left_out(at: At) -> None:
    world = at("open")
    for name, position, choice in (("alice", 0, 1), ("bob", 1, 2), ("carol", 2, 3)):
        world[name].vote(world.round, [position], choice)
    world["bob"].retire(BOB)
    world.travel(VOTE_BY + 1)
    # Without bob the price is another; the limit holds.
    with refusal("ERC20InsufficientAllowance("):
        world["consumer"].fund(world.round, DUE)
    world["consumer"].fund(world.round, 30 * 800 + FEE_CAP)
    outcome = Outcome(RoundState.PRICED, (1, SILENT, 3, 2, SILENT), 3, 30, 800)
    assert world["erin"].outcome(world.round) == outcome
    assert world["erin"].jobs()[world.round].price == 30 * 800


def test_a_round_is_funded_once_whatever_became_of_the_job(at: At) -> None:
    for stage in ("funded", "settled"):
        world = at(stage)
        with refusal(f"JobExists(round={world.round})"):
            world["consumer"].fund(world.round, DUE)
    world = at("funded")
    world.travel(SETTLE_BY + 1)
    world["consumer"].refund(world.round)
    with refusal(f"FundingOver(fundBy={FUND_BY})"):
        world["consumer"].fund(world.round, DUE)
    world = at("funded")
    world["provider"].refund(world.round)
    with refusal(f"JobExists(round={world.round})"):
        world["consumer"].fund(world.round, DUE)


def test_a_round_is_not_funded_late(at: At) -> None:
    world = at("priced")
    world.travel(FUND_BY + 1)
    with refusal(f"FundingOver(fundBy={FUND_BY})"):
        world["consumer"].fund(world.round, DUE)


def test_a_job_is_not_funded_on_credit(at: At) -> None:
    world = at("priced")
    for limit in (0, 1, DUE - 1):
        with refusal("ERC20InsufficientAllowance("):
            world["consumer"].fund(world.round, limit)
    world["consumer"].transfer(WHO["alice"], PURSE - DUE + 1)
    with refusal(f"ERC20InsufficientBalance(sender={WHO['consumer']}, balance={DUE - 1}"):
        world["consumer"].fund(world.round, DUE)
    assert not world["erin"].jobs()
    world["alice"].transfer(WHO["consumer"], 1)
    world["consumer"].fund(world.round, DUE)
    assert world["erin"].balance(WHO["consumer"]) == 0


def test_an_owner_who_retires_after_the_vote_is_not_computed_on(at: At) -> None:
    world = at("priced")
    world["bob"].retire(BOB)
    with refusal(f"AssetUnavailable(asset={BOB})"):
        world["consumer"].fund(world.round, DUE)
    assert world["erin"].escrowed() == 0


def test_a_model_that_was_retired_or_sold_after_the_vote_is_not_run(at: At) -> None:
    world = at("priced")
    world.sell(MODEL, "consumer", "alice")
    with refusal(f"NotConsumer(account={WHO['consumer']})"):
        world["consumer"].fund(world.round, DUE)
    world.sell(MODEL, "alice", "consumer")
    world["consumer"].retire(MODEL)
    with refusal(f"ModelUnavailable(model={MODEL})"):
        world["consumer"].fund(world.round, DUE)


def test_an_owner_who_is_not_in_the_dataset_cannot_stop_it(at: At) -> None:
    world = at("priced")
    world["carol"].retire(CAROL)
    world["erin"].retire(ERIN)
    fund(world, world.round)
    assert world["erin"].escrowed() == DUE


def test_a_price_that_no_credit_could_hold_is_not_funded(at: At) -> None:
    world = at("described")
    world["deployer"].transfer(WHO["consumer"], 2**98)
    most = 2**80 - 2
    big, small = offer(world, "alice", 2**16 + 1), offer(world, "alice", 2**15)
    held = {"assets": (big,), "ladder": (most,), "fee_cap": 0}
    dear = priced(world, (1,), **held, **later(world))
    price = most * (2**16 + 1)
    with refusal(f"SafeCastOverflowedUintDowncast(bits=96, value={price})"):
        world["consumer"].fund(dear, 2**98)
    # What lies in escrow is held below that too: a fee cap on top of half of it is too much.
    held |= {"assets": (small,), "fee_cap": 2**96 - 1}
    full = priced(world, (1,), **held, **later(world))
    price = most * 2**15
    with refusal(f"EscrowFull(held={price + 2**96 - 1})"):
        world["consumer"].fund(full, 2**98)
    assert world["erin"].escrowed() == 0


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
            change=FEE_CAP - FEE,
            credited=5,
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
    second = priced(world, (1, 0, 0, 0, 0), assets=(ALICE,), quorum=0, **later(world))
    fund(world, second)
    world["provider"].settle(second, (WHOLE,), 0, "result", "report")
    assert world["erin"].credit(ALICE) == Credit(3_000, 2_000, 2)
    assert world["erin"].claimable(WHO["alice"]) == 1_000
    assert list(world["erin"].jobs()) == [world.round, second]
