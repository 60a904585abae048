"""Threads, the only instance, shared chains, and what is left of killed providers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from visdm.adapters.running import (
    Place,
    Threads,
    Watched,
    end_children,
    end_leftovers,
    machine,
    one_at_a_time,
)
from visdm.adapters.running.leftovers import standing_in
from visdm.adapters.sandboxes import log_of
from visdm.errors import BlobError, InputError, JobError, SandboxError
from visdm.ports import Computation, Ended, silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.ports import Chain, Progress, Sandbox

JOB = Computation("train", {}, {})


def test_works_run_beside_each_other_and_each_end_is_heard_of_once() -> None:
    threads, both = Threads(), threading.Barrier(2, timeout=20)

    def fail() -> None:
        both.wait()
        raise BlobError("bafy", "is missing")

    threads.begin("a", lambda: cast("None", both.wait()))
    threads.begin("b", fail)
    ended: dict[str, Ended] = {}
    while len(ended) < 2:
        ended.update({one.key: one for one in threads.wait(5)})
    assert ended["a"].fault is None
    assert isinstance(ended["b"].fault, BlobError)
    assert threads.wait(0) == []


def test_of_a_fault_that_nobody_foresaw_only_its_type_is_told() -> None:
    threads = Threads()

    def crash() -> None:
        raise ValueError("the secret key is 0x1234")

    threads.begin("a", crash)
    (ended,) = threads.wait(20)
    assert (ended.fault, ended.crash) == (None, "ValueError")
    assert "0x1234" not in repr(ended)


def test_a_wait_ends_when_it_is_woken() -> None:
    threads = Threads()
    threading.Timer(0.05, threads.wake).start()
    begun = time.monotonic()
    assert threads.wait(30) == []
    assert time.monotonic() - begun < 20


class Racing:
    """A chain whose calls must not overlap."""

    account = "0xabc"

    def __init__(self) -> None:
        self.inside = self.most = 0

    def settle(self) -> str:
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.02)
        self.inside -= 1
        return "settled"

    jobs = settle


def test_calls_to_a_shared_chain_wait_for_each_other_and_writes_are_timed() -> None:
    chain, took = Racing(), []
    shared: Any = one_at_a_time(cast("Chain", chain), lambda step, _: took.append(step))
    assert shared.account == "0xabc"
    threads = [threading.Thread(target=call) for call in (shared.settle, shared.jobs) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chain.most == 1
    assert took == ["settle"] * 4


def test_a_second_provider_in_the_same_place_is_refused_in_one_line(tmp_path: Path) -> None:
    place = Place(tmp_path / "provider")
    with place.held():
        place.say_live(listens="127.0.0.1:1")
        with (
            pytest.raises(InputError, match=f"another provider runs.*{os.getpid()}"),
            Place(tmp_path / "provider").held(),
        ):
            pass
    with place.held():
        assert place.live() == {}
    assert stat.S_IMODE((tmp_path / "provider").stat().st_mode) == 0o700


def test_the_lock_of_a_killed_provider_is_free(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from visdm.adapters.running import Place\n"
        "with Place(Path(sys.argv[1])).held(): print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child, child.stdout as said:
        assert said.readline() == "held\n"
        with pytest.raises(InputError), Place(tmp_path).held():
            pass
        child.kill()
    with Place(tmp_path).held():
        pass


def test_what_is_lent_without_a_word_fits_the_machine() -> None:
    has = machine(1 << 30)
    assert has.memory < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 1 <= has.jobs <= has.cores <= (os.cpu_count() or 1)
    assert machine(1 << 60).jobs == 1


def _sleeper(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=folder)


def test_a_process_that_a_killed_job_left_is_ended_before_its_folder_is_wiped(
    tmp_path: Path,
) -> None:
    inside = tmp_path / "scratch" / "visdm-1-0"
    inside.mkdir(parents=True)
    beside = tmp_path / "scratch-of-another"
    beside.mkdir()
    left, other = _sleeper(inside), _sleeper(beside)
    inside.rmdir()  # it stands in a folder that is gone
    try:
        assert standing_in(tmp_path / "scratch") == [left.pid]
        reaper = threading.Thread(target=left.wait)
        reaper.start()
        assert end_leftovers(tmp_path / "scratch") == 1
        reaper.join()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_all_that_was_started_is_told_to_end(tmp_path: Path) -> None:
    left = _sleeper(tmp_path)
    end_children()
    assert left.wait(20) != 0


class Printing:
    """A sandbox that prints, and fails if told so."""

    name = "prints"
    versions: Mapping[str, str] = {}  # never changed

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        del computation, progress
        log_of(output).write_text("what the script printed")
        if self.error:
            raise self.error
        return {"answer": 1}


def watched(sandbox: Sandbox, folder: Path, kept: int = 3) -> Watched:
    return Watched(sandbox, folder, kept, log_of, lambda *_: None)


def test_logs_of_computations_are_private_and_only_the_last_are_kept(tmp_path: Path) -> None:
    sandbox = watched(Printing(), tmp_path / "logs")
    for _ in range(5):
        assert sandbox.run(JOB, tmp_path / "out") == {"answer": 1}
    kept = sorted((tmp_path / "logs").iterdir())
    assert len(kept) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    assert kept[-1].read_text() == "what the script printed"


def test_no_logs_are_kept_where_none_are_wanted_and_none_can_be_written(tmp_path: Path) -> None:
    watched(Printing(), tmp_path / "logs", kept=0).run(JOB, tmp_path / "out")
    assert not (tmp_path / "logs").exists()
    (tmp_path / "file").write_text("")
    assert watched(Printing(), tmp_path / "file").run(JOB, tmp_path / "out") == {"answer": 1}


def test_a_link_in_the_place_of_a_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")

    class Linking(Printing):
        def run(
            self, computation: Computation, output: Path, progress: Progress = silent
        ) -> Mapping[str, Any]:
            del computation, progress
            log_of(output).symlink_to(tmp_path / "secret")
            return {}

    watched(Linking(), tmp_path / "logs").run(JOB, tmp_path / "out")
    assert not (tmp_path / "logs").exists()


def test_once_stopped_a_computation_that_ends_is_nobodys_fault(tmp_path: Path) -> None:
    failing = watched(Printing(JobError("failed with exit code 143")), tmp_path / "logs")
    with pytest.raises(JobError):
        failing.run(JOB, tmp_path / "out")

    class Stopped(Printing):
        def run(
            self, computation: Computation, output: Path, progress: Progress = silent
        ) -> Mapping[str, Any]:
            del computation, output, progress
            cut.stop()
            raise JobError("failed with exit code 143")

    cut = watched(Stopped(), tmp_path / "logs")
    with pytest.raises(SandboxError, match="stopping"):
        cut.run(JOB, tmp_path / "out")
    with pytest.raises(SandboxError, match="stopping"):
        cut.run(JOB, tmp_path / "out")
