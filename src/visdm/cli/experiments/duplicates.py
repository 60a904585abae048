"""`visdm experiment metadata duplicates`: how copies are found, and which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table

from visdm.cli.experiments.metadata import part
from visdm.experiments.metadata.duplicates import SECONDS, Duplicates, measure

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from visdm.ports import Progress


def show(console: Console, found: Duplicates) -> None:
    """Print the searches, and what the rule finds."""
    where = "a Ray cluster" if found.ray else f"{found.workers} processes"
    shown = Table(title=f"Searches on {where}, target {SECONDS:g} s", title_justify="left")
    for heading in (
        "hashes",
        "rows against as many",
        "seconds",
        "found",
        "planted",
        "others",
        "MiB",
    ):
        shown.add_column(heading, justify="left" if heading == "hashes" else "right")
    for one in found.searches:
        counts = (one.found, one.planted, one.others, one.memory >> 20)
        cells = (f"{one.rows:,}", f"{one.seconds:.1f}", *(f"{count:,}" for count in counts))
        shown.add_row(one.hashes, *cells)
    console.print(shown)
    if found.rule:
        console.print(_rule(found))


def _rule(found: Duplicates) -> Table:
    shown = Table(title="Altered pictures that are found", title_justify="left")
    shown.add_column("")
    for one in found.rule:
        shown.add_column(one.name, justify="right")
    for alteration in found.rule[0].found:
        shown.add_row(alteration, *(f"{one.found[alteration]:.1%}" for one in found.rule))
    shown.add_section()
    shown.add_row("marked within the first 10,000", *(str(one.within) for one in found.rule))
    against = ("-" if one.against is None else str(one.against) for one in found.rule)
    shown.add_row("of these, marked by all others", *against)
    return shown


@part("duplicates", "Search for near-duplicates", show)
@click.option("--rows", type=click.IntRange(100), default=1_000_000, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
@click.option("--ray", default="", metavar="ADDRESS", help="Search on this Ray cluster instead.")
def duplicating(data: Path, progress: Progress, *, rows: int, workers: int, ray: str) -> Duplicates:
    """Measure the search for near-duplicates, and the rule of what is one.

    Searches --rows hashes among as many others, and alters images of CIFAR-10, photographs and
    digits to see which are found again, and which are marked though nobody altered them.
    """
    return measure(data, progress, rows=rows, workers=workers, ray=ray)
