"""What a job may use up, time, memory, processes and output, and that nothing of it survives."""

from __future__ import annotations

import os
import secrets
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visdm.adapters.sandboxes import staging
from visdm.errors import JobError, SandboxError

if TYPE_CHECKING:
    from ports.sandbox.scripts import Run

MIB = 1 << 20


def alive(*tokens: str) -> bool:
    """Tell whether a process of this machine has one of `tokens` among its arguments.

    gVisor's processes are not those of the job, and name its folder instead.
    """
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if any(token.encode() in path.read_bytes() for token in tokens):
                return True
        except OSError:
            continue
    return False


def test_a_job_that_hangs_is_ended_with_all_its_processes(run: Run, output: Path) -> None:
    token = secrets.token_hex(8)
    started = time.monotonic()
    with pytest.raises(JobError) as caught:
        run(
            f"""
            for _ in range(3):
                subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "{token}"])
            print("progress 1 1", flush=True)
            time.sleep(60)
            """,
            seconds=1,
            progress=lambda *_: (
                None if alive(token, output.name) else pytest.fail("nothing to be ended")
            ),
        )
    assert caught.value.reason == "took longer than 1 s"
    assert time.monotonic() - started < 10
    assert not alive(token, output.name)


def test_a_survivor_in_a_session_of_its_own_is_ended(run: Run, output: Path) -> None:
    token = secrets.token_hex(8)
    answer = run(
        f"""
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                sign = "import time; open({{0!r}}, 'w').close(); time.sleep(60)"
                sign = sign.format(out + "/alive")
                os.execv(sys.executable, [sys.executable, "-c", sign, "{token}"])
            os._exit(0)
        while not os.path.exists(out + "/alive"):
            time.sleep(0.01)
        answer({{"survives": True}})
        """
    )
    assert answer == {"survives": True}
    assert not alive(token, output.name)


def test_memory_is_counted_over_all_processes(run: Run) -> None:
    with pytest.raises(JobError) as caught:
        run(
            """
            for _ in range(4):
                if os.fork() == 0:
                    held = b"x" * (60 << 20)
                    time.sleep(20)
                    os._exit(0)
            time.sleep(20)
            """,
            memory=180 * MIB,
        )
    assert caught.value.reason == f"used more than {180 * MIB} bytes of memory"


def test_memory_that_processes_share_is_counted_once(run: Run) -> None:
    answer = run(
        """
        held = b"x" * (60 << 20)
        for _ in range(4):
            if os.fork() == 0:
                time.sleep(0.4)
                os._exit(0)
        time.sleep(0.4)
        answer({})
        """,
        memory=180 * MIB,
    )
    assert answer == {}


def test_too_many_processes_are_not_left_running(run: Run, output: Path) -> None:
    token = secrets.token_hex(8)
    with pytest.raises(JobError) as caught:
        run(
            f"""
            for _ in range(30):
                subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "{token}"])
            time.sleep(20)
            """,
            processes=10,
        )
    assert caught.value.reason in {
        "started more than 10 processes",
        "failed with exit code 1",  # the kernel said no, and the script did not expect it
    }
    assert not alive(token, output.name)


@pytest.mark.parametrize(
    "script",
    [
        "open(out + '/one', 'wb').write(b'x' * (3 << 20))",
        "[open(out + f'/{n}', 'wb').write(b'x' * (1 << 19)) for n in range(6)]; time.sleep(20)",
        "os.ftruncate(os.open(out + '/sparse', os.O_CREAT | os.O_WRONLY), (2 << 20) + 1)",
    ],
    ids=["one file", "many files", "a sparse file"],
)
def test_output_above_its_cap_is_refused(run: Run, output: Path, script: str) -> None:
    with pytest.raises(JobError) as caught:
        run(f"{script}\nanswer({{}})", output=2 * MIB)
    assert caught.value.reason == f"made more than {2 * MIB} bytes of output"
    assert list(output.iterdir()) == []


def test_output_up_to_its_cap_is_handed_over(run: Run, output: Path) -> None:
    run("open(out + '/one', 'wb').write(b'x' * ((2 << 20) - 2)); answer({})", output=2 * MIB)
    assert (output / "one").stat().st_size == 2 * MIB - 2


def test_a_flood_of_empty_files_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "FILES_LIMIT", 100)
    with pytest.raises(JobError, match="made more than 100 files"):
        run("[open(out + f'/{n}', 'w').close() for n in range(101)]; answer({})")


def test_a_job_ended_from_outside_is_nobodys_fault(run: Run) -> None:
    """A machine that shuts down sends every process SIGTERM."""

    def end(*_: int) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            words = path.read_bytes().split(b"\0")
            mine = Path(path.parent, "stat").read_text().rpartition(")")[2].split()[1]
            if int(mine) == os.getpid() and any(word.endswith(b"reaper.py") for word in words):
                os.kill(int(path.parent.name), signal.SIGTERM)

    with pytest.raises(SandboxError, match="ended from outside"):
        run('print("progress 1 1", flush=True); time.sleep(60)', progress=end)
