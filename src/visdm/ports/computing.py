"""Computations in isolation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from visdm.ports.files import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """What a computation may use: bytes of memory and output, seconds, processes."""

    memory: int = 4 << 30
    output: int = 1 << 30
    seconds: int = 3600
    processes: int = 64


@dataclass(frozen=True)
class Computation:
    """A run of one of the programs of `visdm.compute`.

    `inputs` maps a name to a file on this machine, which the program sees read-only
    under that name; `settings` is plain JSON.
    """

    program: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Path]
    limits: Limits = field(default_factory=Limits)


class Sandbox(Protocol):
    """Runs a computation in isolation (DESIGN section 8)."""

    @property
    def name(self) -> str:
        """What it is, for the report."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """What computations run on, for the report: library to version."""
        ...

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        """Run to the end; files it made are then in the folder `output`; return its answer.

        Raises `JobError` with a public reason when it fails, hangs or outgrows a limit, and
        `SandboxError` when it cannot be isolated here.
        """
        ...
