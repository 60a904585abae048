"""A sandbox without walls or processes: the real programs, run in the test's own process."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from visdm.compute.programs import PROGRAMS
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.ports import Computation, Progress


class InProcess:
    """Quick, since torch is loaded once for all computations of a test run."""

    name = "in process, for tests"
    versions: Mapping[str, str] = {"tests": "1"}  # never changed

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        """Run the program; its answer goes through JSON, as from a sandbox."""
        output.mkdir(exist_ok=True)
        program = import_module(PROGRAMS[computation.program])
        answer = program.run(dict(computation.settings), dict(computation.inputs), output, progress)
        loaded: dict[str, Any] = json.loads(json.dumps(answer, allow_nan=False))
        return loaded
