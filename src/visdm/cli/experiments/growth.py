"""`visdm experiment metadata growth`: time and memory by the number of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table

from visdm.cli.experiments.metadata import part
from visdm.experiments.metadata import growth

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from visdm.ports import Progress


def _show(console: Console, found: growth.Growth) -> None:
    shown = Table(title="Growth of offline metadata", title_justify="left")
    for heading in ("images", "seconds", "of the processor", "MiB at the most"):
        shown.add_column(heading, justify="right")
    for size in found.sizes:
        times = f"{size.seconds:.1f}", f"{size.processor:.1f}"
        shown.add_row(f"{size.images:,}", *times, f"{size.memory >> 20}")
    console.print(shown)
    constant = growth.MEMORY_CONSTANT >> 20
    console.print(
        f"A further image: {', '.join(f'{1000 * cost:.2f}' for cost in found.further)} ms; "
        f"ratio {found.time_ratio:.2f} (target at most {growth.TIME_TARGET})\n"
        f"Memory, less {constant} MiB: ratio {found.memory_ratio:.2f} "
        f"(target at most {growth.MEMORY_TARGET})",
        highlight=False,
    )


@part("growth", "Describe ever more images", _show)
@click.option(
    "--size",
    "sizes",
    type=click.IntRange(1, growth.MOST),
    multiple=True,
    default=growth.SIZES,
    show_default=True,
    help="Images; at least three times, all different.",
)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
def experiment_growth(
    *, data: Path, sizes: tuple[int, ...], workers: int, progress: Progress
) -> growth.Growth:
    """Measure how time and memory of `visdm metadata` grow with the number of images."""
    ordered = tuple(sorted(set(sizes)))
    if len(ordered) < len(sizes):
        raise click.UsageError("growth needs sizes that differ: --size says one twice")
    if len(ordered) < len(growth.SIZES):
        raise click.UsageError("growth needs three sizes: say --size three times")
    return growth.measure(data, ordered, workers, progress)
