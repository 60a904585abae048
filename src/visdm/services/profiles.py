"""Profiling models: by a provider before it describes one, by anybody on a folder of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visdm.domain.profiles import read_profile
from visdm.errors import JobError
from visdm.ports import Computation, Limits, silent

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages, Progress, Sandbox, Scratch

SEEDS = (0, 1)
"""A job brings a seed of its own: no model may be another one under another seed."""


def profiled(
    sandbox: Sandbox, package: Path, private: Path, limits: Limits, progress: Progress = silent
) -> dict[str, Any]:
    """Return the checked profile of a model package; `private` is a folder to work in.

    It is made twice, each time in a process of its own. Raises `JobError` where the script does
    not do its part, answers something else than a profile, or is not the same model twice.
    """
    found = [
        read_profile(
            sandbox.run(
                Computation("profile", {"seed": seed}, {"model": package}, limits),
                private / f"profile-{seed}",
                progress,
            )
        )
        for seed in SEEDS
    ]
    if found[0] != found[1]:
        raise JobError("two profiles of it differ")
    return found[0]


def profile_folder(
    folder: Path,
    packages: Packages,
    scratch: Scratch,
    sandbox: Sandbox,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Return what owners would see of the model in `folder`. Raises as `profiled`, `InputError`."""
    with scratch.folder() as private:
        package = private / "model.tar"
        packages.build_model(folder, package)
        return profiled(sandbox, package, private, Limits(), progress)
