"""Rounds and jobs through the services: consent kept, refusals told, nothing done twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from visdm.domain.rounds import REJECT, Task, Terms
from visdm.domain.sampling import Criteria
from visdm.errors import InputError, JobError, RefusedError, UnknownError, VaultError
from visdm.ports import Limits, silent
from visdm.services.supplier import choice_for

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.services.provider import ComputeProvider
    from visdm.wiring import World

Parts = dict[str, "Path"]


@pytest.fixture
def market(world: World, parts: Parts, model: Path) -> World:
    """Return a world with three described assets and a described model, asset 4."""
    for name, part in (("supplier-1", "a"), ("supplier-2", "b"), ("supplier-3", "c")):
        world.supplier(name).offer(parts[part], name=part, provider=1)
    world.consumer("consumer-1").register_model(model, provider=1)
    provider = computing(world)
    for asset in provider.undescribed():
        provider.describe(asset)
    return world


def computing(world: World) -> ComputeProvider:
    return world.provider("provider-1", Limits())


def terms(world: World, **changes: object) -> Terms:
    consumer = world.consumer("consumer-1")
    now = consumer.chain.now()
    plain = Terms(
        consumer=consumer.chain.account,
        model=4,
        provider=1,
        assets=consumer.sample(Criteria(provider=1)),
        ladder=(100, 200),
        task=Task.TRAIN,
        method="shapley",
        seed=7,
        quorum=5000,
        threshold=6600,
        min_samples=1,
        fee_cap=1000,
        vote_by=now + 600,
        fund_by=now + 1200,
        settle_by=now + 1800,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # names of its fields


def funded(world: World, **changes: object) -> str:
    """Open, vote, close and fund; supplier-3 rejects."""
    consumer = world.consumer("consumer-1")
    round_ = consumer.open_round(terms(world, **changes))
    for name, least in (("supplier-1", 100), ("supplier-2", 150), ("supplier-3", None)):
        world.supplier(name).vote(round_, least)
    world.travel(consumer.chain.rounds()[round_].vote_by + 1)
    consumer.close(round_)
    consumer.fund(round_)
    return round_


def test_a_rejecting_owner_is_neither_computed_on_nor_paid(market: World) -> None:
    round_ = funded(market)
    report = computing(market).run(round_)
    assert sorted(report.inputs) == [1, 2, 4]
    assert report.shares[2] == report.rewards[2] == 0
    assert report.price == 200 * 16
    assert market.consumer("consumer-1").verify(round_) == []
    assert market.supplier("supplier-3").withdraw() == 0


def test_a_second_run_of_the_same_job_is_refused(market: World) -> None:
    round_ = funded(market)
    provider = computing(market)
    provider.run(round_)
    assert provider.pending_jobs() == []
    with pytest.raises(UnknownError):
        provider.run(round_)


def test_the_same_job_gives_the_same_report_but_for_the_ciphertext(market: World) -> None:
    provider, round_ = computing(market), funded(market)
    job = provider.chain.jobs()[round_]
    dataset = [asset for asset in provider.chain.assets() if asset.asset in (1, 2)]
    reports = []
    for _ in range(2):
        with provider.scratch.folder() as private:
            report = provider._compute(round_, job, dataset, private, silent)
        reports.append(replace(report, result="", grants=""))
    assert reports[0] == reports[1]


def test_an_asset_retired_after_funding_is_not_computed_on_and_the_money_comes_back(
    market: World,
) -> None:
    round_ = funded(market)
    market.supplier("supplier-1").retire(1)
    with pytest.raises(JobError, match="asset 1 was retired"):
        computing(market).run(round_)
    consumer = market.consumer("consumer-1")
    before = consumer.chain.balance(consumer.chain.account)
    market.travel(consumer.chain.rounds()[round_].settle_by + 1)
    consumer.refund(round_)
    consumer.refund(round_)
    assert consumer.withdraw() == 200 * 16 + 1000
    assert consumer.chain.balance(consumer.chain.account) == before + 200 * 16 + 1000


def test_a_method_that_the_provider_does_not_know_is_not_computed(market: World) -> None:
    round_ = funded(market, method="astrology")
    with pytest.raises(JobError, match="astrology"):
        computing(market).run(round_)


def test_the_equal_method_splits_equally(market: World) -> None:
    report = computing(market).run(funded(market, method="equal"))
    assert report.shares == (500_000_000, 500_000_000, 0)
    assert market.consumer("consumer-1").verify(report.round) == []


def test_the_result_opens_for_the_consumer_alone(market: World, tmp_path: Path) -> None:
    round_ = funded(market)
    computing(market).run(round_)
    market.consumer("consumer-1").result(round_, tmp_path / "weights")
    assert (tmp_path / "weights").stat().st_size > 0
    stranger = market.consumer("supplier-2")
    with pytest.raises(VaultError, match="not granted"):
        stranger.result(round_, tmp_path / "stolen")
    assert not (tmp_path / "stolen").exists()


def test_opening_the_very_same_round_again_returns_the_open_one(market: World) -> None:
    consumer, wanted = market.consumer("consumer-1"), terms(market)
    assert consumer.open_round(wanted) == consumer.open_round(wanted)


def test_terms_that_contradict_themselves_cost_no_transaction(market: World) -> None:
    consumer, before = market.consumer("consumer-1"), len(market.history())
    with pytest.raises(InputError, match="200 comes before 100"):
        consumer.open_round(terms(market, ladder=(200, 100)))
    assert len(market.history()) == before


def test_funding_a_round_without_a_price_is_refused_before_anything_is_paid(
    market: World,
) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    market.travel(consumer.chain.rounds()[round_].vote_by + 1)
    assert consumer.close(round_).price == 0
    with pytest.raises(InputError, match="has no price"):
        consumer.fund(round_)
    assert consumer.chain.allowance() == 0


def test_funding_twice_pays_once(market: World) -> None:
    round_ = funded(market)
    consumer = market.consumer("consumer-1")
    before = consumer.chain.escrowed()
    consumer.fund(round_)
    assert consumer.chain.escrowed() == before


def test_signed_ballots_count_for_owners_who_send_nothing(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    ballots = market.supplier("supplier-1").sign(round_, 150)
    ballots += market.supplier("supplier-2").sign(round_, None)
    assert consumer.submit(round_, ballots) == {}
    assert consumer.chain.ballots(round_) == [2, REJECT, 0]
    assert consumer.submit(round_, ballots) == {}, "what is counted is not sent again"


def test_a_delegate_answers_for_those_who_did_not(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    market.supplier("supplier-2").vote(round_, 200)
    trustee = market.address("supplier-1")
    for name in ("supplier-2", "supplier-3"):
        market.supplier(name).delegate(trustee)
    market.supplier("supplier-1").vote(round_, 100)
    assert consumer.chain.ballots(round_) == [1, 2, 1]


def test_who_asks_for_more_than_the_ladder_holds_is_told_to_reject(market: World) -> None:
    with pytest.raises(InputError, match="ends at 200"):
        choice_for(terms(market), 201)
    assert choice_for(terms(market), None) == REJECT


def test_an_account_cannot_act_for_another(market: World) -> None:
    with pytest.raises(UnknownError):
        market.supplier("supplier-2").retire(1)
    with pytest.raises(RefusedError, match="NotOwner"):
        market.chain("supplier-2").retire(1)
    with pytest.raises(RefusedError, match="NotProvider"):
        market.chain("consumer-1").settle(funded(market), [500_000_000, 500_000_000, 0], 0, "", "")
