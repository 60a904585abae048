"""Data packages poured into files, as suites look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.ports import silent

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.domain.packages import DataSummary
    from visdm.ports import Packages, Progress


def build(
    packages: Packages,
    source: Path,
    target: Path,
    *,
    name: str = "pets",
    keep_exif: bool = False,
    progress: Progress = silent,
) -> DataSummary:
    """Pour a data package into a file, which is there afterwards only when it is whole."""
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb", buffering=0) as sink:
            made = packages.build_data(
                source, sink, name=name, keep_exif=keep_exif, progress=progress
            )
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return made
