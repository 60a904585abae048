"""The trade cut off at every transaction, and computations that fail: money is never stuck."""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from memory.sandbox import InProcess
from visdm import wiring
from visdm.adapters.evm import deploy, session
from visdm.demo import place
from visdm.demo.story import tell
from visdm.errors import JobError, OutputError
from visdm.ports import silent
from visdm.wiring import open_world

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from visdm.demo.summary import Summary
    from visdm.ports import Computation, Progress

ALLOWED = 60
"""Transactions of a trade of three suppliers, and then some."""


class Killed(BaseException):
    """As SIGKILL: nothing that catches errors catches it."""


class Quiet:
    """A teller that shows nothing."""

    @contextmanager
    def step(self, name: str, text: str) -> Iterator[Progress]:
        del name, text
        yield silent

    def say(self, text: str) -> None:
        del text


class Failing(InProcess):
    """A sandbox in which training never ends well."""

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        if computation.program == "train":
            raise JobError("took longer than 1 s")
        return super().run(computation, output, progress)


@pytest.fixture
def settings(few_images: Path, monkeypatch: pytest.MonkeyPatch) -> place.Settings:
    monkeypatch.setitem(wiring.SANDBOXES, "bubblewrap", InProcess)
    return _settings(few_images)


@pytest.fixture(scope="module")
def undisturbed(few_images: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """Return the folder of a trade that nothing cut off, to be copied, and what came of it."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(wiring.SANDBOXES, "bubblewrap", InProcess)
        return out, tell(_settings(few_images), out, Quiet())


def _settings(images: Path) -> place.Settings:
    return place.Settings(3, place.absolute([images]), (50_000, 100_000), 7)


def _books(summary: Summary) -> dict[str, Any]:
    shown = summary.to_json()
    del shown["seconds"]
    return shown


def test_cut_off_after_every_transaction_the_trade_ends_with_the_same_books(
    settings: place.Settings,
    undisturbed: tuple[Path, Summary],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, expected = undisturbed
    real = session.transact

    def kill_after_one(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]  # passed on as they came
        raise Killed

    for module in (session, deploy):
        monkeypatch.setattr(module, "transact", kill_after_one)
    cuts = 0
    while cuts < ALLOWED:
        try:
            ended = tell(settings, tmp_path / "out", Quiet())
        except Killed:
            cuts += 1
        else:
            break
    assert cuts == expected.transactions
    assert _books(ended) == _books(expected)


def test_when_the_computation_fails_the_consumer_has_its_money_back(
    settings: place.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(wiring.SANDBOXES, "bubblewrap", Failing)
    with pytest.raises(JobError, match="took longer"):
        tell(settings, tmp_path / "out", Quiet())
    with open_world(tmp_path / "out" / "world", settings.seed, settings.names) as world:
        chain = world.chain(place.CONSUMER)
        assert [job.state.name for job in chain.jobs().values()] == ["REFUNDED"]
        assert chain.escrowed() == chain.claimable(chain.account) == 0
        assert chain.balance(chain.account) == 10**15 // 2


def test_cut_off_while_the_money_goes_back_it_goes_back_all_the_same(
    settings: place.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(wiring.SANDBOXES, "bubblewrap", Failing)
    real = session.transact

    def kill_after_refund(*arguments: object) -> object:
        receipt = real(*arguments)  # type: ignore[arg-type]  # passed on as they came
        if "refund" in arguments:
            raise Killed
        return receipt

    monkeypatch.setattr(session, "transact", kill_after_refund)
    with pytest.raises(Killed):
        tell(settings, tmp_path / "out", Quiet())
    with pytest.raises(JobError, match="refunded"):
        tell(settings, tmp_path / "out", Quiet())
    with open_world(tmp_path / "out" / "world", settings.seed, settings.names) as world:
        assert world.chain(place.CONSUMER).escrowed() == 0


def test_after_a_refund_the_next_run_is_a_new_trade(
    settings: place.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as failing:
        failing.setitem(wiring.SANDBOXES, "bubblewrap", Failing)
        with pytest.raises(JobError):
            tell(settings, tmp_path / "out", Quiet())
    assert tell(settings, tmp_path / "out", Quiet()).balanced


def test_a_finished_demo_is_replaced_by_the_next(
    settings: place.Settings, undisturbed: tuple[Path, Summary], tmp_path: Path
) -> None:
    finished, first = undisturbed
    shutil.copytree(finished, tmp_path / "out")
    other = place.Settings(2, settings.sources, settings.ladder, 8)
    second = tell(other, tmp_path / "out", Quiet())
    assert second.round != first.round
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["round"] == second.round


def test_a_full_disk_at_the_end_costs_no_second_trade(
    settings: place.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("visdm.demo.story.write_whole", full)
        with pytest.raises(OutputError, match="No space left"):
            tell(settings, tmp_path / "out", Quiet())
    said: list[str] = []
    monkeypatch.setattr(Quiet, "say", lambda _, text: said.append(text))
    assert tell(settings, tmp_path / "out", Quiet()).balanced
    assert said[0].startswith("Taking up")
