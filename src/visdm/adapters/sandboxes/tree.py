"""A tree of processes: what it uses, seen from outside through /proc, and its end."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from visdm.errors import SandboxError

_KIB = 1024
_PATIENCE = 10


@dataclass(frozen=True)
class Usage:
    """What a tree uses at one moment: bytes of memory, and tasks (threads of processes)."""

    memory: int
    tasks: int


class Tree:
    """All processes beneath a reaper (`visdm.adapters.sandboxes.reaper`), which ends last."""

    def __init__(self, reaper: subprocess.Popen[bytes]) -> None:
        self.reaper = reaper

    def usage(self, most_memory: int) -> Usage:
        """Return what the tree uses.

        Pages that processes share count once, as far as that matters: the sum that counts
        them for each is cheap and never too low, so it is taken unless above `most_memory`.
        """
        pids, tasks = beneath(self.reaper.pid)
        memory = sum(_resident(pid) for pid in pids)
        if memory > most_memory:
            memory = sum(_proportional(pid) for pid in pids)
        return Usage(memory, tasks)

    def end(self) -> None:
        """Kill every process; return when all are gone. Raises `SandboxError` if they stay."""
        self.reaper.terminate()
        try:
            self.reaper.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.reaper.kill()
            raise SandboxError("processes of a job do not end", hint="see `ps`") from None


def beneath(reaper: int) -> tuple[list[int], int]:
    """Return the processes beneath, and the number of their threads."""
    pids, tasks = [reaper], -1
    for pid in pids:
        with suppress(OSError):
            for thread in os.scandir(f"/proc/{pid}/task"):
                tasks += 1
                with suppress(OSError):
                    pids += map(int, Path(thread.path, "children").read_text().split())
    return pids[1:], tasks


def _resident(pid: int) -> int:
    return sum_of(Path(f"/proc/{pid}/status"), ("VmRSS:", "VmSwap:"))


def _proportional(pid: int) -> int:
    """Count a page that n processes share as 1/n; fall back on the resident set."""
    try:
        return sum_of(Path(f"/proc/{pid}/smaps_rollup"), ("Pss:", "SwapPss:"))
    except PermissionError:
        return _resident(pid)


def sum_of(report: Path, fields: tuple[str, ...]) -> int:
    """Sum up the fields, given in KiB; a process that is gone uses nothing."""
    try:
        lines = report.read_text().splitlines()
    except PermissionError:
        raise
    except OSError:
        return 0
    return sum(int(line.split()[1]) * _KIB for line in lines if line.startswith(fields))
