"""How every job is started: its variables, the kernel's limits per process, its reaper."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from visdm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from visdm.adapters.sandboxes.group import Group
    from visdm.adapters.sandboxes.rooms import Rooms
    from visdm.ports import Limits

_OPEN_FILES = 4096
_REAPER = Path(__file__).with_name("reaper.py")


def environment(threads: int, home: str, code: str) -> dict[str, str]:
    """Return all variables that a job has; nothing of the provider's is among them.

    `threads` is fixed rather than the machine's number of cores: the order of sums, and so
    the numbers that come out, depends on it.
    """
    counts = dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"),
        str(threads),
    )
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": home,
        "TMPDIR": home,
        "USER": "job",
        "PYTHONPATH": code,
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        **counts,
    }


def limited(limits: Limits, *, own_account: bool) -> list[str]:
    """Return the command that limits what it starts.

    Processes are limited only where `own_account` keeps others' from being counted. A file
    may grow one byte too long, so that the output is seen to be too much. The time on
    processors is no more than all of them give by the deadline, and holds although nobody watches.
    """
    processes = [f"--nproc={limits.processes}"] if own_account else []
    return [
        *(
            tool("prlimit"),
            "--core=0",
            f"--cpu={limits.seconds * (os.cpu_count() or 1)}",
            "--msgqueue=0",
            f"--nofile={_OPEN_FILES}",
        ),
        *(f"--fsize={limits.output + 1}", *processes, "--"),
    ]


def tool(name: str) -> str:
    """Return the path of a program of the host. Raises `SandboxError` where it is missing."""
    if found := shutil.which(name):
        return found
    package = "bubblewrap" if name == "bwrap" else "util-linux"
    raise SandboxError(f"{name} is missing", hint=f"install the package {package}")


@contextmanager
def started(
    command: Sequence[str],
    variables: Mapping[str, str],
    folder: Path,
    passed: Sequence[int] = (),
    *,
    rooms: Rooms | None = None,
    group: Group | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command under a reaper, in `folder`, with pipes for what it prints.

    `passed` are descriptors that it inherits. On exit all its processes are ended.
    Raises `SandboxError` where it cannot be started.
    """
    reaper = [sys.executable, "-I", "-S", str(_REAPER), str(os.getpid())]
    words = [*(rooms.words() if rooms else ()), *(group.words() if group else ()), "--"]
    try:
        process = subprocess.Popen(  # noqa: S603 - fixed words and paths, no shell
            [*reaper, *words, *command],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            pass_fds=(*passed, *(rooms.descriptors if rooms else ())),
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError("Python cannot be started", hint="see its installation") from error
    with process:
        try:
            if rooms:
                rooms.receive()
            yield process
        finally:
            process.terminate()


def versions() -> dict[str, str]:
    """Return what computations run on; asked on this side, where no script can answer."""
    named = {name: version(name) for name in ("numpy", "pillow", "pyarrow", "visdm")}
    with suppress(PackageNotFoundError):
        named["torch"] = version("torch")
    return {"python": platform.python_version(), **named}
