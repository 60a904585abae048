"""`visdm map`: a picture of what the market offers, from public metadata alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from visdm.cli.frame import (
    consumer_option,
    home_option,
    json_option,
    market,
    plain,
    print_json,
    progress,
)
from visdm.domain.maps import MAX_MOST, METHODS, MOST
from visdm.drawing.parts import counted
from visdm.pictures.folder import require_extra, write_map
from visdm.pictures.scene import Scene
from visdm.services.mapping import map_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visdm.domain.maps import Map
    from visdm.services.consumer import Consumer
    from visdm.wiring import World


class Numbers(click.ParamType[tuple[int, ...]]):
    """Numbers with commas between them, as 1,2,5."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; write 1,2,5", param, ctx)


@click.command("map")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="FOLDER",
    help="Gets map.png and map.html.",
)
@click.option("--assets", type=Numbers(), metavar="N,N,...", help="[default: all on offer]")
@click.option(
    "--most",
    type=click.IntRange(1, MAX_MOST),
    default=MOST,
    show_default=True,
    help="Images drawn at the most, the same number of every asset.",
)
@click.option("--method", type=click.Choice([*METHODS, "both"]), default="both", show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@consumer_option
@home_option
@json_option
def map_(
    out: Path,
    assets: tuple[int, ...] | None,
    most: int,
    method: str,
    seed: int,
    actor: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Draw the images on offer in a plane, by their public metadata alone.

    Images with similar metadata are near each other, by principal components and by t-SNE.
    FOLDER gets a picture and a page that one can look around in, without a network. An asset
    whose owner discloses groups alone appears as the middles of its classes.
    """
    require_extra()
    methods = METHODS if method == "both" else (method,)
    with market(home) as world, progress("drawing the map") as shown:
        consumer = world.consumer(actor)
        drawn = map_of(
            consumer, assets or (), methods=methods, most=most, seed=seed, progress=shown
        )
        files = draw_map(drawn, out, world, consumer)
    fields = {
        "files": [str(path) for path in files],
        "images": len(drawn.points),
        "assets": list(drawn.assets),
        "explained": list(drawn.explained),
        "left_out": {str(asset): why for asset, why in drawn.left_out.items()},
    }
    if as_json:
        print_json(fields)
    else:
        _print(drawn, files)


def draw_map(
    drawn: Map, out: Path, world: World, consumer: Consumer, chosen: Sequence[int] = ()
) -> tuple[Path, Path]:
    """Write a map of a market into a folder; return picture and page.

    Assets are called by their number and owner, those of `chosen` as such.
    """
    owners = {asset.asset: world.name(asset.owner) for asset in consumer.chain.assets()}
    names = {
        asset: f"asset {asset} of {owners[asset]}{' (chosen)' if asset in chosen else ''}"
        for asset in drawn.assets
    }
    title = f"{counted(len(drawn.assets), 'asset')} by public metadata"
    return write_map(Scene(title, drawn, names), out)


def _print(drawn: Map, files: Sequence[Path]) -> None:
    click.echo(f"{counted(len(drawn.points), 'image')} of {counted(len(drawn.assets), 'asset')}")
    for asset, why in drawn.left_out.items():
        click.echo(f"asset {asset} is left out: {plain(why)}")
    for path in files:
        click.echo(f"written: {plain(path)}")
