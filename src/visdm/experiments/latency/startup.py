"""Seconds from asking for a trivial script until its answer is there: sandboxed, and bare.

Bare is the same Python with the same script and nothing around it. The two run in turns, so
that whatever else the machine does slows both; the median counts.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visdm.adapters.sandboxes import Bubblewrap
from visdm.ports import Computation

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 40
TARGET = 0.1
"""Seconds that a sandbox may add to bare Python, at most."""

_SCRIPT = """
import json, sys
with open(json.load(open(sys.argv[1]))["output"] + "/answer.json", "w") as file:
    file.write("{}")
"""


@dataclass(frozen=True)
class Startup:
    """Median seconds of each way over `runs` runs."""

    runs: int
    bare: float
    inside: float

    @property
    def added(self) -> float:
        """Seconds that the sandbox adds."""
        return self.inside - self.bare


def measure(runs: int = RUNS) -> Startup:
    """Measure. Raises `SandboxError` where there is no sandbox."""
    sandbox = Bubblewrap(entry=("-c", _SCRIPT))
    sandbox.check()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        job = top / "job.json"
        job.write_text(json.dumps({"output": folder}))
        command = [sys.executable, "-c", _SCRIPT, str(job)]

        def bare() -> None:
            subprocess.run(command, env={}, check=True)  # noqa: S603 - our own script, no shell

        def inside() -> None:
            sandbox.run(Computation("startup", {}, {}), top / "inside")

        times = [(_seconds(bare), _seconds(inside)) for _ in range(runs)]
    return Startup(runs, *map(statistics.median, zip(*times, strict=True)))


def _seconds(way: Callable[[], None]) -> float:
    begun = time.perf_counter()
    way()
    return time.perf_counter() - begun
