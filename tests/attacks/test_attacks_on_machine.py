"""Using the machine up: disk, memory, processes, processors, log.

Outside, each script stops by itself well before it harms the machine that the tests run on.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from attacks.hostile import computation, plain, processes, script, until
from visdm.adapters.sandboxes import BareProcess, log_of
from visdm.adapters.sandboxes.log import LOG_LIMIT
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

    from attacks.hostile import Make

MIB = 1 << 20

FILL = """
    def fill():
        with open(given["folder"] + "/visdm-test-fill", "wb") as file:
            for _ in range(32):
                file.write(bytes(1 << 20))
    try:
        answer(tries(fill))
    finally:
        os.unlink(given["folder"] + "/visdm-test-fill")
"""


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])  # noqa: S108 - the job's own
def test_folders_in_memory_are_capped(walled: Make, tmp_path: Path, folder: str) -> None:
    job = computation({"folder": folder}, {}, memory=96 * MIB)
    assert BareProcess(entry=script(FILL)).run(job, tmp_path / "outside") == {"got": "done"}
    assert walled(entry=script(FILL)).run(job, tmp_path / "inside") == {"got": "OSError"}


def test_deleted_files_that_stay_open_do_not_fill_the_disk(walled: Make, tmp_path: Path) -> None:
    """No look at the folder sees them; only the mount itself can refuse them room."""
    hoard = script(
        """
        held = []
        def hoard():
            for number in range(64):
                held.append(open(out + "/hoard", "wb"))
                os.unlink(out + "/hoard")
                held[-1].write(bytes(1 << 20))
                held[-1].flush()
        said = tries(hoard)
        held.clear()
        answer(said)
        """
    )
    job = computation({}, {}, output=2 * MIB)
    assert BareProcess(entry=hoard).run(job, tmp_path / "outside") == {"got": "done"}
    assert walled(entry=hoard).run(job, tmp_path / "inside") == {"got": "OSError"}


def test_the_output_folder_holds_no_more_than_its_cap(walled: Make, tmp_path: Path) -> None:
    flood = """
        for number in range(12):
            with open(f"{out}/{number}", "wb") as file:
                file.write(bytes(1 << 19))
        answer({})
        """
    plain(flood, tmp_path / "outside")
    made = [path.stat().st_size for path in (tmp_path / "outside").iterdir()]
    assert sum(made) > 6 * MIB
    job = computation({}, {}, output=2 * MIB)
    with pytest.raises(JobError, match=f"made more than {2 * MIB} bytes of output"):
        walled(entry=script(flood)).run(job, tmp_path / "inside")
    assert list((tmp_path / "inside").iterdir()) == []


HOLDERS = """
    held, ends = [], []
    for _ in range(given["processes"]):
        read, write = os.pipe()
        if os.fork() == 0:
            held = b"x" * (given["each"] << 20)
            os.write(write, b".")
            time.sleep(20)
            os._exit(0)
        ends.append(read)
    whole = sum(len(os.read(end, 1)) for end in ends)
    answer(whole)
"""


def test_a_memory_bomb_of_several_processes_is_ended(walled: Make, tmp_path: Path) -> None:
    settings = {"processes": 4, "each": 60}
    outside = BareProcess(entry=script(HOLDERS)).run(computation(settings, {}), tmp_path / "a")
    assert outside == {"got": 4}  # 240 MiB at once
    job = computation(settings, {}, memory=180 * MIB)
    with pytest.raises(JobError, match=f"used more than {180 * MIB} bytes of memory"):
        walled(entry=script(HOLDERS + "\n    time.sleep(20)")).run(job, tmp_path / "inside")


HOARD = """
    blocks = [open(f"{folder}/visdm-test-{name}", "wb") for name, folder in given["folders"]]
    for file in blocks:
        os.unlink(file.name)
        for _ in range(44):
            file.write(bytes(1 << 20))
        file.flush()
    held = b"x" * (120 << 20)
    time.sleep(0.5)
    answer(len(held) + sum(file.tell() for file in blocks))
"""


def test_memory_in_files_that_nobody_maps_is_counted(walled: Make, tmp_path: Path) -> None:
    """Each part alone is within its bound; together they are not."""
    folders = [("a", "/tmp"), ("b", "/dev/shm")]  # noqa: S108 - the job's own
    job = computation({"folders": folders}, {}, memory=180 * MIB)
    outside = BareProcess(entry=script(HOARD)).run(job, tmp_path / "outside")
    assert outside == {"got": 208 * MIB}  # where there are no walls, only what is mapped counts
    with pytest.raises(JobError, match=f"used more than {180 * MIB} bytes of memory"):
        walled(entry=script(HOARD)).run(job, tmp_path / "inside")


FORKS = """
    for number in range(given["most"]):
        try:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        except OSError:
            break
    else:
        number += 1
    answer(number)
"""


def test_a_fork_bomb_is_bounded(walled: Make, tmp_path: Path) -> None:
    outside = BareProcess(entry=script(FORKS)).run(
        computation({"most": 60}, {}, processes=100), tmp_path / "outside"
    )
    inside = walled(entry=script(FORKS)).run(
        computation({"most": 60}, {}, processes=16), tmp_path / "inside"
    )
    assert outside == {"got": 60}
    assert inside["got"] < 16


SPIN = """
    end = time.monotonic() + given["for"]
    while time.monotonic() < end:
        pass
    print("spun")
    answer("spun")
"""


def test_a_script_that_spins_is_ended_at_its_deadline(walled: Make, tmp_path: Path) -> None:
    assert "spun" in plain(SPIN, tmp_path / "outside", **{"for": 2})
    with pytest.raises(JobError, match="took longer than 1 s"):
        walled(entry=script(SPIN)).run(computation({"for": 60}, {}, seconds=1), tmp_path / "inside")


def test_a_script_that_spins_is_ended_although_its_provider_sleeps(
    walled: Make, tmp_path: Path
) -> None:
    """A provider that is stopped looks at no clock; the kernel goes on to count."""
    token = secrets.token_hex(8)
    provider = f"""
        from pathlib import Path
        from visdm.adapters.sandboxes import {walled.__name__}
        from visdm.ports import Computation, Limits
        sandbox = {walled.__name__}(entry=("-c", "while True: pass", "{token}"))
        sandbox._checked = True
        sandbox.run(Computation("", {{}}, {{}}, Limits(seconds=1)), Path({str(tmp_path / "o")!r}))
        """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(provider)]) as process:
        try:
            until(lambda: processes(token))
            process.send_signal(signal.SIGSTOP)
            until(lambda: not processes(token), seconds=60 * (os.cpu_count() or 1))
            assert os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        finally:
            process.kill()


def test_a_flood_of_log_is_not_kept(walled: Make, tmp_path: Path) -> None:
    flood = """
        for _ in range(64):
            sys.stdout.write("x" * 1_000_000 + "\\n")
        answer({})
        """
    assert len(plain(flood, tmp_path / "outside")) > 64_000_000
    walled(entry=script(flood)).run(computation({}, {}), tmp_path / "inside")
    assert log_of(tmp_path / "inside").stat().st_size < LOG_LIMIT + 100


def test_a_process_that_hides_from_its_parents_does_not_survive(
    walled: Make, tmp_path: Path
) -> None:
    token = secrets.token_hex(8)
    daemonise = f"""
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            if os.fork() == 0:
                for descriptor in range(3):
                    os.close(descriptor)
                hidden = "import time; time.sleep(60)"
                os.execv(sys.executable, [sys.executable, "-c", hidden, "{token}"])
            os._exit(0)
        os.wait()
        answer({{}})
        """
    plain(daemonise, tmp_path / "outside")
    until(lambda: processes(token))
    for pid in processes(token):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not processes(token))
    walled(entry=script(daemonise)).run(computation({}, {}), tmp_path / "inside")
    assert not processes(token)
