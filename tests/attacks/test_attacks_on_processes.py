"""No process of the host can be seen or harmed from inside, and none of the job's stays."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from attacks.hostile import SLEEP, bystander, computation, processes, script, until

if TYPE_CHECKING:
    from pathlib import Path

    from attacks.hostile import Attack, Make


def test_processes_of_the_host_cannot_be_seen(attack: Attack) -> None:
    with bystander() as process:
        outside, inside = attack("answer([int(n) for n in os.listdir('/proc') if n.isdecimal()])")
    assert process.pid in outside
    assert len(inside) == 2


def test_a_signal_does_not_reach_the_host(attack: Attack) -> None:
    with bystander() as process:
        outside, inside = attack("answer(tries(lambda: os.kill(given['pid'], 0)))", pid=process.pid)
        assert outside == "done"
        assert inside == "ProcessLookupError"


def test_killing_everything_kills_only_the_job(walled: Make, tmp_path: Path) -> None:
    kill_all = script("answer(tries(lambda: os.kill(-1, signal.SIGKILL)))")
    with bystander() as process:
        walled(entry=kill_all).run(computation({}, {}), tmp_path / "inside")
        assert process.poll() is None


def test_the_environment_of_the_host_cannot_be_read(attack: Attack) -> None:
    with bystander(VISDM_KEY="a secret") as process:
        assert process.pid
        outside, inside = attack(
            """
            found = []
            for number in filter(str.isdecimal, os.listdir("/proc")):
                try:
                    found.append(open(f"/proc/{number}/environ").read())
                except OSError:
                    pass
            answer("a secret" in " ".join(found))
            """
        )
    assert outside is True
    assert inside is False


def test_open_files_of_the_provider_are_not_passed_on(walled: Make, tmp_path: Path) -> None:
    look = "import os; print(max(int(name) for name in os.listdir('/proc/self/fd')))"
    with (tmp_path / "secret").open("w") as file:
        opened = os.dup2(file.fileno(), 77)
        outside = subprocess.run(
            [sys.executable, "-c", look], close_fds=False, capture_output=True, check=True
        )
        inside = walled(
            entry=script("answer(sorted(int(name) for name in os.listdir('/proc/self/fd')))")
        ).run(computation({}, {}), tmp_path / "inside")
        os.close(opened)
    assert int(outside.stdout) >= 77
    assert inside == {"got": [0, 1, 2, 3]}  # the fourth is the listing's own


@pytest.mark.parametrize("delay", [0, 0.005, 0.02, 0.2])
def test_the_job_dies_with_a_provider_that_is_killed(
    walled: Make, tmp_path: Path, delay: float
) -> None:
    token = secrets.token_hex(8)
    provider = f"""
        from pathlib import Path
        from visdm.adapters.sandboxes import {walled.__name__}
        from visdm.ports import Computation
        entry = ("-c", "import os; os.fork(); os.setsid(); {SLEEP}", "{token}")
        sandbox = {walled.__name__}(entry=entry)
        sandbox._checked = True
        sandbox.run(Computation("", {{}}, {{}}), Path({str(tmp_path / "o")!r}))
        """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(provider)]) as process:
        until(lambda: processes(token))
        time.sleep(delay)
        process.kill()
    until(lambda: not processes(token))


def test_a_hanging_job_is_gone_when_the_provider_interrupts(walled: Make, tmp_path: Path) -> None:
    token = secrets.token_hex(8)

    def interrupt(*_: int) -> None:
        assert processes(token)
        signal.raise_signal(signal.SIGINT)

    entry = script("print('progress 1 2', flush=True); time.sleep(60)")
    with pytest.raises(KeyboardInterrupt):
        walled(entry=(*entry, token)).run(computation({}, {}), tmp_path / "o", interrupt)
    assert not processes(token)
    assert list((tmp_path / "o").iterdir()) == []
