"""No sandbox: a plain subprocess, for machines without one and providers who insist."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from visdm.adapters.sandboxes.environment import environment, limited, started, versions
from visdm.adapters.sandboxes.staging import Seen, log_of, staged
from visdm.adapters.sandboxes.supervise import supervise
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.ports import Computation, Progress

_CODE = Path(__file__).resolve().parents[3]


class BareProcess:
    """Unsafe: a script has the provider's account, files and network.

    Kept are only the contract (job file, answer, progress, public reasons), the bounds on
    time, memory, output and log, an empty environment, and the end of every process, all
    of them against accidents rather than attacks. `Limits.processes` is looked at from
    outside alone.
    """

    def __init__(self, *, entry: Sequence[str] = ("-m", "visdm.compute"), threads: int = 1) -> None:
        self._entry = tuple(entry)
        self._threads = threads

    @property
    def name(self) -> str:
        """What it is, for the report."""
        return "bare process (unsafe)"

    @property
    def versions(self) -> Mapping[str, str]:
        """What computations run on, for the report: library to version."""
        return versions()

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        """See `Sandbox.run`; what the job printed is then in `log_of(output)`."""
        limits = computation.limits
        with staged(computation, output, os.geteuid()) as staging:
            out = PurePosixPath(staging.out.resolve())
            job = PurePosixPath(staging.job.resolve())
            staging.describe(computation, Seen(job=job, inputs=None, output=out))
            home = staging.job.with_name("home")
            home.mkdir()
            limit = limited(limits, own_account=False)
            command = [*limit, sys.executable, *self._entry, str(job)]
            variables = environment(self._threads, str(home.resolve()), str(_CODE))
            with started(command, variables, home) as process:
                code = supervise(process, limits, staging, log_of(output), progress)
            return staging.result(code, output)
