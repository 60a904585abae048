"""`visdm experiment figure2`: the paper's Figure 2, drawn and measured again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from visdm.adapters.machine import MachineClock
from visdm.cli.experiments.metadata import data_option
from visdm.cli.frame import json_option, plain, print_json
from visdm.demo.telling import Narrator
from visdm.pictures.folder import require_extra

if TYPE_CHECKING:
    from visdm.experiments.figure2 import Figure2


@click.command("figure2")
@data_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    metavar="FOLDER",
    help="Gets figure2.png, figure2.html, pixels.png and the like, and figure2.json.",
)
@click.option(
    "--each", type=click.IntRange(1, 5_000), default=1_000, show_default=True, help="Of a class."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@json_option
def experiment_figure2(
    data: Path, out: Path | None, each: int, seed: int, *, as_json: bool
) -> None:
    """Plot cats, dogs and noise by their metadata, and measure how far noise stands apart.

    By principal components and t-SNE, for noise as JPEG and as PNG, beside the same on the
    projection alone and on raw pixels. The same seed gives the same numbers.
    """
    require_extra()
    # Here, since scikit-learn is an extra, and slow to load.
    from visdm.experiments.figure2 import measure_figure2  # noqa: PLC0415
    from visdm.experiments.figure2_page import write_figure2  # noqa: PLC0415

    narrator = Narrator(Console(stderr=True), MachineClock().seconds)
    with narrator.step("figure2", "Measure cats, dogs and noise, and place them") as progress:
        found = measure_figure2(data, each=each, seed=seed, progress=progress)
    files = write_figure2(found, out) if out else []
    if as_json:
        print_json(found.to_json())
        return
    _print(found)
    for path in files:
        click.echo(f"written: {plain(path)}")


def _print(found: Figure2) -> None:
    console = Console()
    title = (
        f"Cats, dogs and noise, {found.each:,} of each. Balanced accuracy of a line and of the "
        "nearest 15: 0.5 is chance, 1 certainty. Silhouette: 0 mixed, 1 far apart."
    )
    shown = Table(title=title, title_justify="left")
    shown.add_column("noise as, features, plane", ratio=1)
    for group in ("noise", "cat/dog"):
        for measure in ("line", "near", "silh."):
            shown.add_column(f"{group}\n{measure}", justify="right", no_wrap=True)
    for row in found.rows:
        numbers = [
            f"{number:.3f}" for group in (row.noise, row.cats) for number in vars(group).values()
        ]
        shown.add_row(f"{row.encoding}, {row.kind}, {row.method}", *numbers)
    console.print(shown)
