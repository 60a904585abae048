"""Rounds and jobs through the services: consent kept, refusals told, nothing done twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from memory.sandbox import InProcess
from unit.services.deals import computing, funded, terms
from visdm.domain.assets import Kind
from visdm.domain.jobs import JobState
from visdm.domain.rounds import Outcome, RoundState
from visdm.domain.sampling import Criteria
from visdm.errors import InputError, JobError, RefusedError, UnknownError, VaultError
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.domain.jobs import Job
    from visdm.ports import Computation, Progress
    from visdm.wiring import World


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
            report = provider._compute(job, dataset, private, silent)
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
    assert consumer.withdraw() == 0
    assert consumer.chain.balance(consumer.chain.account) == before + 200 * 16 + 1000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "astrology"}, "astrology"),
        ({"fee_cap": 0}, "fee cap"),
    ],
)
def test_what_a_provider_cannot_settle_or_is_not_paid_for_is_not_computed(
    market: World, changes: dict[str, object], reason: str
) -> None:
    """A consumer of its own making need not ask our service first."""
    round_ = market.chain("consumer-1").open_round(terms(market, **changes))
    funded(market, round_=round_)
    with pytest.raises(JobError, match=reason):
        computing(market).run(round_)


def test_a_job_past_its_deadline_is_not_computed(market: World) -> None:
    """Its consumer could have result and money: nobody must begin what can be called back."""
    round_ = funded(market)
    market.travel(market.chain("consumer-1").rounds()[round_].settle_by + 1)
    assert computing(market).pending_jobs() == []
    with pytest.raises(JobError, match="deadline"):
        computing(market).run(round_)


def test_a_job_whose_deadline_passes_meanwhile_stores_nothing(market: World) -> None:
    round_ = funded(market)
    provider = computing(market)
    late = market.chain("consumer-1").rounds()[round_].settle_by + 1

    class Slow(InProcess):
        def run(
            self, computation: Computation, output: Path, progress: Progress = silent
        ) -> Mapping[str, Any]:
            answer = super().run(computation, output, progress)
            market.travel(late)
            return answer

    stored = set((market.folder / "blobs").rglob("*"))
    with pytest.raises(JobError, match="deadline"):
        replace(provider, sandbox=Slow()).run(round_)
    assert set((market.folder / "blobs").rglob("*")) == stored


def test_a_model_retired_after_the_vote_cannot_be_funded(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    market.supplier("supplier-1").vote(round_, 100)
    market.supplier("supplier-2").vote(round_, 100)
    market.travel(consumer.chain.rounds()[round_].vote_by + 1)
    consumer.close(round_)
    consumer.chain.retire(4)
    with pytest.raises(RefusedError, match="ModelUnavailable"):
        consumer.fund(round_)


@pytest.mark.parametrize("key", ["", "not a key"])
def test_a_consumer_without_a_key_is_noticed_before_anything_is_computed(
    market: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_ = funded(market)
    provider = computing(market)
    monkeypatch.setattr(type(provider.chain), "recipient", lambda *_: key)
    with pytest.raises(JobError, match="no key"):
        provider.run(round_)


class Forging(InProcess):
    """A sandbox whose script answers in the platform's place."""

    def __init__(self, **forged: object) -> None:
        self.forged = forged

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        return {**super().run(computation, output, progress), **self.forged}


@pytest.mark.parametrize(
    "forged",
    [
        {"utilities": []},
        {"utilities": [[[], 1], [[1], 2], [[2], 2], [[1, 2], 10**9]]},
        {"utilities": [[[], True], [[1], 2], [[2], 2], [[1, 2], 3]]},
        {"utilities": [[[], 1], [[1], 2], [[2], 2], [[1, 2], 3], [[3], 1]]},
        {"utilities": "PAR1"},
        {"validation": 0},
        {"validation": "8"},
        {"metrics": {"accuracy": "PAR1", "loss": 0.1}},
        {"metrics": {}},
        {"metrics": {"accuracy": 1.5, "loss": 0.1}},
        {"metrics": {"accuracy": 0.5, "loss": -1e-9}},
        {"validation": 10**9},
    ],
)
def test_an_answer_that_a_script_forged_out_of_shape_is_not_published(
    market: World, forged: dict[str, object]
) -> None:
    round_ = funded(market)
    with pytest.raises(JobError, match="agreed shape"):
        replace(computing(market), sandbox=Forging(**forged)).run(round_)


def test_what_a_script_adds_to_its_answer_reaches_nobody(market: World) -> None:
    """The report was published with whatever the script put beside the numbers."""
    image = "PAR1" * 1000
    metrics = {"accuracy": 0.123456789, "loss": 0.5, "image": image}
    forged = {"versions": {"torch": image}, "classes": [image], "threads": image, "extra": image}
    round_ = funded(market)
    report = replace(computing(market), sandbox=Forging(metrics=metrics, **forged)).run(round_)
    assert b"PAR1" not in report.to_bytes()
    right = dict(report.utilities)[1, 2]
    assert report.metrics == {"accuracy": round(right / report.validation, 4), "loss": 0.5}
    assert report.classes == ("0", "1")


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
    before = len(market.history())
    with pytest.raises(InputError, match="has no price"):
        consumer.fund(round_)
    assert len(market.history()) == before


def answered(market: World, *, last: bool = False, **changes: object) -> str:
    """Open a round and let the owners answer; supplier-3 rejects."""
    round_ = market.consumer("consumer-1").open_round(terms(market, **changes))
    for name, least in (("supplier-1", 100), ("supplier-2", 150), ("supplier-3", None)):
        market.supplier(name).vote(round_, least, last=last)
    return round_


PRICED = Outcome(RoundState.PRICED, (1, 2, 127), 2, 200, 16)


def test_what_a_round_will_cost_is_known_before_it_is_closed(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    assert consumer.expected(round_) == Outcome(RoundState.UNPRICED, (0, 0, 0))
    market.supplier("supplier-1").vote(round_, 100)
    market.supplier("supplier-2").vote(round_, 150)
    market.supplier("supplier-3").vote(round_, None)
    assert consumer.expected(round_) == PRICED
    market.supplier("supplier-1").retire(1)
    without = Outcome(RoundState.PRICED, (0, 2, 127), 2, 200, 8)
    assert consumer.expected(round_) == without
    market.travel(consumer.chain.rounds()[round_].vote_by + 1)
    assert consumer.close(round_) == without == consumer.expected(round_)
    with pytest.raises(UnknownError):
        consumer.expected("0x" + "0" * 64)


def test_what_is_not_on_offer_is_expected_to_cost_nothing(market: World) -> None:
    """Another provider's asset, one nobody described, a model and a number that is none."""
    rogue = market.supplier("supplier-3").chain
    rivals = rogue.register(Kind.DATA, rogue.announce("US", 0), 5, 0, "package", "grants")
    rogue.describe(rivals, "metadata")
    raw = rogue.register(Kind.DATA, 1, 5, 0, "package", "grants")
    consumer = market.consumer("consumer-1")
    wanted = terms(market, assets=(1, 4, rivals, raw, 99), method="equal")
    round_ = consumer.chain.open_round(wanted)
    market.supplier("supplier-1").vote(round_, 100, last=True)
    rogue.vote(round_, [2, 3], 1)
    expected = consumer.expected(round_)
    assert expected == Outcome(RoundState.PRICED, (1, 0, 0, 0, 0), 1, 100, 8)
    assert consumer.close(round_) == expected


def test_funding_an_open_round_closes_it_in_the_same_transaction(market: World) -> None:
    consumer, round_ = market.consumer("consumer-1"), answered(market)
    with pytest.raises(RefusedError, match="VotingNotOver"):
        consumer.fund(round_)
    market.travel(consumer.chain.rounds()[round_].vote_by + 1)
    before = len(market.history())
    job = consumer.fund(round_)
    assert (job.price, job.fee_cap) == (200 * 16, 1000)
    assert len(market.history()) == before + 1
    assert consumer.chain.outcome(round_) == PRICED
    assert computing(market).run(round_).price == 200 * 16
    assert consumer.verify(round_) == []


def test_a_round_in_which_all_said_their_last_word_is_funded_at_once(market: World) -> None:
    consumer, round_ = market.consumer("consumer-1"), answered(market, last=True)
    assert consumer.fund(round_).price == 200 * 16
    assert consumer.chain.now() < consumer.chain.rounds()[round_].vote_by


def test_what_the_fee_left_of_its_cap_comes_back(market: World) -> None:
    round_ = funded(market)
    computing(market).run(round_)
    consumer = market.consumer("consumer-1")
    assert consumer.chain.jobs()[round_].change == 1000 - 160
    assert consumer.withdraw() == 1000 - 160
    assert consumer.withdraw() == 0
    assert computing(market).unpaid_jobs() == []


def test_a_provider_gives_up_what_it_cannot_compute(market: World) -> None:
    round_, consumer = funded(market), market.consumer("consumer-1")
    before = consumer.chain.balance(consumer.chain.account)
    for _ in range(2):
        computing(market).give_up(round_)
    assert consumer.chain.jobs()[round_].state is JobState.REFUNDED
    assert consumer.chain.balance(consumer.chain.account) == before + 200 * 16 + 1000
    assert computing(market).pending_jobs() == []


def test_what_broke_off_between_two_credits_waits_for_its_provider_alone(market: World) -> None:
    round_ = funded(market)
    provider = computing(market)
    provider.run(round_)
    real = provider.chain.jobs

    def broken_off() -> dict[str, Job]:
        return {key: replace(job, credited=1) for key, job in real().items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider.chain, "jobs", broken_off)
        assert provider.unpaid_jobs() == [round_]
    assert provider.unpaid_jobs() == []


def test_funding_twice_pays_once(market: World) -> None:
    round_ = funded(market)
    consumer = market.consumer("consumer-1")
    before = consumer.chain.escrowed()
    consumer.fund(round_)
    assert consumer.chain.escrowed() == before


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"method": "astrology"}, "unknown method"),
        ({"fee_cap": 1}, "below the provider's fee"),
        ({"seed": 2**64}, "seed"),
        ({"ladder": (100, 2**80 - 1)}, "beyond any amount"),
    ],
)
def test_terms_that_nobody_could_fulfil_are_refused_before_they_cost_anything(
    market: World, changes: dict[str, object], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        market.consumer("consumer-1").open_round(terms(market, **changes))


def test_metadata_that_is_nonsense_hides_its_own_asset_and_no_other(market: World) -> None:
    """Anybody may announce as a provider and describe with whatever it likes."""
    rogue = market.supplier("supplier-3")
    index = rogue.chain.announce("US", 0)
    for document in (b"[" * 10**5, b"{}", b'{"format": 1}'):
        cid = market.store.write(document)
        asset = rogue.chain.register(Kind.DATA, index, 5, 0, cid, cid)
        rogue.chain.describe(asset, cid)
    asset = rogue.chain.register(Kind.DATA, index, 5, 0, "notacid", "notacid")
    rogue.chain.describe(asset, "notacid")
    assert market.consumer("consumer-1").sample(Criteria(provider=1)).dataset == (1, 2, 3)


def test_an_account_cannot_act_for_another(market: World) -> None:
    with pytest.raises(UnknownError):
        market.supplier("supplier-2").retire(1)
    with pytest.raises(RefusedError, match="NotOwner"):
        market.chain("supplier-2").retire(1)
    with pytest.raises(RefusedError, match="NotProvider"):
        market.chain("consumer-1").settle(funded(market), [500_000_000, 500_000_000, 0], 0, "", "")
