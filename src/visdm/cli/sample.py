"""`visdm sample`: choose a dataset from the market's metadata, and keep it in a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visdm.cli.allowing import asked_by
from visdm.cli.frame import (
    consumer_option,
    home_option,
    json_option,
    market,
    plain,
    price,
    print_json,
    progress,
    tokens,
)
from visdm.cli.map import draw_map
from visdm.cli.selected import as_json_of, print_selection
from visdm.demo import place
from visdm.domain.candidates import LEAST_SHARE, MOST_COPIED, Criteria
from visdm.domain.conditions import Condition
from visdm.domain.datasets import LIMIT, Dataset
from visdm.domain.ranks import RANKS
from visdm.domain.rounds import MAX_ASSETS
from visdm.errors import FolderError, InputError, OutputError, VisdmError
from visdm.pictures.folder import require_extra
from visdm.services.mapping import map_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visdm.domain.sampling import Selection
    from visdm.ports import Progress
    from visdm.services.consumer import Consumer
    from visdm.wiring import World

LADDER = "0.05,0.10,0.15"
FILE = "dataset.json"
SHARE = click.FloatRange(0, 1)


@dataclass(frozen=True)
class Written:
    """Which files were written of a selection: its map, the file that it is kept in.

    `failed` is what kept one from being written.
    """

    maps: Sequence[Path] = ()
    kept: Path | None = None
    failed: VisdmError | None = None


dataset_option = click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The data assets of a file that `visdm sample` wrote.",
)


@click.command("sample")
@click.option("--provider", type=int, default=0, metavar="N", help="At this provider alone.")
@click.option("--region", default="", metavar="XX", help="At providers in this region alone.")
@click.option("--class", "classes", multiple=True, metavar="NAME", help="Any of these; repeatable.")
@click.option("--min-samples", type=click.IntRange(1), default=1, metavar="N", help="At the least.")
@click.option("--min-balance", type=SHARE, default=0.0, help="Least evenness of classes, 0 to 1.")
@click.option("--where", multiple=True, metavar="COND", help="As sharpness>=50; repeatable.")
@click.option(
    "--share",
    type=SHARE,
    default=LEAST_SHARE,
    show_default=True,
    help="Of an asset's images that must meet all of --where.",
)
@click.option(
    "--max-copied",
    type=SHARE,
    default=MOST_COPIED,
    show_default=True,
    help="The most of an asset that may be copies.",
)
@click.option("--model", type=int, metavar="N", help="Whose owners allow this model asset.")
@click.option("--owner-jobs", type=click.IntRange(0), default=0, metavar="N", help="At the least.")
@click.option("--owner-earned", metavar="AMOUNT", help="At the least, by all its assets.")
@click.option("--max-reserve", metavar="PRICE", help="The most that a reserve may ask a sample.")
@click.option(
    "--like", type=click.Path(path_type=Path), metavar="FOLDER", help="Images to be like."
)
@click.option(
    "--rank",
    "ranks",
    multiple=True,
    metavar="NAME[=WEIGHT]",
    help=f"Prefer by {', '.join(RANKS)}; repeatable.  [default: balance, and like with --like]",
)
@click.option("--budget", metavar="AMOUNT", help="The most that all may cost, with the fee.")
@click.option("--at", metavar="PRICE", help="Offer so much a sample.  [default: what is asked]")
@click.option("--samples", type=click.IntRange(1), metavar="N", help="Stop when there are so many.")
@click.option(
    "--most", type=click.IntRange(1, MAX_ASSETS), default=MAX_ASSETS, help="Assets, at the most."
)
@click.option("--dry", is_flag=True, help="Write no file.")
@click.option(
    "--map",
    "map_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Draw all candidates: map.png and map.html.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=FILE,
    show_default=True,
    help="The file for `visdm round open --dataset`.",
)
@consumer_option
@home_option
@json_option
def sample(
    like: Path | None,
    map_folder: Path | None,
    out: Path,
    actor: str,
    home: Path,
    **asked: Any,  # noqa: ANN401  # the options above, by name
) -> None:
    """Choose a dataset from public metadata, within a budget, and say why.

    Assets that do not fit are left out. With --budget, --samples or --most those are picked that
    add the most by the ranks; otherwise all that fit. What is chosen is written to a file, on
    which `visdm round open --dataset` opens a round.
    """
    if map_folder:
        require_extra()
    number: int | None = asked.pop("model")
    criteria = _criteria(like=like, **asked)
    as_json: bool = asked["as_json"]
    with market(home) as world, progress("looking at the market") as shown:
        consumer = world.consumer(actor)
        if number is not None:
            criteria = replace(criteria, ask=asked_by(consumer.chain, number))
        selection = consumer.sample(criteria, like, shown)
        done = _write(selection, world, consumer, map_folder, None if asked["dry"] else out, shown)
        owners = {
            v.candidate.number: world.name(v.candidate.asset.owner) for v in selection.verdicts
        }
    if as_json:
        files = {
            "file": str(done.kept) if done.kept else None,
            "map": [str(path) for path in done.maps],
        }
        print_json(as_json_of(selection, owners) | files)
    else:
        print_selection(selection, owners, done.kept)
        for path in done.maps:
            click.echo(f"map: {plain(str(path))}")
    # Raised only now, so that what kept each asset out can be read.
    if done.failed:
        raise done.failed
    _ = selection.dataset


def kept_dataset(
    path: Path, world: World, consumer: Consumer, provider: int, ladder: str | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the assets of a dataset file, and the ladder to ask for them.

    Raises `FolderError` or `InputError` where the file cannot be used, is not true any more, is
    of another provider than the model, or the ladder goes beyond its budget.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        hint = "make one with `visdm sample -o FILE`"
        raise FolderError(path, f"cannot be read ({error.strerror})", hint=hint) from None
    dataset = Dataset.from_bytes(content[:LIMIT], name=str(path))
    consumer.confirm(dataset, world.ledger.market.catalog)
    if dataset.provider != provider:
        raise InputError(
            f"the dataset is at provider {dataset.provider}, the model at {provider}",
            hint=f"choose anew with `visdm sample --provider {provider}`, or name another --model",
        )
    if ladder is None and dataset.price is not None:
        if not dataset.price:
            hint = "say what you would pay a sample, as --ladder 0.000001"
            raise InputError("the dataset's price is 0, and a round asks for more", hint=hint)
        return dataset.assets, (dataset.price,)
    steps = place.parse_ladder(ladder or LADDER)
    dataset.check_ladder(steps[-1])
    return dataset.assets, steps


def _criteria(  # one parameter per option
    *,
    like: Path | None,
    classes: tuple[str, ...],
    where: tuple[str, ...],
    ranks: tuple[str, ...],
    region: str,
    min_balance: float,
    max_copied: float,
    owner_earned: str | None,
    max_reserve: str | None,
    budget: str | None,
    at: str | None,
    **same: Any,  # noqa: ANN401  # options that are criteria as they are
) -> Criteria:
    del same["dry"], same["as_json"]
    weights = dict(map(_weight, ranks))
    if not weights:
        weights = {"balance": 1.0, "like": 1.0} if like else {"balance": 1.0}
    if "like" in weights and like is None:
        raise click.UsageError("--rank like needs the images to be like: --like FOLDER")
    return Criteria(
        classes=classes,
        where=tuple(map(Condition.parse, where)),
        ranks=weights,
        region=region.upper(),
        balance=min_balance,
        copied=max_copied,
        owner_earned=tokens(owner_earned) if owner_earned else 0,
        reserve=price(max_reserve) if max_reserve else None,
        budget=tokens(budget) if budget else None,
        at=price(at) if at else None,
        **same,
    )


def _weight(text: str) -> tuple[str, float]:
    name, _, weight = text.partition("=")
    try:
        return name, float(weight or 1)
    except ValueError:
        raise InputError(
            f"rank {text!r}: {weight!r} is no weight", hint="write quality=2"
        ) from None


def _write(  # what it reads, and where it writes
    selection: Selection,
    world: World,
    consumer: Consumer,
    map_folder: Path | None,
    out: Path | None,
    shown: Progress,
) -> Written:
    """Draw the map, then keep the dataset: an older file stays where the map cannot be drawn."""
    maps: Sequence[Path] = ()
    kept = None
    try:
        if map_folder:
            maps = _draw(map_folder, selection, world, consumer, shown)
        if out and selection.chosen:
            market_ = world.ledger.market.catalog
            _keep(out, Dataset.of(selection, market_, consumer.chain.now()).to_bytes())
            kept = out
    except VisdmError as error:
        return Written(maps, failed=error)
    return Written(maps, kept)


def _keep(path: Path, content: bytes) -> None:
    try:
        place.write_whole(path, content)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise OutputError(path, problem, hint="name another file with -o") from None


def _draw(
    folder: Path, selection: Selection, world: World, consumer: Consumer, shown: Progress
) -> Sequence[Path]:
    """Draw all that was looked at, the chosen marked as such, where there is anything."""
    looked_at = [verdict.candidate.number for verdict in selection.verdicts]
    if not looked_at:
        return []
    chosen = [candidate.number for candidate in selection.chosen]
    return draw_map(map_of(consumer, looked_at, progress=shown), folder, world, consumer, chosen)
