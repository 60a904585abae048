"""Processes of jobs: those of this provider, and those that a killed one may have left."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from visdm.errors import SandboxError

_PATIENCE = 15.0
_LOOK = 0.05


def end_children() -> None:
    """Tell every process that this one started to end: a sandbox's first ends all below it."""
    for pid in _children():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def end_leftovers(root: Path) -> int:
    """Wait until no process stands in a folder below `root`, and end those that stay.

    A sandbox ends with its provider (`visdm.adapters.sandboxes.reaper`), a moment later. Returns
    how many there were. Raises `SandboxError` where some do not end.
    """
    found = standing_in(root)
    deadline = time.monotonic() + _PATIENCE
    left = found
    while left:
        if time.monotonic() > deadline:
            raise SandboxError("processes of a killed job do not end", hint="see `ps`")
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)
        time.sleep(_LOOK)
        left = standing_in(root)
    return len(found)


def standing_in(root: Path) -> list[int]:
    """Return the processes whose working folder is below `root`, also one that is removed."""
    top = str(root.resolve()) + os.sep
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if str((entry / "cwd").readlink()).startswith(top):
                    found.append(int(entry.name))
    return found


def _children() -> list[int]:
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found
