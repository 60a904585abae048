"""A provider's own folder: its lock, its table, where it listens, and the logs of its jobs."""

from __future__ import annotations

import json
import os
import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from visdm.domain.errands import Resources
from visdm.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADROOM = 4
"""Of the machine's memory, one part in so many is left to everything else."""


class Place:
    """The folder `root`, made where it is missing, for its owner alone."""

    def __init__(self, root: Path) -> None:
        self.table = root / "jobs.sqlite"
        self.logs = root / "logs"
        self._live = root / "live.json"
        self._lock = root / "lock"
        self._root = root

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only provider here. Raises `InputError` where another one is."""
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(self._lock, mode=0o600)
            lock.acquire(timeout=0)
        except Timeout:
            pid = self.live().get("pid")
            raise InputError(
                "another provider runs for this account in this market"
                + (f" (process {pid})" if pid else ""),
                hint="stop that one first, or see `visdm provider status`",
            ) from None
        except OSError as error:
            raise OutputError(self._root, f"cannot be written ({error.strerror})") from None
        try:
            yield
        finally:
            self._live.unlink(missing_ok=True)
            lock.release()

    def say_live(self, **said: str | float) -> None:
        """Say to who asks that this process runs here, and where it listens."""
        draft = self._live.with_suffix(".draft")
        try:
            draft.write_text(json.dumps({"pid": os.getpid(), **said}))
            draft.replace(self._live)
        except OSError as error:
            raise OutputError(self._live, f"cannot be written ({error.strerror})") from None

    def live(self) -> dict[str, Any]:
        """Return what the provider that runs here said; nothing where none does."""
        try:
            said = json.loads(self._live.read_text())
            os.kill(int(said["pid"]), 0)
        except PermissionError:
            return dict(said)
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return dict(said)


def machine(job_memory: int) -> Resources:
    """Return what this machine can lend: its cores, three quarters of its memory, and as many jobs
    as both have room for.
    """
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with_limit = _cgroup_memory()
    memory = min(memory, with_limit) if with_limit else memory
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        memory = min(memory, soft)
    memory -= memory // _HEADROOM
    return Resources(memory, cores, max(1, min(cores, memory // max(job_memory, 1))))


def _cgroup_memory() -> int:
    """Return the limit that a container sets on memory; 0 for none that can be read."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return int(Path(path).read_text())
        except (OSError, ValueError):
            continue
    return 0
