"""A sandbox whose program hangs over some tables, and the clock that it makes go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memory.sandbox import InProcess
from visdm.errors import JobError
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.ports import Computation, Progress


class Hanging(InProcess):
    """A run with one of these tables takes all the time that it is given; others a second."""

    def __init__(self, *tables: str) -> None:
        self._tables = set(tables)
        self._now = 1000.0
        self.runs: list[int] = []
        """The seconds that each run was given."""

    def seconds(self) -> float:
        """Return the seconds of the clock."""
        return self._now

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        """Run the program, or hang."""
        given = computation.limits.seconds
        self.runs.append(given)
        if self._tables & set(computation.inputs):
            self._now += given
            raise JobError(f"took longer than {given} s")
        self._now += 1
        return super().run(computation, output, progress)
