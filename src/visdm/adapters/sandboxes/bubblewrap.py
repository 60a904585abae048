"""The sandbox made with bubblewrap (Debian package `bubblewrap`, 0.8 or later).

A provider that is not root starts one bubblewrap, which takes its namespaces without any
privilege. For root that would leave the job root's own uid outside the walls, which can
open root's files and is exempt from the limit on processes. So root only lends its eyes: a
first bubblewrap shows the view to an account made up for the job, which then starts the
same second one as everybody else.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from visdm.adapters.sandboxes import seccomp, view
from visdm.adapters.sandboxes.environment import environment, limited, started, tool, versions
from visdm.adapters.sandboxes.group import group
from visdm.adapters.sandboxes.rooms import Room, Rooms
from visdm.adapters.sandboxes.staging import FILES_LIMIT, Seen, log_of, staged
from visdm.adapters.sandboxes.supervise import OWN_TASKS, supervise
from visdm.errors import JobError, OutputError, SandboxError
from visdm.ports import Computation, Limits, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from visdm.adapters.sandboxes.group import Group
    from visdm.adapters.sandboxes.staging import Staging
    from visdm.ports import Progress

_JOB = PurePosixPath("/job")
SEEN = Seen(job=_JOB / "job.json", inputs=_JOB / "inputs", output=_JOB / "out")
"""Where a job finds its files."""

HOME = PurePosixPath("/tmp")  # noqa: S108 - the job's own, in memory

_WALLS = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"),
    *("--cap-drop", "ALL", "--new-session", "--die-with-parent", "--hostname", "sandbox"),
)
_LENT = (
    *("--die-with-parent", "--unshare-pid", "--cap-drop", "ALL"),
    *("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"),
)
_IN_MEMORY = {str(HOME): "tmp", "/dev/shm": "shm"}  # noqa: S108 - the job's own
"""Folders of a job that are in memory, and what they are called while it is staged."""

_TOP_UID = 0x7FFFFFFE
"""No distribution and no container runtime hands out uids just below this one."""

_SIGNALS = 128
"""Exit codes from here on stand for signals."""

_HINT = "install the packages bubblewrap and util-linux, and permit user namespaces"
_TRIAL = """
import json, sys, visdm
folder = json.load(open(sys.argv[1]))["output"]
open(folder + "/answer.json", "w").write("{}")
"""


class Bubblewrap:
    """Runs each computation in a sandbox of its own; the package says what that covers.

    `entry` is what Python is started with, ahead of the path of the job file; `threads`
    is how many threads numeric libraries use.
    """

    def __init__(self, *, entry: Sequence[str] = ("-m", "visdm.compute"), threads: int = 1) -> None:
        self._entry = tuple(entry)
        self._threads = threads
        self._checked = False
        self._mounts = True

    @property
    def name(self) -> str:
        """What it is, for the report."""
        return "bubblewrap"

    def check(self) -> None:
        """Run a trial in the sandbox. Raises `SandboxError` where it cannot be had.

        Where only bubblewrap may use namespaces (AppArmor can see to that), a job's
        folders are not mounts of their own.
        """
        self._mounts = _can_mount()
        trial = Bubblewrap(entry=("-c", _TRIAL), threads=self._threads)
        trial._mounts = self._mounts
        job = Computation("trial", {}, {}, Limits(seconds=60))
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "trial"
            try:
                trial._run(job, output, silent)
            except (JobError, OutputError, SandboxError) as error:
                said = _first_line(log_of(output)) or error.message
                hint = error.hint if isinstance(error, SandboxError) else _HINT
                raise SandboxError(f"no sandbox can be had here: {said}", hint=hint) from error
        self._checked = True

    @property
    def versions(self) -> Mapping[str, str]:
        """What computations run on, for the report: library to version."""
        return versions()

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        """See `Sandbox.run`; what the job printed is then in `log_of(output)`."""
        if not self._checked:
            self.check()
        return self._run(computation, output, progress)

    def _run(self, computation: Computation, output: Path, progress: Progress) -> Mapping[str, Any]:
        uid, limits = _account(), computation.limits
        with staged(computation, output, uid) as staging, ExitStack() as stack:
            staging.describe(computation, SEEN)
            passed, bounds = _Passed(stack), _bounds(stack, limits)
            rooms = stack.enter_context(closing(Rooms(self._rooms(staging, limits, uid))))
            command = self._command(staging, limits, uid, passed)
            with started(
                *(command, {}, staging.job.parent, passed.descriptors),
                rooms=rooms,
                group=bounds,
            ) as process:
                passed.close()
                staging.out = rooms.seen(staging.out)
                code = supervise(
                    *(process, limits, staging, log_of(output), progress),
                    rooms=rooms,
                    group=bounds,
                )
            if 0 < code < _SIGNALS and b"exit-code" not in passed.status():
                raise SandboxError("the sandbox could not be set up", hint=_HINT)
            return staging.result(code, output)

    def _rooms(self, staging: Staging, limits: Limits, uid: int) -> list[Room]:
        if not self._mounts:
            return []
        memory = max(limits.memory // 4, 1 << 16)
        # A file may leave its last page nearly empty.
        output = limits.output + FILES_LIMIT * os.sysconf("SC_PAGE_SIZE")
        rooms = [Room(staging.out, output, FILES_LIMIT + 100, 0o700, uid)]
        for name in _IN_MEMORY.values():
            path = staging.out.with_name(name)
            path.mkdir()
            rooms.append(Room(path, memory, FILES_LIMIT, 0o1777, uid))
        return rooms

    def _command(self, staging: Staging, limits: Limits, uid: int, passed: _Passed) -> list[str]:
        shown = view.base((tool("prlimit"),)) | _job(staging)
        lent = uid != os.geteuid()
        walls = [
            # First, or they would hide an environment that itself stands below /tmp.
            *(*_WALLS, "--perms", "0755", "--dir", "/dev"),
            *self._memory_folders(staging, limits, lent=lent),
            *(*view.arguments(shown, nested=lent), "--proc", "/proc"),
            *("--remount-ro", "/", "--chdir", str(HOME), "--clearenv"),
            *_variables(environment(self._threads, str(HOME), str(view.CODE))),
            *("--json-status-fd", str(passed.status_fd)),
            *("--seccomp", passed.content(seccomp.compiled())),
        ]
        rooms = _shown_rooms(staging) if self._mounts else {}
        return [
            *(tool("choom"), "-n", "1000", "--"),
            *(_lent(shown | rooms, uid, passed) if lent else []),
            *_bwrap(walls, passed),
            *limited(limits, own_account=True),
            *(sys.executable, *self._entry, str(SEEN.job)),
        ]

    def _memory_folders(self, staging: Staging, limits: Limits, *, lent: bool) -> Iterator[str]:
        size = str(max(limits.memory // 4, 1 << 16))
        for path, name in _IN_MEMORY.items():
            if self._mounts:
                room = str(_JOB / name if lent else staging.out.with_name(name))
                yield from ("--bind", room, path)
            else:
                yield from ("--size", size, "--perms", "1777", "--tmpfs", path)


class _Passed:
    """What bubblewrap inherits: files with its arguments, and a pipe to tell how it went."""

    def __init__(self, stack: ExitStack) -> None:
        self._status, self.status_fd = os.pipe()
        self.descriptors = [self.status_fd]
        stack.callback(os.close, self._status)
        stack.callback(self.close)

    def words(self, words: Sequence[str]) -> str:
        """Return the descriptor of a file that holds `words`, each ended by a zero byte."""
        return self.content(b"".join(os.fsencode(word) + b"\0" for word in words))

    def content(self, content: bytes) -> str:
        """Return the descriptor of a file that holds `content`."""
        file = os.memfd_create("content")
        self.descriptors.append(file)
        os.write(file, content)
        os.lseek(file, 0, os.SEEK_SET)
        return str(file)

    def close(self) -> None:
        """Close our copies."""
        while self.descriptors:
            os.close(self.descriptors.pop())

    def status(self) -> bytes:
        """Return what bubblewrap told, once it is gone: an exit code only if the job began."""
        return os.read(self._status, 1 << 16)


def _bwrap(arguments: Sequence[str], passed: _Passed) -> list[str]:
    """Return the command; its arguments are in a file, where the job cannot read them."""
    return [tool("bwrap"), "--args", passed.words(arguments), "--"]


def _lent(shown: view.View, uid: int, passed: _Passed) -> list[str]:
    """Return root's part: show the view to `uid`, and become it for good."""
    tools = {path: view.Shown("--ro-bind", path) for path in (tool("bwrap"), tool("setpriv"))}
    arguments = [
        *(*_LENT, *view.arguments(shown | tools), "--dev-bind", "/proc", "/proc"),
        *("--perms", "0755", "--dir", str(HOME), "--remount-ro", "/"),  # bubblewrap wants it
    ]
    return [
        *(*_bwrap(arguments, passed), tool("setpriv"), "--reuid", str(uid), "--regid", str(uid)),
        *("--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"),
    ]


def _job(staging: Staging) -> view.View:
    inputs = {
        str(_JOB / "inputs" / name): view.Shown("--ro-bind", str(path))
        for name, path in staging.inputs.items()
    }
    return inputs | {
        str(SEEN.job): view.Shown("--ro-bind", str(staging.job)),
        str(SEEN.output): view.Shown("--bind", str(staging.out)),
    }


def _shown_rooms(staging: Staging) -> view.View:
    """Return how the first bubblewrap shows the rooms to the second."""
    return {
        str(_JOB / name): view.Shown("--bind", str(staging.out.with_name(name)))
        for name in _IN_MEMORY.values()
    }


def _can_mount() -> bool:
    """Tell whether the reaper can mount rooms."""
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder), 1 << 16, 10, 0o700, os.geteuid())
        with closing(Rooms([room])) as rooms:
            try:
                with started([tool("prlimit")], {}, Path(folder), rooms=rooms):
                    return True
            except SandboxError:
                return False


def _bounds(stack: ExitStack, limits: Limits) -> Group | None:
    """Make the job's control group; it is removed with the stack."""
    if made := group(limits.memory, limits.processes + OWN_TASKS):
        stack.callback(made.remove)
    return made


def _variables(variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        yield from ("--setenv", name, value)


def _account() -> int:
    """Return the uid to run a job as: for root a fresh one, for others their own."""
    if os.geteuid() != 0:
        return os.geteuid()
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    known = max(int(first) + int(count) for first, _, count in map(str.split, lines))
    top = min(known, _TOP_UID)
    return max(0, top - 2 - secrets.randbelow(min(1 << 24, top // 4 + 1)))


def _first_line(log: Path) -> str:
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    return text.partition("\n")[0][:200]
