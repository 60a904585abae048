"""What owners allow, through the services: said before anything is sent, looked at again after."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from unit.services.deals import computing, funded, terms
from visdm.domain.assets import NO_RESERVE, Kind, State
from visdm.domain.jobs import JobState
from visdm.domain.permissions import BY_DEFAULT, Allows, Ask, Permission
from visdm.domain.regimes import Regime
from visdm.domain.sampling import Criteria
from visdm.errors import InputError, JobError, TermsError, UnknownError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.wiring import World

MODEL = 4
PRIVATE = Permission(Allows.PRIVATE, 4_000, 8_000)
ELSEWHERE = Permission(Allows.LISTED, models=("bafyelsewhere",))


def another_model(market: World, regime: Regime, epsilon: int = 0) -> int:
    """Put the market's model on it once more, as one that trains otherwise."""
    chain = market.chain("consumer-1")
    model = chain.assets()[MODEL - 1]
    given = (Kind.MODEL, 1, 0, NO_RESERVE, model.package, model.grants)
    number = chain.register(*given, regime=regime, epsilon=epsilon)
    market.chain("provider-1").describe(number, model.metadata)
    return number


def consenting(market: World, round_: str) -> list[int]:
    """Return the dataset that the provider would open."""
    provider = computing(market)
    outcome = provider.chain.outcome(round_)
    assert outcome is not None
    dataset = provider._consenting(round_, provider.chain.rounds()[round_], outcome)
    return [asset.asset for asset in dataset]


# An owner.


def test_an_offer_says_what_it_allows_before_the_provider_can_describe_it(
    world: World, parts: dict[str, Path]
) -> None:
    supplier = world.supplier("supplier-1")
    offered = supplier.offer(parts["a"], name="a", provider=1, permission=PRIVATE)
    found = supplier.assets()[0]
    assert (found.asset, found.state) == (offered.asset, State.REGISTERED)
    assert found.permission == PRIVATE
    again = supplier.offer(parts["a"], name="a", provider=1, permission=ELSEWHERE)
    assert (again.asset, supplier.assets()[0].permission) == (offered.asset, ELSEWHERE)


def test_an_offer_that_nobody_can_mean_leaves_nothing_behind(
    world: World, parts: dict[str, Path]
) -> None:
    supplier = world.supplier("supplier-1")
    blobs = set((world.folder / "blobs").rglob("*"))
    with pytest.raises(InputError, match="budget"):
        supplier.offer(
            parts["a"], name="a", provider=1, permission=Permission(Allows.PRIVATE, 4_000, 1)
        )
    assert supplier.assets() == []
    assert set((world.folder / "blobs").rglob("*")) == blobs


def test_what_is_allowed_already_is_not_sent_again(market: World) -> None:
    supplier = market.supplier("supplier-1")
    now = supplier.chain.now()
    supplier.allow(1, BY_DEFAULT)
    assert supplier.chain.now() == now
    supplier.allow(1, PRIVATE)
    assert supplier.assets()[0].permission == PRIVATE
    with pytest.raises(UnknownError):
        market.supplier("supplier-2").allow(1, BY_DEFAULT)
    with pytest.raises(InputError):
        supplier.allow(1, Permission(Allows.LISTED))


# A consumer.


def test_a_round_over_what_an_owner_does_not_allow_is_not_opened(market: World) -> None:
    market.supplier("supplier-2").allow(2, PRIVATE)
    consumer = market.consumer("consumer-1")
    with pytest.raises(TermsError, match="asset 2 allows private training only") as caught:
        consumer.open_round(terms(market, assets=(1, 2, 3)))
    assert "visdm sample --model 4" in caught.value.hint
    assert consumer.chain.rounds() == {}


def test_a_sample_for_a_model_leaves_out_who_does_not_allow_it(market: World) -> None:
    market.supplier("supplier-2").allow(2, PRIVATE)
    market.supplier("supplier-3").allow(3, ELSEWHERE)
    consumer = market.consumer("consumer-1")
    model = consumer.chain.assets()[MODEL - 1]
    asked = Criteria(provider=1, ask=Ask.of(model, trains=True))
    selection = consumer.sample(asked)
    assert selection.dataset == (1,)
    why = {v.candidate.number: v.reason.text for v in selection.verdicts}
    assert why[2] == "allows private training only"
    assert why[3] == "does not list the model's package"
    assert consumer.sample(replace(asked, ask=None)).dataset == (1, 2, 3)


def test_what_was_narrowed_after_the_vote_is_not_paid_for(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    for name in ("supplier-1", "supplier-2"):
        market.supplier(name).vote(round_, 100)
    market.travel(consumer.chain.rounds()[round_].vote_by + 1)
    consumer.close(round_)
    market.supplier("supplier-3").allow(3, ELSEWHERE)  # silent, and so in no dataset
    market.supplier("supplier-2").allow(2, ELSEWHERE)
    with pytest.raises(TermsError, match="asset 2 does not list the model's package"):
        consumer.fund(round_)
    assert consumer.chain.escrowed() == 0
    market.supplier("supplier-2").allow(2, BY_DEFAULT)
    assert consumer.fund(round_).state is JobState.FUNDED


def test_an_open_round_is_expected_to_close_without_who_does_not_allow_it(market: World) -> None:
    consumer = market.consumer("consumer-1")
    round_ = consumer.open_round(terms(market))
    for name in ("supplier-1", "supplier-2", "supplier-3"):
        market.supplier(name).vote(round_, 100)
    market.supplier("supplier-2").allow(2, ELSEWHERE)
    market.travel(consumer.chain.rounds()[round_].vote_by + 1)
    expected = consumer.expected(round_)
    assert [expected.includes(place) for place in range(3)] == [True, False, True]
    consumer.fund(round_)
    assert consumer.chain.outcome(round_) == expected


# A provider.


def test_what_was_narrowed_after_the_funding_is_not_computed_on(market: World) -> None:
    round_ = funded(market)
    market.supplier("supplier-3").allow(3, ELSEWHERE)  # who rejected
    assert consenting(market, round_) == [1, 2]
    market.supplier("supplier-1").allow(1, PRIVATE)
    with pytest.raises(JobError, match="asset 1 allows private training only"):
        computing(market).run(round_)


def test_a_job_may_take_the_last_of_a_budget_and_is_computed(market: World) -> None:
    model = another_model(market, Regime.PRIVATE, 4_000)
    market.supplier("supplier-1").allow(1, Permission(Allows.PRIVATE, 4_000, 4_000))
    round_ = funded(market, model=model)
    assert market.chain("operator").assets()[0].spent == 4_000
    assert consenting(market, round_) == [1, 2]
    market.supplier("supplier-1").allow(1, Permission(Allows.PRIVATE, 3_999, 4_000))
    with pytest.raises(JobError, match=r"asset 1 allows an epsilon of at most 3\.999, not 4"):
        consenting(market, round_)


def test_a_budget_that_was_set_after_the_funding_knows_nothing_of_the_job(market: World) -> None:
    round_ = funded(market, model=another_model(market, Regime.PRIVATE, 4_000))
    assert consenting(market, round_) == [1, 2]
    market.supplier("supplier-1").allow(1, PRIVATE)
    with pytest.raises(JobError, match="asset 1 has had a budget of epsilon only since"):
        consenting(market, round_)
    computing(market).give_up(round_)
    assert market.chain("operator").assets()[0].spent == 0


@pytest.mark.parametrize(
    ("regime", "epsilon", "declared"),
    [
        (Regime.PRIVATE, 4_000, "private training with an epsilon of 4"),
        (Regime.SCRIPT, 0, "script training"),
    ],
)
def test_a_model_that_trains_otherwise_than_declared_is_refused(
    market: World, regime: Regime, epsilon: int, declared: str
) -> None:
    """Owners read on chain how a model trains: its provider vouches for it."""
    chain = market.chain("consumer-1")
    model = chain.assets()[MODEL - 1]
    given = (Kind.MODEL, 1, 0, NO_RESERVE, model.package, model.grants)
    number = chain.register(*given, regime=regime, epsilon=epsilon)
    assert computing(market).describe_waiting() == {}
    found = chain.assets()[number - 1]
    assert found.state is State.REFUSED
    assert found.refusal == f"its package says loop training, but {declared} was declared"


def test_a_private_model_is_trained_on_what_is_private_only_until_the_budget_is_used_up(
    market: World, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "private"
    shutil.copytree(model, folder)
    file = folder / "visdm.toml"
    told = file.read_text().replace("[training]", '[training]\nregime = "private"')
    file.write_text(told + "\n[private]\nepsilon = 20.5\n")
    consumer = market.consumer("consumer-1")
    number = consumer.register_model(folder, provider=1)
    found = consumer.chain.assets()[number - 1]
    assert (found.regime, found.epsilon) == (Regime.PRIVATE, 20_500)
    assert computing(market).describe_waiting() == {}
    market.supplier("supplier-1").allow(1, Permission(Allows.PRIVATE, 20_500, 41_000))
    for seed in (1, 2):
        round_ = funded(market, model=number, seed=seed)
        report = computing(market).run(round_)
        assert sorted(report.inputs) == [1, 2, number]
        assert report.epsilon <= 20_500
    assert consumer.chain.assets()[0].spent == 41_000
    with pytest.raises(TermsError, match=r"asset 1 has 0 left of its budget of epsilon, not 20\.5"):
        consumer.open_round(terms(market, model=number, seed=3))
