"""`visdm experiment metadata throughput`: how fast images are measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from visdm.cli.experiments.metadata import part
from visdm.experiments.metadata import throughput

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from visdm.ports import Progress


def _show(console: Console, measured: throughput.Throughput) -> None:
    title = "Images a second, and ratios to the loop of Pillow, imagehash and OpenCV"
    shown = Table(title=title, title_justify="left")
    shown.add_column("images")
    several = f"{throughput.WORKERS} cores"
    for heading in ("loop", "ours", several, "all columns", "ratio", several, "all columns"):
        shown.add_column(heading, justify="right")
    for speed in measured.speeds:
        speeds = (speed.baseline, speed.ours, speed.several, speed.full)
        pairs = zip((speed.one_ratio, speed.several_ratio), speed.targets, strict=True)
        ratios = [f"{ratio:.1f}{f' (>= {least:g})' if least else ''}" for ratio, least in pairs]
        numbers = [f"{number:,.0f}" for number in speeds]
        shown.add_row(f"{speed.images} {speed.name}", *numbers, *ratios, f"{speed.full_ratio:.1f}")
    console.print(shown)


@part("throughput", "Measure images, beside the usual loop", _show)
def measuring(data: Path, progress: Progress) -> throughput.Throughput:
    """Measure how fast images are measured, beside the loop that is usual.

    Five hashes and the grey histogram, checked to be equal; one core by its own time, two by
    the clock. The last ratio is of all columns, the crop-resistant hash and quality too.
    """
    return throughput.measure_throughput(data, progress)
