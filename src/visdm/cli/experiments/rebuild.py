"""`visdm experiment metadata rebuild`: what of an image its public metadata gives away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table

from visdm.cli.experiments.metadata import part
from visdm.domain.summaries import MIN_GROUP
from visdm.experiments.metadata import rebuild
from visdm.experiments.metadata.rebuild import KNOWLEDGE, VICTIMS, Rebuilt, measure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from visdm.experiments.metadata.likeness import Likeness
    from visdm.ports import Progress

FEWEST = 10 * (MIN_GROUP - 1) + 1
"""Of so many images of CIFAR-10's ten classes, one has `MIN_GROUP`, whichever they are."""

_SCENES = {
    "cifar10": "CIFAR-10, 32x32",
    "digits": "digits of 8x8: images as small as what is published",
    "photos": f"photographs of {rebuild.PHOTO_SIDE}x{rebuild.PHOTO_SIDE}",
}


def show(console: Console, found: Rebuilt) -> None:
    """Print the attacks by scene, the differences of aggregates and the tests for membership."""
    for name, rows in found.scenes.items():
        console.print(_likenesses(_SCENES[name], rows))
    more = (*found.groups, *(row.rebuilt for row in found.differences))
    console.print(_likenesses("Where aggregates alone are disclosed", more))
    for row in found.differences:
        console.print(
            f"one image more than {row.images}: {row.projection:.0%} of its projection and "
            f"{row.levels:.0%} of its levels follow from two summaries",
            highlight=False,
        )
    console.print(_memberships(found))


def _likenesses(title: str, rows: Iterable[Likeness]) -> Table:
    shown = Table(title=title, title_justify="left")
    shown.add_column("attack")
    headings = ("PSNR", "SSIM", "95 %", "99 %", "most", "to 4 cycles", "4 to 8", "finer")
    for heading in headings:
        shown.add_column(heading, justify="right")
    for row in rows:
        similar = (row.ssim, row.ssim95, row.ssim99, row.ssim_most)
        shown.add_row(
            row.attack,
            f"{row.psnr:.1f}",
            *(f"{value:.2f}" for value in similar),
            *("" if share is None else f"{share:.0%}" for share in row.recovered),
        )
    return shown


def _memberships(found: Rebuilt) -> Table:
    shown = Table(title="Is this image in the asset?", title_justify="left")
    for heading in ("disclosed", "images", "the asker has", "test", "found", "false"):
        number = heading in {"images", "found", "false"}
        shown.add_column(heading, justify="right" if number else "left")
    for row in found.membership:
        rates = f"{row.found:.1%}", f"{row.false:.1%}"
        shown.add_row(row.disclosure, str(row.images), row.known_as, row.test, *rates)
    return shown


@part("rebuild", "Rebuild images from their metadata", show)
@click.option("--knowledge", type=click.IntRange(100), default=KNOWLEDGE, show_default=True)
@click.option("--victims", type=click.IntRange(FEWEST), default=VICTIMS, show_default=True)
def rebuilding(data: Path, progress: Progress, knowledge: int, victims: int) -> Rebuilt:
    """Rebuild images from their public metadata as well as it can be done.

    Knows --knowledge images of CIFAR-10's training set and attacks --victims of its test set,
    digits of 8x8 and photographs. Prints likeness to the originals (PSNR in dB over RGB; SSIM
    of the greys, its mean and its 95th, 99th and 100th percentile), how much of the variance of
    the greys is right by fineness, and how well it can be told whether an asset holds an image.
    """
    return measure(data, knowledge=knowledge, victims=victims, progress=progress)
