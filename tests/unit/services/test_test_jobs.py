"""Test jobs through the services: figures for the consumer, equal shares, nothing else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from memory.sandbox import InProcess
from unit.services.deals import computing, funded, terms, weighted
from visdm.domain.rounds import Task
from visdm.domain.testing import document
from visdm.errors import BlobError, JobError, TermsError
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.ports import Computation, Progress
    from visdm.wiring import World

TEST: dict[str, Any] = {"task": Task.TEST, "method": "equal", "model": 5}


@pytest.fixture
def tests(market: World, model: Path, tmp_path: Path) -> World:
    """The market with a second model, asset 5, that brings weights."""
    weighted(market, model, tmp_path)
    return market


def test_a_test_delivers_its_figures_to_the_consumer_and_pays_all_alike(
    tests: World, tmp_path: Path
) -> None:
    round_ = funded(tests, **TEST)
    report = computing(tests).run(round_)
    assert (report.task, report.kept, report.left_out) == ("test", {1: 8, 2: 8}, {})
    assert report.shares == (500_000_000, 500_000_000, 0)
    assert sum(report.rewards) == report.price == 200 * 16
    # Eight images each are too few to tell right answers by asset.
    assert report.by_asset == {}
    assert 0 <= report.correct <= 16
    consumer = tests.consumer("consumer-1")
    assert consumer.verify(round_) == []
    assert consumer.result(round_, tmp_path / "metrics.json") == report
    told = json.loads((tmp_path / "metrics.json").read_bytes())
    assert told == {
        "format": 1,
        "images": 16,
        "correct": report.correct,
        **report.metrics,
        "assets": {"1": {"images": 8}, "2": {"images": 8}},
    }


def test_a_test_of_a_model_without_weights_is_refused_before_it_costs_anything(
    tests: World,
) -> None:
    consumer, before = tests.consumer("consumer-1"), len(tests.history())
    with pytest.raises(TermsError, match="model asset 4 brings no weights") as caught:
        consumer.open_round(terms(tests, **{**TEST, "model": 4}))
    assert "weights.safetensors" in caught.value.hint
    assert len(tests.history()) == before
    round_ = consumer.chain.open_round(terms(tests, **{**TEST, "model": 4}))
    for name in ("supplier-1", "supplier-2", "supplier-3"):
        tests.supplier(name).vote(round_, 100, last=True)
    consumer.close(round_)
    with pytest.raises(TermsError, match="model asset 4 brings no weights"):
        consumer.fund(round_)


def test_a_test_of_a_model_without_weights_opens_nothing_at_the_provider(tests: World) -> None:
    """A consumer of its own making need not ask our service first."""
    consumer = tests.consumer("consumer-1")
    round_ = consumer.chain.open_round(terms(tests, **{**TEST, "model": 4}))
    for name in ("supplier-1", "supplier-2", "supplier-3"):
        tests.supplier(name).vote(round_, 100, last=True)
    consumer.chain.fund(round_, consumer.expected(round_).price + 1000)
    provider = computing(tests)
    with pytest.raises(JobError, match="brings no weights to test"):
        provider.run(round_)


def test_a_test_over_a_few_images_is_refused_before_it_costs_anything(tests: World) -> None:
    consumer = tests.consumer("consumer-1")
    with pytest.raises(TermsError, match="over 8 images tells too much"):
        consumer.open_round(terms(tests, **TEST, assets=(2,)))
    # Two owners reject: eight images are left.
    round_ = consumer.open_round(terms(tests, **TEST))
    for name, least in (("supplier-1", 100), ("supplier-2", None), ("supplier-3", None)):
        tests.supplier(name).vote(round_, least, last=True)
    consumer.close(round_)
    with pytest.raises(TermsError, match="over 8 images tells too much"):
        consumer.fund(round_)


def test_a_test_over_a_few_images_is_not_computed_either(tests: World) -> None:
    """A consumer of its own making need not ask our service first."""
    consumer = tests.consumer("consumer-1")
    round_ = consumer.chain.open_round(terms(tests, **TEST, assets=(2,)))
    tests.supplier("supplier-2").vote(round_, 100, last=True)
    consumer.chain.fund(round_, 100 * 8 + 1000)
    with pytest.raises(JobError, match="at least 10 images"):
        computing(tests).run(round_)


def test_a_test_has_no_shapley_values(tests: World) -> None:
    with pytest.raises(TermsError, match="shapley") as caught:
        tests.consumer("consumer-1").open_round(terms(tests, **{**TEST, "method": "shapley"}))
    assert "split equally" in caught.value.hint


class Leaking(InProcess):
    """A sandbox whose script answers for the platform, and leaves files."""

    def __init__(self, **forged: object) -> None:
        self.forged = forged

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        answer = super().run(computation, output, progress)
        for name in ("metrics.json", "model.safetensors", "images.bin"):
            (output / name).write_bytes(b"PIXELS" * 1000)
        return {**answer, **self.forged}


def test_what_a_script_says_and_leaves_beside_the_figures_reaches_nobody(
    tests: World, tmp_path: Path
) -> None:
    round_ = funded(tests, **TEST)
    sandbox = Leaking(loss=0.123456789, image="PIXELS", classes=["PIXELS"])
    report = replace(computing(tests), sandbox=sandbox).run(round_)
    assert b"PIXELS" not in report.to_bytes()
    assert report.metrics["loss"] == 0.1235
    tests.consumer("consumer-1").result(round_, tmp_path / "metrics.json")
    assert b"PIXELS" not in (tmp_path / "metrics.json").read_bytes()


@pytest.mark.parametrize(
    "forged",
    [
        {"correct": {"1": 9, "2": 0}},
        {"correct": {"1": 4, "2": "PIXELS"}},
        {"samples": {"1": 800, "2": 8}},
        {"samples": {"1": 8, "2": 8, "3": 8}},
        {"left_out": {"2": {"1": 1}}},
        {"loss": "PIXELS"},
    ],
)
def test_figures_that_a_script_forged_are_not_published(
    tests: World, forged: dict[str, object]
) -> None:
    """Of more images than were registered too: the provider's report would seem a lie."""
    round_ = funded(tests, **TEST)
    with pytest.raises(JobError, match="agreed shape"):
        replace(computing(tests), sandbox=Leaking(**forged)).run(round_)


def test_figures_that_are_not_those_of_the_report_are_noticed(
    tests: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider could tell its consumer other figures than everybody."""
    round_ = funded(tests, **TEST)

    def better(
        kept: Mapping[int, int],
        correct: int,
        by_asset: Mapping[int, int],
        metrics: Mapping[str, float],
    ) -> bytes:
        return document(kept, correct + 1, by_asset, metrics)

    with monkeypatch.context() as patch:
        patch.setattr("visdm.services.computing.document", better)
        computing(tests).run(round_)
    with pytest.raises(BlobError, match="not what its report says"):
        tests.consumer("consumer-1").result(round_, tmp_path / "metrics.json")
    assert not (tmp_path / "metrics.json").exists()


def test_weights_that_are_of_another_network_are_refused_when_described(
    market: World, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "wider"
    shutil.copytree(model, folder)
    settings = (folder / "visdm.toml").read_text()
    assert "width = " in settings
    weighted(market, model, tmp_path)
    shutil.copyfile(tmp_path / "weighted" / "weights.safetensors", folder / "weights.safetensors")
    width = next(line for line in settings.splitlines() if line.startswith("width"))
    (folder / "visdm.toml").write_text(settings.replace(width, "width = 3"))
    asset = market.consumer("consumer-1").register_model(folder, provider=1)
    assert computing(market).describe_waiting() == {}
    (found,) = [one for one in market.chain("operator").assets() if one.asset == asset]
    assert "the weights do not fit the model" in found.refusal
