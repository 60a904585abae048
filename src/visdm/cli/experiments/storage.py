"""`visdm experiment storage`: what storing costs."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from visdm.adapters.machine import MachineClock
from visdm.cli.frame import json_option, print_json
from visdm.demo.telling import Narrator
from visdm.experiments import storage


@click.command("storage")
@click.option(
    "--mib", type=click.IntRange(1), default=256, show_default=True, help="To compare on."
)
@click.option("--gib", type=float, default=1.0, show_default=True, help="The dataset; 0 for none.")
@click.option("--work", type=click.Path(path_type=Path, exists=True), help="[default: temporary]")
@json_option
def experiment_storage(mib: int, gib: float, work: Path | None, *, as_json: bool) -> None:
    """Measure importing and encrypting against the bare work, and memory over a large dataset.

    Ratios are of speed: 1 is as fast as the bare work, on one core, over the same bytes.
    """
    narrator = Narrator(Console(stderr=True), MachineClock().seconds)
    with narrator.step("storage", "Import, encrypt, pack") as progress:
        table = storage.measure(mib, gib, work, progress)
    if as_json:
        print_json(table.to_json())
    else:
        _print(table)


def _print(table: storage.StorageTable) -> None:
    console = Console()
    shown = Table(title="Speed against the bare work", title_justify="left")
    for heading in ("what", "against", "seconds", "bare", "ratio", "at least"):
        left = heading in {"what", "against"}
        shown.add_column(heading, justify="left" if left else "right")
    for row in table.ratios:
        least = f"{row.target:.2f}" if row.target else ""
        times = f"{row.ours:.3f}", f"{row.bare:.3f}", f"{row.ratio:.2f}"
        shown.add_row(row.name, row.against, *times, least)
    console.print(shown)
    if large := table.large:
        limit = storage.MEMORY_LIMIT >> 20
        console.print(
            f"{large.images} images, {large.size:,} bytes, packaged, encrypted and imported in one "
            f"pass: {large.seconds:.0f} s, {large.memory >> 20} MiB at most (target {limit})",
            highlight=False,
        )
