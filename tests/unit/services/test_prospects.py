"""Looking into public tables through the services: no stranger's table takes the others along."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from memory.hanging import Hanging
from memory.sandbox import InProcess
from visdm.domain.candidates import Criteria
from visdm.domain.conditions import Condition
from visdm.domain.tables import BREAKING, UNFETCHED, UNREAD
from visdm.errors import BlobError, JobError
from visdm.ports import silent
from visdm.services import budgets, mapping
from visdm.services.budgets import UNTRIED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.domain.sampling import Selection
    from visdm.ports import Computation, Progress
    from visdm.services.consumer import Consumer
    from visdm.wiring import World

SHARP = Criteria(where=(Condition("sharpness", ">=", 0.0),))


def reasons(selection: Selection) -> dict[int, str]:
    return {v.candidate.number: v.reason.text for v in selection.verdicts if not v.place}


def breaking(monkeypatch: pytest.MonkeyPatch, *tables: str) -> list[int]:
    """Let the program come down over these tables; return how many it had, run by run."""
    runs: list[int] = []
    plain = InProcess.run

    def run(
        self: InProcess, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        runs.append(len(computation.inputs))
        if set(tables) & set(computation.inputs):
            raise JobError("used more than 4294967296 bytes of memory")
        return plain(self, computation, output, progress)

    monkeypatch.setattr(InProcess, "run", run)
    return runs


def test_tables_are_read_only_where_they_are_asked_for(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = breaking(monkeypatch)
    consumer = market.consumer("consumer-1")
    assert consumer.sample(Criteria()).dataset == (1, 2, 3)
    assert runs == []
    assert consumer.sample(SHARP).dataset == (1, 2, 3)
    assert runs == [3]
    assert all(each.traits.read for each in consumer.sample(SHARP).chosen)


def test_a_table_that_brings_the_program_down_is_found_and_left_out(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, "table-2")
    selection = market.consumer("consumer-1").sample(SHARP)
    assert selection.dataset == (1, 3)
    assert reasons(selection) == {2: BREAKING}


def test_a_table_is_looked_through_once_by_whichever_program_comes_first(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = market.consumer("consumer-1")
    mapping.map_of(consumer, [1], methods=("pca",))
    seen: list[dict[str, bool]] = []
    plain = InProcess.run

    def run(
        self: InProcess, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        told = computation.settings["assets"]
        seen.append({asset: each["accepted"] for asset, each in told.items()})
        return plain(self, computation, output, progress)

    monkeypatch.setattr(InProcess, "run", run)
    consumer.sample(SHARP)
    market.consumer("consumer-1").sample(SHARP)
    mapping.map_of(consumer, methods=("pca",))
    once, always = {"1": True, "2": False, "3": False}, dict.fromkeys("123", True)
    assert seen == [once, always, always]


def test_a_program_that_never_runs_is_not_blamed_on_the_tables(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **__: object) -> Mapping[str, Any]:
        raise JobError("failed with exit code 1")

    monkeypatch.setattr(InProcess, "run", run)
    with pytest.raises(JobError, match="exit code 1"):
        market.consumer("consumer-1").sample(SHARP)


def hanging(market: World, *tables: str) -> tuple[Consumer, Hanging]:
    sandbox = Hanging(*tables)
    return replace(market.consumer("consumer-1"), sandbox=sandbox, clock=sandbox), sandbox


def test_a_table_that_hangs_its_reader_is_found_within_the_time_of_all_runs(market: World) -> None:
    consumer, sandbox = hanging(market, "table-2")
    selection = consumer.sample(SHARP)
    assert (selection.dataset, reasons(selection)) == ((1, 3), {2: BREAKING})
    assert sandbox.seconds() <= 1000 + budgets.SECONDS
    assert sandbox.runs[0] == budgets.SECONDS // 2
    assert sandbox.runs == sorted(sandbox.runs, reverse=True)


def test_tables_that_no_time_was_left_for_are_told(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "SECONDS", 60)
    consumer, sandbox = hanging(market, "table-2", "table-3")
    selection = consumer.sample(SHARP)
    assert selection.dataset == (1,)
    assert reasons(selection) == {2: BREAKING, 3: UNTRIED}
    assert sandbox.seconds() <= 1000 + 60


def test_a_time_that_is_used_up_before_any_table_is_read_is_an_error(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "SECONDS", 60)
    consumer, sandbox = hanging(market, "table-1", "table-2", "table-3")
    with pytest.raises(JobError, match="took longer than 30 s"):
        consumer.sample(SHARP)
    assert sandbox.seconds() <= 1000 + 60


def test_what_cannot_be_fetched_or_read_is_out_with_the_reason(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = market.consumer("consumer-1")
    found = {each.number: each for each in consumer.sample(Criteria()).chosen}
    store = type(consumer.store)
    opened, read = store.open, store.read

    def missing(self: Any, cid: str) -> Any:  # noqa: ANN401  # any store
        if cid == found[1].metadata.images:
            raise BlobError(cid, "is missing")
        return opened(self, cid)

    def nonsense(self: Any, cid: str, limit: int = 1 << 24) -> bytes:  # noqa: ANN401  # as above
        return b"nonsense" if cid == found[3].asset.metadata else read(self, cid, limit)

    monkeypatch.setattr(store, "open", missing)
    monkeypatch.setattr(store, "read", nonsense)
    selection = consumer.sample(SHARP)
    assert selection.dataset == (2,)
    said = reasons(selection)
    assert said[1] == UNFETCHED
    assert said[3].startswith(UNREAD)
