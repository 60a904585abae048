"""The programs that run inside the sandbox, by the name that a computation asks for.

Each module has
`run(settings: dict, inputs: dict[str, Path], output: Path, progress) -> dict`. It reads
`inputs`, writes files into the folder `output`, calls `progress(done, total)` as it goes
and returns plain JSON. Where it cannot end well it raises `JobError`, whose reason may be
made public: a reason holds row numbers, counts and phrases of ours, never what a
stranger's image or script chose to say.

Modules are named, not imported, so that a program that needs no torch does not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAMS = {
    "describe": "visdm.compute.describe",
    "embed": "visdm.compute.embedding",
    "profile": "visdm.compute.profiling",
    "train": "visdm.compute.train",
    "evaluate": "visdm.compute.evaluate",
    "test": "visdm.compute.testing",
    "survey": "visdm.compute.survey",
}


class Program(Protocol):
    """What a module named in `PROGRAMS` offers."""

    def run(
        self,
        settings: dict[str, Any],
        inputs: dict[str, Path],
        output: Path,
        progress: Callable[[int, int], None],
    ) -> dict[str, Any]:
        """Compute; raise `JobError` where there is no result."""
        ...
