"""`visdm experiment metadata sampling`: how long a look into a market's tables takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table

from visdm.cli.experiments.metadata import part
from visdm.experiments.metadata.sampling import SECONDS, Sampled, measure

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from visdm.ports import Progress


def show(console: Console, found: Sampled) -> None:
    """Print the seconds of each way."""
    title = f"{found.rows:,} rows of {found.assets:,} assets, {found.threads} threads"
    shown = Table(title=title, title_justify="left")
    shown.add_column("")
    shown.add_column("seconds", justify="right")
    for name, seconds in (
        ("survey of tables never seen: all checks", found.first),
        ("survey of tables accepted before: filters, means", found.survey),
        ("the same with centres of projections", found.centres),
        ("a loop over the tables, without checks", found.loop),
        (f"choice within a budget ({found.chosen} chosen)", found.choice),
    ):
        shown.add_row(name, f"{seconds:.3f}")
    console.print(shown)
    met = found.to_json()["met"]
    console.print(f"target: survey and choice below {SECONDS:g} s: {'met' if met else 'missed'}")


@part("sampling", "Look into a market's tables", show)
@click.option("--rows", type=click.IntRange(1_000), default=1_000_000, show_default=True)
@click.option("--assets", type=click.IntRange(1), default=1_000, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
def sampling(data: Path, progress: Progress, *, rows: int, assets: int, threads: int) -> Sampled:
    """Measure sampling and filters over the public tables of many assets.

    Tables are made of real measures of CIFAR-10's images, drawn anew for each asset.
    """
    return measure(data, progress, rows=rows, assets=assets, threads=threads)
