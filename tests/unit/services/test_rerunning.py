"""A job computed again by another account: the same numbers, or a lie that is found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from memory.sandbox import InProcess
from unit.services.deals import computing, funded, weighted
from visdm.domain.regimes import Privacy
from visdm.domain.rounds import Task
from visdm.errors import BlobError, InputError, VaultError
from visdm.ports import Limits, silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.domain.reports import Report
    from visdm.ports import Computation, Progress
    from visdm.services.provider import ComputeProvider
    from visdm.wiring import World

OTHER = "supplier-3"
"""Who computes it again: an account like any other, with a key."""

OWNERS = {1: "supplier-1", 2: "supplier-2", 4: "consumer-1", 5: "consumer-1"}


def granted(world: World, *assets: int) -> ComputeProvider:
    """Let the owners grant their assets to the other account, and return it."""
    address = world.address(OTHER)
    for asset in assets:
        world.supplier(OWNERS[asset]).grant(asset, [address])
    return world.provider(OTHER, Limits())


def settled(world: World, **changes: Any) -> Report:  # noqa: ANN401 - terms of any type
    return computing(world).run(funded(world, **changes))


def test_a_granted_account_finds_what_the_report_says(market: World) -> None:
    report = settled(market)
    other = granted(market, 1, 2, 4)
    stored = set((market.folder / "blobs").rglob("*"))
    before = len(market.history())
    assert other.ungranted(report.round) == []
    found = other.rerun(report.round, report)
    assert (found.problems, found.notes) == ([], [])
    assert set((market.folder / "blobs").rglob("*")) == stored
    assert len(market.history()) == before
    left = market.private(OTHER) / "scratch"
    assert not [path for path in left.iterdir() if path.is_dir()]


def test_a_test_is_computed_again_as_well(market: World, model: Path, tmp_path: Path) -> None:
    weighted(market, model, tmp_path)
    report = settled(market, task=Task.TEST, method="equal", model=5)
    other = granted(market, 1, 2, 5)
    assert other.rerun(report.round, report).problems == []
    forged = replace(report, correct=report.correct + 1, metrics={**report.metrics, "loss": 0.0})
    told = other.rerun(report.round, forged).problems
    assert told[0].startswith("metrics of loss: 0.0 in the report, ")
    assert told[1] == f"correct: {report.correct + 1} in the report, {report.correct} anew"


def test_a_profile_that_contradicts_what_the_chain_declares_is_found(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Owners voted on what is on the chain, whatever its provider wrote beside it."""
    report = settled(market)
    consumer = market.consumer("consumer-1")
    promise = Privacy("script", 0, 0.0)
    monkeypatch.setattr("visdm.services.consumer.stated", lambda _: promise)
    told = consumer.verify(report.round)
    assert "the model's profile says otherwise than the chain how it trains" in told


def test_what_is_not_granted_is_named_and_nothing_is_computed(market: World) -> None:
    report = settled(market)
    other = granted(market, 2)
    assert [asset.asset for asset in other.ungranted(report.round)] == [1, 4]
    with pytest.raises(VaultError, match="not granted"):
        other.rerun(report.round, report)


def test_an_asset_that_was_retired_is_opened_by_nobody_again(market: World) -> None:
    report = settled(market)
    other = granted(market, 1, 2, 4)
    market.supplier("supplier-1").retire(1)
    with pytest.raises(BlobError):
        other.ungranted(report.round)


def lowered(report: Report) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Return the utilities, that of the whole dataset one image less."""
    everybody, right = report.utilities[-1]
    return (*report.utilities[:-1], (everybody, right - 1))


LIES: dict[str, Any] = {
    "utilities": ("utilities of 1 and 2: ", lowered),
    "validation": ("validation: 9 in the report, 8 anew", lambda _: 9),
    "kept": ("kept of 1: 7 in the report, 8 anew", lambda _: {1: 7, 2: 8}),
    "left_out": ("left out of 2: {1: 1} in the report, None anew", lambda _: {2: {1: 1}}),
    "metrics": ("metrics of accuracy: 1.5 in the", lambda r: {**r.metrics, "accuracy": 1.5}),
    "classes": ("classes: ('0', '7') in the report, ('0', '1') anew", lambda _: ("0", "7")),
    "values": ("values of 1: '0' in the report", lambda _: {1: "0", 2: "1"}),
    "shares": ("shares: (1, 999999999, 0) in the", lambda _: (1, 999_999_999, 0)),
    "digest": ("digest: 'abab' in the report", lambda _: "abab"),
    "epsilon": ("epsilon: 8000 in the report, 0 anew", lambda _: 8000),
}


def test_every_lie_is_found_and_named(market: World) -> None:
    report = settled(market)
    other = granted(market, 1, 2, 4)
    for field, (complaint, lie) in LIES.items():
        told = other.rerun(report.round, replace(report, **{field: lie(report)})).problems
        assert len(told) == 2 if field == "values" else len(told) == 1, (field, told)
        assert told[0].startswith(complaint), told
        assert all(sentence.isprintable() for sentence in told)


class Newer(InProcess):
    """A machine with another library, which rounds otherwise."""

    name = "another sandbox"
    versions: Mapping[str, str] = {"tests": "2", "torch": "9"}  # never changed

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        answer = dict(super().run(computation, output, progress))
        return {**answer, "metrics": {**answer["metrics"], "loss": answer["metrics"]["loss"] + 1}}


def test_other_versions_are_told_as_the_likely_cause(market: World) -> None:
    report = settled(market)
    other = replace(granted(market, 1, 2, 4), sandbox=Newer())
    found = other.rerun(report.round, report)
    assert [sentence.split(":")[0] for sentence in found.problems] == ["metrics of loss"]
    assert found.notes == [
        "tests was 1, here it is 2",
        "torch was not there, here it is 9",
        "it ran in in process, for tests, here it runs in another sandbox",
    ]


@pytest.mark.parametrize("threads", [0, -1, 10**6])
def test_a_report_does_not_choose_how_many_threads_start_here(market: World, threads: int) -> None:
    report = replace(settled(market), threads=threads)
    with pytest.raises(InputError, match="threads"):
        granted(market, 1, 2, 4).rerun(report.round, report)


def test_private_training_is_compared_in_what_noise_does_not_change(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = settled(market)
    other = granted(market, 1, 2, 4)
    privacy: dict[str, Any] = {"regime": "private", "epsilon": 8000, "delta": 1e-5}
    monkeypatch.setattr("visdm.services.computing.reached", lambda *_: Privacy(**privacy))
    noisy = replace(report, **privacy, digest="", metrics={}, utilities=(), values={})
    found = other.rerun(report.round, noisy)
    assert found.problems == []
    assert found.notes == [
        "private training draws its noise anew: what it leads to is not compared"
    ]
    less = replace(noisy, epsilon=1000, kept={1: 8, 2: 7})
    assert len(other.rerun(report.round, less).problems) == 2
