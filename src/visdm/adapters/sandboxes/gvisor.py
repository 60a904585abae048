"""The sandbox made with gVisor (`runsc`; Debian has a package of that name, and so has gvisor.dev).

The job's system calls reach the sentry, a kernel in user space, and hardly any reach the
host's. A second process, the gofer, opens the few files of the host that are in the view. For
root the sentry runs as nobody, in namespaces and a filter of its own, and the gofer as root,
held to those files; an account made up for the job is what it is inside and what owns its
output. Where the provider is not root, `--rootless` maps root inside to it.

The way of running code (`--platform`) is left to runsc. So are devices: those of the sentry.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visdm.adapters.sandboxes import view
from visdm.adapters.sandboxes.bubblewrap import (
    HOME,
    SEEN,
    TRIAL,
    account,
    can_mount,
    first_line,
    shown_of,
)
from visdm.adapters.sandboxes.bundle import Program, write_bundle
from visdm.adapters.sandboxes.environment import environment, started, tool, versions
from visdm.adapters.sandboxes.group import group
from visdm.adapters.sandboxes.rooms import Room, Rooms
from visdm.adapters.sandboxes.sentry import OWN_MEMORY, SentryTree
from visdm.adapters.sandboxes.staging import FILES_LIMIT, log_of, staged
from visdm.adapters.sandboxes.supervise import supervise
from visdm.errors import JobError, OutputError, SandboxError
from visdm.ports import Computation, Limits, silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.adapters.sandboxes.staging import Staging
    from visdm.ports import Progress

_FLAGS = ("--network=none", "--ignore-cgroups", "--oci-seccomp", "--log-format=text")
_OWN_TASKS = 256
"""Tasks of the host that gVisor takes for itself, at most."""

_SETUP_FAILED = 128
_HINT = "see what `runsc --rootless --network=none do true` says, or take --sandbox bubblewrap"


class Gvisor:
    """Runs each computation in a gVisor of its own; the package says what that covers.

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
        """What it is, for the report, with its version. Raises `SandboxError` without runsc."""
        return f"gvisor {_version()}"

    @property
    def versions(self) -> Mapping[str, str]:
        """What computations run on, for the report: library to version."""
        return versions()

    def check(self) -> None:
        """Run a trial in the sandbox. Raises `SandboxError` where it cannot be had."""
        tool("runsc")
        self._mounts = can_mount()
        trial = Gvisor(entry=("-c", TRIAL), threads=self._threads)
        trial._mounts = self._mounts
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "trial"
            try:
                trial._run(Computation("trial", {}, {}, Limits(seconds=60)), output, silent)
            except (JobError, OutputError, SandboxError) as error:
                said = first_line(log_of(output)) or error.message
                raise SandboxError(f"gVisor cannot be had here: {said}", hint=_HINT) from error
        self._checked = True

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        """See `Sandbox.run`; what the job printed is then in `log_of(output)`."""
        if not self._checked:
            self.check()
        return self._run(computation, output, progress)

    def _run(self, computation: Computation, output: Path, progress: Progress) -> Mapping[str, Any]:
        limits = computation.limits
        uid = account()
        with staged(computation, output, uid) as staging, ExitStack() as stack:
            staging.describe(computation, SEEN)
            self._write(staging, limits, uid)
            if bounds := group(limits.memory + OWN_MEMORY, 4 * limits.processes + _OWN_TASKS):
                stack.callback(bounds.remove)
            rooms = stack.enter_context(closing(Rooms(self._rooms(staging, limits, uid))))
            with started(
                *(_command(staging, limits), {"PATH": os.defpath}, staging.job.parent),
                rooms=rooms,
                group=bounds,
            ) as process:
                staging.out = rooms.seen(staging.out)
                code = supervise(
                    *(process, limits, staging, log_of(output), progress),
                    rooms=rooms,
                    group=bounds,
                    trees=SentryTree,
                )
            if code == _SETUP_FAILED and b"error" in _told(staging):
                raise SandboxError("the sandbox could not be set up", hint=_HINT)
            return staging.result(code, output)

    def _rooms(self, staging: Staging, limits: Limits, uid: int) -> list[Room]:
        """Return the one room that is the host's; folders in memory are the sentry's."""
        size = limits.output + FILES_LIMIT * os.sysconf("SC_PAGE_SIZE")
        room = Room(staging.out, size, FILES_LIMIT + 100, 0o700, uid)
        return [room] if self._mounts else []

    def _write(self, staging: Staging, limits: Limits, uid: int) -> None:
        program = Program(
            words=(sys.executable, *self._entry, str(SEEN.job)),
            variables=environment(self._threads, str(HOME), str(view.CODE)),
            folder=HOME,
            uid=uid if os.geteuid() == 0 else 0,
            limits={
                "FSIZE": limits.output + 1,
                "NPROC": limits.processes,
            },
        )
        size = max(limits.memory // 4, 1 << 16)
        memory = dict.fromkeys((str(HOME), "/dev/shm"), size)  # noqa: S108 - the job's own
        shown = view.base(()) | shown_of(staging)
        write_bundle(_bundle(staging), program, shown, memory)


def _command(staging: Staging, limits: Limits) -> list[str]:
    """Return the command. Its own network keeps others of this machine from its control socket.

    The time on processors is bounded by the host: the sentry does not end a process for it.
    """
    seconds = f"--cpu={limits.seconds * (os.cpu_count() or 1)}"
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    alone = ["--net"] if os.geteuid() == 0 else ["--map-root-user", "--net"]
    state, log = staging.job.with_name("state"), staging.job.with_name("told")
    return [
        *(
            tool("choom"),
            "-n",
            "1000",
            "--",
            tool("prlimit"),
            seconds,
            "--",
            tool("unshare"),
            *alone,
            "--",
        ),
        *(tool("runsc"), "--root", str(state), "--log", str(log), *_FLAGS, *rootless),
        *("run", "--bundle", str(_bundle(staging)), f"job-{secrets.token_hex(8)}"),
    ]


def _bundle(staging: Staging) -> Path:
    return staging.job.with_name("bundle")


def _told(staging: Staging) -> bytes:
    """Return what runsc, and not the job, has said."""
    try:
        return staging.job.with_name("told").read_bytes()
    except FileNotFoundError:
        return b""


@cache
def _version() -> str:
    told = subprocess.run(  # noqa: S603 - a fixed word, no shell
        [tool("runsc"), "--version"], capture_output=True, check=False, text=True
    )
    found = re.match(r"runsc version (?:release-)?([0-9A-Za-z.~+-]{1,40})", told.stdout)
    return found[1] if found else "of an unknown version"
