"""Watching a job: its output, its use of the machine, its end."""

from __future__ import annotations

import os
import selectors
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.adapters.sandboxes import reasons
from visdm.adapters.sandboxes.log import Log, ProgressLines
from visdm.adapters.sandboxes.tree import Tree
from visdm.errors import JobError, SandboxError

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path
    from typing import IO

    from visdm.adapters.sandboxes.group import Group
    from visdm.adapters.sandboxes.rooms import Rooms
    from visdm.adapters.sandboxes.staging import Staging
    from visdm.ports import Limits, Progress

INTERVAL = 0.05
"""Seconds between two looks at the job; its end is noticed at once."""

_CHUNK = 1 << 16
OWN_TASKS = 4
"""Tasks of a tree that are the sandbox's, not the job's."""


def supervise(
    process: subprocess.Popen[bytes],
    limits: Limits,
    staging: Staging,
    log: Path,
    progress: Progress,
    *,
    rooms: Rooms | None = None,
    group: Group | None = None,
    trees: type[Tree] = Tree,
) -> int:
    """Watch a job, started under a reaper, to its end; return its exit code.

    Every process of it is then gone, also where it outgrew a limit and `JobError` is
    raised. `log` gets what it printed. What is in `rooms` counts as memory; `group`
    counts it itself, and is asked whether the kernel ended a process for its memory. `trees`
    looks at the processes.
    """
    kept = Log(_private(log))
    lines = ProgressLines(kept, progress)
    tree = trees(process)
    try:
        with selectors.DefaultSelector() as selector:
            try:
                _listen(selector, process, kept, lines)
                _watch(selector, process, _Checks(tree, limits, staging, rooms, group), lines)
            finally:
                tree.end()
            while _read(selector, 0):  # what is still in the pipes
                pass
        lines.close()
        lines.tell()
    finally:
        kept.close()
    if group and group.out_of_memory():
        raise JobError(reasons.too_much_memory(limits))
    if fault := staging.fault(limits):
        raise JobError(fault)
    if process.returncode < 0:
        # Not by its own doing, which would have an exit code: a stranger is not to blame.
        problem = f"a job was ended from outside, by signal {-process.returncode}"
        raise SandboxError(problem, hint="it is tried again")
    return process.returncode


def _listen(
    selector: selectors.BaseSelector,
    process: subprocess.Popen[bytes],
    kept: Log,
    lines: ProgressLines,
) -> None:
    selector.register(_stream(process.stdout), selectors.EVENT_READ, lines)
    selector.register(_stream(process.stderr), selectors.EVENT_READ, kept)


def _watch(
    selector: selectors.BaseSelector,
    process: subprocess.Popen[bytes],
    checks: _Checks,
    lines: ProgressLines,
) -> None:
    """Return when the first process has ended; raise `JobError` when a limit is passed."""
    limits = checks.limits
    deadline = time.monotonic() + limits.seconds
    look = time.monotonic() + INTERVAL / 5
    handle = os.pidfd_open(process.pid)
    try:
        selector.register(handle, selectors.EVENT_READ)
        while process.poll() is None:
            now = time.monotonic()
            if now >= deadline:
                raise JobError(reasons.too_long(limits))
            if now >= look:
                lines.tell()
                checks.pass_or_raise()
                look = time.monotonic() + INTERVAL
            _read(selector, max(0.0, min(look, deadline) - now))
        selector.unregister(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True)
class _Checks:
    """What is looked at again and again."""

    tree: Tree
    limits: Limits
    staging: Staging
    rooms: Rooms | None
    group: Group | None

    def pass_or_raise(self) -> None:
        """Raise `JobError` when a limit is passed."""
        limits = self.limits
        # A group counts files in memory itself, and those that are mapped once.
        held = self.rooms.used() if self.rooms and not self.group else 0
        usage = self.tree.usage(limits.memory - held)
        killed = self.group is not None and self.group.out_of_memory()  # one; the others may wait
        if killed or usage.memory + held > limits.memory:
            raise JobError(reasons.too_much_memory(limits))
        if usage.tasks > limits.processes + OWN_TASKS:
            raise JobError(reasons.too_many_processes(limits))
        if fault := self.staging.fault(limits):
            raise JobError(fault)


def _read(selector: selectors.BaseSelector, patience: float) -> bool:
    """Read what has been printed; return whether more may come."""
    ready = False
    for key, _ in selector.select(patience):
        if key.data is None:
            continue
        ready = True
        text = os.read(key.fd, _CHUNK)
        key.data.write(text)
        if not text:
            selector.unregister(key.fileobj)
    return ready


def _stream(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("a job is started with pipes")
    return pipe


def _private(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "wb")
