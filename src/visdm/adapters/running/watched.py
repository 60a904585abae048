"""A sandbox that is timed, stopped with its provider, and whose logs are kept for the provider."""

from __future__ import annotations

import re
import shutil
import time
from contextlib import suppress
from threading import Lock, current_thread
from typing import TYPE_CHECKING, Any

from visdm.errors import JobError, SandboxError
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from visdm.ports import Computation, Progress, Sandbox

_MODE = 0o600


class Watched:
    """`visdm.ports.Sandbox` over another one.

    `log_of` says where that leaves what a job printed; the last `kept` of these are kept in
    `folder`, each as long as the sandbox lets it grow, readable by its owner alone. A script may
    print what it is shown: they are for the provider's eyes, who sees the images anyway.

    Once `stop` was called a computation that ends without a result is nobody's fault: it raises
    `SandboxError`, and nobody is refused for it.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        folder: Path,
        kept: int,
        log_of: Callable[[Path], Path],
        took: Callable[[str, float], None],
    ) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._kept = kept
        self._log_of = log_of
        self._took = took
        self._stopped = False
        self._logs = Lock()

    @property
    def name(self) -> str:
        """What it is, for the report."""
        return self._sandbox.name

    @property
    def versions(self) -> Mapping[str, str]:
        """What computations run on, for the report: library to version."""
        return self._sandbox.versions

    def stop(self) -> None:
        """Begin no computation any more, and blame nobody for one that ends."""
        self._stopped = True

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        """See `Sandbox.run`."""
        self._refuse_stopped()
        begun = time.monotonic()
        try:
            return self._sandbox.run(computation, output, progress)
        except JobError:
            self._refuse_stopped()
            raise
        finally:
            self._took(computation.program, time.monotonic() - begun)
            self._keep(self._log_of(output), computation.program)

    def _refuse_stopped(self) -> None:
        if self._stopped:
            raise SandboxError("the provider is stopping", hint="start it again")

    def _keep(self, log: Path, program: str) -> None:
        """Keep a log if there is room: no computation fails for it."""
        if not self._kept or log.is_symlink():
            return
        errand = re.sub(r"[^a-z0-9]+", "-", current_thread().name.lower())[:80]
        with self._logs, suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            target = self._folder / f"{time.time_ns():020d}-{errand}-{program}.log"
            partial = target.with_suffix(".partial")
            shutil.copyfile(log, partial)
            partial.chmod(_MODE)
            partial.replace(target)
            for old in sorted(self._folder.iterdir())[: -self._kept]:
                old.unlink()
