"""One suite for the job table, in memory and in SQLite; then what only a file can suffer."""

from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from memory.disk import full_disk
from memory.following import MemoryJobTable
from visdm.adapters.jobtable import SqliteJobTable, read_job_table
from visdm.domain.errands import Errand, Standing, What
from visdm.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.ports import JobTable

JOB = Errand(What.JOB, "0xabc")
ASSET = Errand(What.ASSET, "5")


@pytest.fixture(params=["memory", "sqlite"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobTable]:
    if request.param == "memory":
        yield MemoryJobTable()
        return
    made = SqliteJobTable(tmp_path / "jobs.sqlite")
    yield made
    made.close()


def test_errands_come_back_as_they_were_kept_oldest_first(table: JobTable) -> None:
    rich = replace(JOB, attempts=3, next_try=12.5, reason="gone", light=True, done=2, total=9)
    table.keep([ASSET, rich])
    table.keep([replace(ASSET, attempts=1)])
    assert list(table.errands()) == [
        replace(ASSET, place=1, attempts=1),
        replace(rich, place=2),
    ]


def test_those_that_have_ended_are_left_out_when_asked(table: JobTable) -> None:
    table.keep([ASSET, replace(JOB, standing=Standing.SETTLED)])
    assert [errand.key for errand in table.errands(ended=False)] == ["asset 5"]
    table.keep([replace(JOB, standing=Standing.RUNNING)])
    assert [errand.key for errand in table.errands(ended=False)] == ["asset 5", "job 0xabc"]


def test_a_doomed_job_stays_doomed_with_its_reason_whatever_the_loop_writes(
    table: JobTable,
) -> None:
    table.keep([JOB])
    table.doom(JOB.key, "took longer than 1 s")
    table.keep([replace(JOB, attempts=1, reason="the chain is gone")])
    (found,) = table.errands()
    assert (found.doomed, found.reason, found.attempts) == (True, "took longer than 1 s", 1)


def test_a_report_that_is_ready_outlives_what_the_loop_writes(table: JobTable) -> None:
    table.keep([JOB])
    table.ready(JOB.key, "bafyreport")
    table.keep([replace(JOB, attempts=1)])
    assert table.errands()[0].report == "bafyreport"
    table.ready(JOB.key, "")
    assert table.errands()[0].report == ""


def test_what_attempts_stored_is_known_by_attempt_until_forgotten(table: JobTable) -> None:
    for attempt, cid in ((0, "a"), (0, "b"), (1, "c")):
        table.note(JOB.key, attempt, cid)
    table.note(ASSET.key, 0, "d")
    assert table.noted() == {
        JOB.key: [(0, "a"), (0, "b"), (1, "c")],
        ASSET.key: [(0, "d")],
    }
    table.forget(JOB.key)
    assert list(table.noted()) == [ASSET.key]


def test_words_for_an_errand_that_is_not_there_change_nothing(table: JobTable) -> None:
    table.doom("job 0xdef", "why")
    table.ready("job 0xdef", "bafy")
    table.keep([])
    assert list(table.errands()) == []


def test_threads_write_beside_each_other(table: JobTable) -> None:
    table.keep([JOB])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: table.note(JOB.key, n, f"cid {n}"), range(64)))
    assert len(table.noted()[JOB.key]) == 64


# What only a file can suffer


def test_the_table_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        SqliteJobTable(tmp_path / "jobs.sqlite").keep([JOB])
    finally:
        os.umask(before)
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_a_table_that_is_deleted_while_it_is_open_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    table = SqliteJobTable(path)
    table.keep([JOB])
    for file in list(tmp_path.iterdir()):
        file.unlink()
    assert table.errands() == []
    table.keep([ASSET])
    assert [errand.key for errand, _ in read_job_table(path)] == ["asset 5"]


@pytest.mark.parametrize("content", [b"no table at all" * 100, b""])
def test_a_file_that_is_no_table_is_put_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(content)
    table = SqliteJobTable(path)
    table.keep([JOB])
    assert len(table.errands()) == 1


def test_a_table_of_another_version_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    other = sqlite3.connect(path)
    other.executescript("CREATE TABLE errands (x); PRAGMA user_version = 99;")
    other.close()
    table = SqliteJobTable(path)
    table.keep([JOB])
    assert len(table.errands()) == 1
    assert (tmp_path / "jobs.sqlite.unreadable").exists()


def test_a_full_disk_is_an_output_error_and_the_table_stays_whole(tmp_path: Path) -> None:
    table = SqliteJobTable(tmp_path / "jobs.sqlite")
    table.keep([JOB])
    with full_disk(1024), pytest.raises(OutputError, match=r"jobs\.sqlite"):
        table.keep([replace(JOB, reason="x" * 100_000)])
    table.keep([replace(JOB, attempts=1)])
    assert [(errand.attempts, errand.reason) for errand in table.errands()] == [(1, "")]


def test_reading_a_table_from_beside_changes_nothing_and_none_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    assert read_job_table(path) == []
    assert not path.exists()
    table = SqliteJobTable(path, clock=lambda: 77.0)
    table.keep([JOB])
    assert read_job_table(path) == [(replace(JOB, place=1), 77.0)]


def test_only_so_many_ended_errands_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visdm.adapters.jobtable.KEPT", 10)
    table = SqliteJobTable(tmp_path / "jobs.sqlite")
    table.keep([ASSET])
    for number in range(30):
        table.keep([Errand(What.JOB, str(number), standing=Standing.SETTLED)])
    names = [errand.name for errand in table.errands()]
    assert names[0] == "5"
    assert len(names) == 11
