"""A control group for a job, where one can be had: the kernel's own count of memory and tasks.

It counts what watching from outside cannot see: the kernel's memory for pipes and sockets,
files in memory, a burst between two looks. One can be had where the group of this process, or one
above it, may be written to and has the controllers: for root nearly everywhere, for others
where systemd delegates (a user's services, `systemd-run --user`). Both versions of control
groups are used as they are found (kernel.org, Documentation/admin-guide/cgroup-v2.rst and
cgroup-v1/).
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "visdm-job-"
_MOUNTS = Path("/proc/self/mountinfo")
_OURS = Path("/proc/self/cgroup")
_PATIENCE = 2.0


class _Setting(NamedTuple):
    file: str
    value: str
    needed: bool = True


class Group:
    """The folders of a group, one for each hierarchy, made and limited."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders

    def words(self) -> list[str]:
        """Return the reaper's words for joining: what it starts is in the group."""
        return [word for path in self._folders for word in ("join", str(path / "cgroup.procs"))]

    def out_of_memory(self) -> bool:
        """Tell whether the kernel has killed a process for passing the limit."""
        for folder in self._folders:
            for name in ("memory.events", "memory.oom_control"):
                with suppress(OSError):
                    lines = (folder / name).read_text().splitlines()
                    if any(
                        line.split()[0] == "oom_kill" and int(line.split()[1]) for line in lines
                    ):
                        return True
        return False

    def remove(self) -> None:
        """Remove it, once its processes are gone; the kernel may take a moment to notice."""
        deadline = time.monotonic() + _PATIENCE
        for folder in self._folders:
            while folder.exists() and time.monotonic() < deadline:
                with suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.005)


def group(memory: int, tasks: int) -> Group | None:
    """Make a group that holds `memory` bytes and `tasks` tasks, or return None."""
    name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    first = [
        _Setting("memory.limit_in_bytes", str(memory)),
        _Setting("memory.memsw.limit_in_bytes", str(memory), needed=False),
    ]
    second = [
        _Setting("memory.max", str(memory)),
        _Setting("memory.swap.max", "0", needed=False),
        _Setting("memory.oom.group", "1", needed=False),
        _Setting("pids.max", str(tasks), needed=False),
    ]
    if unified := _made(_delegated(), name, second):
        return Group([unified])
    if counted := _made(_hierarchy("memory"), name, first):
        limited = _made(_hierarchy("pids"), name, [_Setting("pids.max", str(tasks))])
        return Group([counted, limited] if limited else [counted])
    return None


def _made(places: Iterator[Path], name: str, settings: list[_Setting]) -> Path | None:
    """Make a group in the first of the places that takes all its settings."""
    for place in places:
        _sweep(place)
        folder = place / name
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            for setting in settings:
                _set(folder, setting)
        except OSError:
            folder.rmdir()
        else:
            return folder
    return None


def _set(folder: Path, setting: _Setting) -> None:
    try:
        # Never made where it is missing: in a folder of no control group it could be.
        with (folder / setting.file).open("r+") as file:
            file.write(setting.value)
    except OSError:
        if setting.needed:
            raise


def _sweep(place: Path) -> None:
    """Remove the groups of providers that were killed; one with processes does not go."""
    for left in place.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path(f"/proc/{pid}").exists():
            with suppress(OSError):
                left.rmdir()


def _delegated() -> Iterator[Path]:
    """Yield groups of version 2 that hand memory on to those below: ours, or above ours."""
    for mount, root, kind, _ in _mounts():
        if kind == "cgroup2":
            ours = _below(mount, root, "")
            for place in (ours, *ours.parents):
                with suppress(OSError):
                    if "memory" in (place / "cgroup.subtree_control").read_text().split():
                        yield place
                if place == mount:
                    break


def _hierarchy(controller: str) -> Iterator[Path]:
    """Yield our group in the hierarchy of version 1 that has the controller."""
    for mount, root, kind, options in _mounts():
        if kind == "cgroup" and controller in options:
            yield _below(mount, root, controller)


def _below(mount: Path, root: str, controller: str) -> Path:
    """Return where a hierarchy, of which `root` and all below are at `mount`, has our group."""
    for line in _OURS.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            inside = PurePosixPath(path)
            return mount / inside.relative_to(root) if inside.is_relative_to(root) else mount
    return mount


def _mounts() -> Iterator[tuple[Path, str, str, list[str]]]:
    """Yield mount point, root within the filesystem, kind and options of each mount."""
    for line in _MOUNTS.read_text().splitlines():
        mount, _, filesystem = line.partition(" - ")
        kind, _, options = filesystem.split(" ", 2)
        yield Path(mount.split()[4]), mount.split()[3], kind, options.split(",")
