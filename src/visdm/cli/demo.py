"""`visdm demo`: a whole trade."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from visdm.adapters.machine import MachineClock
from visdm.cli.frame import HOME, json_option, node_named, node_option, print_json
from visdm.demo import place
from visdm.demo.story import tell
from visdm.demo.telling import Narrator, show
from visdm.errors import FolderError


@click.command()
@click.option(
    "--data",
    "sources",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A folder of images, one sub-folder per class, dealt out to the suppliers. Given "
    "several times, each folder is one supplier's.  [default: handwritten digits]",
)
@click.option(
    "--suppliers",
    type=click.IntRange(place.MIN_SUPPLIERS, place.MAX_SUPPLIERS),
    help="How many suppliers.  [default: 5]",
)
@click.option(
    "--ladder",
    default="0.05,0.10,0.15",
    show_default=True,
    help="The prices a sample that owners are asked, the lowest first.",
)
@click.option("--seed", type=click.IntRange(0, 2**32), default=1, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=HOME,
    show_default=True,
    help="Where the report, the result, a page with pictures and the market itself are kept. "
    "A demo that was cut off is finished from there.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    metavar="PLACE",
    help="Where blobs go too: a folder, or kubo:http://127.0.0.1:5001. Repeatable.",
)
@click.option("--unsafe", is_flag=True, help="Run the model without a sandbox.")
@node_option
@json_option
def demo(  # one parameter per option
    sources: tuple[Path, ...],
    suppliers: int | None,
    ladder: str,
    seed: int,
    out: Path,
    stores: tuple[str, ...],
    *,
    unsafe: bool,
    as_json: bool,
) -> None:
    """Play a whole trade: five suppliers, one provider, one consumer, real images.

    Everything runs on this machine: an embedded chain, an embedded store, play money. With --node
    the chain is at a node that gives ether away, such as Anvil.
    """
    if len(sources) > 1 and suppliers not in (None, len(sources)):
        raise click.UsageError(f"--suppliers {suppliers}, but --data names {len(sources)} folders")
    if len(sources) > place.MAX_SUPPLIERS:
        raise click.UsageError(
            f"--data names {len(sources)} folders; {place.MAX_SUPPLIERS} at most"
        )
    for source in sources:
        if not source.is_dir():
            raise FolderError(source, "is not a folder", hint="name a folder with one per class")
    settings = place.Settings(
        suppliers=len(sources) if len(sources) > 1 else suppliers or 5,
        sources=place.absolute(sources),
        ladder=place.parse_ladder(ladder),
        seed=seed,
        stores=stores,
        node=node_named(),
    )
    # With --json the story goes to standard error, so that standard output is one object.
    console = Console(stderr=as_json)
    summary = tell(settings, out, Narrator(console, MachineClock().seconds), unsafe=unsafe)
    if as_json:
        print_json(summary.to_json())
    else:
        show(console, summary)
        console.print(f"Pictures: {out / place.PAGE}", highlight=False, soft_wrap=True)
