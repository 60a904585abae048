"""`visdm sample`: choose a dataset from the market's metadata, and keep it in a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from visdm.cli.allowing import asked_by, terms_of
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
from visdm.demo import place
from visdm.demo.summary import money
from visdm.domain.candidates import LEAST_SHARE, MOST_COPIED, Criteria
from visdm.domain.conditions import Condition
from visdm.domain.datasets import LIMIT, Dataset, written
from visdm.domain.permissions import BY_DEFAULT
from visdm.domain.ranks import RANKS
from visdm.domain.rounds import MAX_ASSETS
from visdm.errors import FolderError, InputError, OutputError, VisdmError
from visdm.pictures.folder import require_extra
from visdm.services.mapping import map_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visdm.domain.candidates import Reason
    from visdm.domain.sampling import Selection, Verdict
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
        print_json(_as_json(selection, owners) | files)
    else:
        _print(selection, owners, done.kept)
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


def _said(reason: Reason) -> str:
    return reason.text.format(*map(money, reason.amounts))


def _as_json(selection: Selection, owners: dict[int, str]) -> dict[str, Any]:
    return {
        "dataset": [candidate.number for candidate in selection.chosen],
        "provider": selection.provider,
        "samples": selection.samples,
        "price": selection.price,
        "fee": selection.fee,
        "cost": selection.cost,
        "guarantee": selection.guarantee,
        "criteria": written(selection.criteria),
        "assets": [_row(verdict, owners) for verdict in selection.verdicts],
    }


def _row(verdict: Verdict, owners: dict[int, str]) -> dict[str, Any]:
    candidate, traits = verdict.candidate, verdict.candidate.traits
    return {
        "asset": candidate.number,
        "owner": owners[candidate.number],
        "provider": candidate.provider.index,
        "samples": candidate.asset.samples,
        "useful": round(verdict.useful, 1),
        "scores": {
            name: None if score is None else round(score, 3)
            for name, score in verdict.scores.items()
        },
        "fitting": [traits.fitting.least, traits.fitting.likely, traits.fitting.most],
        "distance": traits.distance,
        "table_read": traits.read,
        "copied": round(candidate.copied, 4),
        "copies": {str(number): images for number, images in candidate.metadata.copies.items()},
        "disclosure": str(candidate.metadata.disclosure),
        "permission": terms_of(candidate.asset),
        "reserve": candidate.asks,
        "earned": candidate.earned,
        "jobs": candidate.jobs,
        "in": bool(verdict.place),
        "place": verdict.place,
        "cost": verdict.cost,
        "why": _said(verdict.reason),
    }


def _print(selection: Selection, owners: dict[int, str], kept: Path | None) -> None:
    """Print a row per asset, those in the dataset first, why each is in or out, and the cost."""
    ranks = list(selection.criteria.ranks)
    conditions = bool(selection.criteria.where)
    # Most allow what all do: who does not shows.
    allows = any(v.candidate.asset.permission != BY_DEFAULT for v in selection.verdicts)
    headings = ["asset", "owner", "samples", *ranks, *(["fit"] if conditions else [])]
    table = Table()
    for heading in (*headings, "copies", "told", *(["allows"] if allows else []), "asks", "in"):
        table.add_column(heading, overflow="fold")
    ordered = sorted(selection.verdicts, key=lambda v: (not v.place, v.place))
    for verdict in ordered:
        table.add_row(
            *(
                Text(plain(cell))
                for cell in _cells(verdict, owners, ranks, conditions=conditions, allows=allows)
            )
        )
    Console().print(table)
    for verdict in ordered:
        click.echo(plain(f"{verdict.candidate.number}: {_said(verdict.reason)}"))
    if selection.chosen:
        _print_sum(selection, kept)


def _cells(
    verdict: Verdict,
    owners: dict[int, str],
    ranks: Sequence[str],
    *,
    conditions: bool,
    allows: bool,
) -> list[str]:
    candidate, fitting = verdict.candidate, verdict.candidate.traits.fitting
    fit = f"{fitting.likely:.0%}" if fitting.known else f"~{fitting.likely:.0%}"
    scores = [verdict.scores.get(name) for name in ranks]
    return [
        str(candidate.number),
        owners[candidate.number],
        str(candidate.asset.samples),
        *("" if score is None else f"{score:.2f}" for score in scores),
        *([fit] if conditions else []),
        f"{candidate.copied:.0%}",
        str(candidate.metadata.disclosure),
        *([candidate.asset.permission.allows.word] if allows else []),
        "-" if candidate.asks is None else money(candidate.asks),
        "yes" if verdict.place else "no",
    ]


def _print_sum(selection: Selection, kept: Path | None) -> None:
    many = len(selection.chosen)
    click.echo(f"{many} assets with {selection.samples:,} samples at provider {selection.provider}")
    if selection.cost is None:
        click.echo("cost: not known, since an owner set no reserve; offer a price with --at")
    else:
        each = money(selection.price or 0)
        fee = money(selection.fee)
        click.echo(f"cost: at most {money(selection.cost)}: {each} a sample, and a fee of {fee}")
    wanted = selection.criteria.samples
    if wanted is not None and selection.samples < wanted:
        click.echo(f"fewer samples than the {wanted:,} wanted: nothing else fits")
    click.echo(f"how good: {selection.guarantee}")
    if kept:
        click.echo(f"kept in {plain(str(kept))}; open a round: visdm round open --dataset FILE")
