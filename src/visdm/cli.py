"""The command line: parse, call one function, print."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from visdm import __version__
from visdm.adapters.machine import MachineClock
from visdm.demo import place
from visdm.demo.story import tell
from visdm.demo.summary import money
from visdm.demo.telling import Narrator, show
from visdm.domain.assets import NO_RESERVE
from visdm.domain.documents import parse
from visdm.errors import BlobError, FolderError, UnknownError, VisdmError
from visdm.wiring import World, open_world

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from visdm.ports import BlobStore

USAGE_ERROR = 2
HOME = "visdm-demo"

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path),
    default=HOME,
    show_default=True,
    help="The market's folder: what `visdm demo --out` named.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="visdm")
def visdm() -> None:
    """Rent labelled images for AI training without ever handing them over."""


@visdm.command()
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
@click.option("--unsafe", is_flag=True, help="Run the model without a sandbox.")
@json_option
def demo(  # one parameter per option
    sources: tuple[Path, ...],
    suppliers: int | None,
    ladder: str,
    seed: int,
    out: Path,
    *,
    unsafe: bool,
    as_json: bool,
) -> None:
    """Play a whole trade: five suppliers, one provider, one consumer, real images.

    Everything runs on this machine: an embedded chain, an embedded store, play money.
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
    )
    # With --json the story goes to standard error, so that standard output is one object.
    console = Console(stderr=as_json)
    summary = tell(settings, out, Narrator(console, MachineClock().seconds), unsafe=unsafe)
    if as_json:
        _print_json(summary.to_json())
    else:
        show(console, summary)
        console.print(f"Pictures: {out / place.PAGE}", highlight=False, soft_wrap=True)


@visdm.group()
def account() -> None:
    """Look at the accounts of a market."""


@account.command("list")
@home_option
@json_option
def account_list(home: Path, *, as_json: bool) -> None:
    """List the accounts with what they hold and can withdraw."""
    with _world(home) as world:
        chain = world.chain(place.OPERATOR)
        rows = [
            {
                "account": name,
                "address": world.address(name),
                "balance": chain.balance(world.address(name)),
                "claimable": chain.claimable(world.address(name)),
            }
            for name in world.names
        ]
    _print_rows(rows, as_json=as_json, amounts=("balance", "claimable"))


@visdm.group()
def asset() -> None:
    """Look at the assets of a market."""


@asset.command("list")
@home_option
@json_option
def asset_list(home: Path, *, as_json: bool) -> None:
    """List all assets."""
    with _world(home) as world:
        rows = [
            {
                "asset": found.asset,
                "kind": found.kind.name.lower(),
                "owner": world.name(found.owner),
                "samples": found.samples,
                "state": found.state.name.lower(),
                "earned": world.chain(place.OPERATOR).credit(found.asset).earned,
            }
            for found in world.chain(place.OPERATOR).assets()
        ]
    _print_rows(rows, as_json=as_json, amounts=("earned",))


@asset.command("show")
@click.argument("number", type=int)
@home_option
@json_option
def asset_show(number: int, home: Path, *, as_json: bool) -> None:
    """Show one asset: its registration, its public metadata, what it earned."""
    with _world(home) as world:
        chain = world.chain(place.OPERATOR)
        found = next((a for a in chain.assets() if a.asset == number), None)
        if found is None:
            raise UnknownError("asset", number, hint="see `visdm asset list`")
        credit = chain.credit(number)
        fields = {
            **vars(found),
            "kind": found.kind.name.lower(),
            "state": found.state.name.lower(),
            "owner": world.name(found.owner),
            "reserve": None if found.reserve == NO_RESERVE else found.reserve,
            "earned": credit.earned,
            "jobs": credit.jobs,
        }
        if found.metadata:
            fields["description"] = _public(world.store, found.metadata)
    _print_fields(fields, as_json=as_json)


@visdm.group("round")
def round_() -> None:
    """Look at the price rounds of a market."""


@round_.command("list")
@home_option
@json_option
def round_list(home: Path, *, as_json: bool) -> None:
    """List all rounds with their outcome."""
    with _world(home) as world:
        chain = world.chain(place.OPERATOR)
        rows = []
        for number, terms in chain.rounds().items():
            outcome = chain.outcome(number)
            rows.append(
                {
                    "round": number,
                    "consumer": world.name(terms.consumer),
                    "assets": list(terms.assets),
                    "state": outcome.state.name.lower() if outcome else "open",
                    "price": outcome.price if outcome else 0,
                }
            )
    _print_rows(rows, as_json=as_json, amounts=("price",))


@visdm.group()
def job() -> None:
    """Look at the jobs of a market."""


@job.command("list")
@home_option
@json_option
def job_list(home: Path, *, as_json: bool) -> None:
    """List all jobs."""
    with _world(home) as world:
        rows = [
            {
                "round": number,
                "state": found.state.name.lower(),
                "price": found.price,
                "fee": found.fee,
                "report": found.report,
            }
            for number, found in world.chain(place.OPERATOR).jobs().items()
        ]
    _print_rows(rows, as_json=as_json, amounts=("price", "fee"))


@job.command("verify")
@click.argument("number", metavar="ROUND")
@home_option
@json_option
def job_verify(number: str, home: Path, *, as_json: bool) -> None:
    """Check a settled job's report against the chain. ROUND may be shortened.

    Exits with 1 when the report does not hold.
    """
    with _world(home) as world:
        consumer = world.consumer(place.CONSUMER)
        matching = [known for known in consumer.chain.rounds() if known.startswith(number)]
        if len(matching) != 1:
            raise UnknownError("round", number, hint="see `visdm round list`")
        problems = consumer.verify(matching[0])
    if as_json:
        _print_json({"round": matching[0], "holds": not problems, "problems": problems})
    else:
        click.echo("\n".join(problems) or "the report holds")
    if problems:
        raise click.exceptions.Exit(1)


@visdm.group()
def earnings() -> None:
    """Look at what accounts earned."""


@earnings.command("show")
@click.argument("name", metavar="ACCOUNT")
@home_option
@json_option
def earnings_show(name: str, home: Path, *, as_json: bool) -> None:
    """Show what ACCOUNT's assets earned and what it can withdraw."""
    with _world(home) as world:
        address, chain = world.address(name), world.chain(place.OPERATOR)
        owned = [found.asset for found in chain.assets() if found.owner == address]
        credits_ = {number: chain.credit(number) for number in owned}
        fields = {
            "account": name,
            "assets": owned,
            "earned": sum(credit.earned for credit in credits_.values()),
            "withdrawn": sum(credit.withdrawn for credit in credits_.values()),
            "claimable": chain.claimable(address),
            "balance": chain.balance(address),
        }
    amounts = ("earned", "withdrawn", "claimable", "balance")
    _print_fields(fields, as_json=as_json, amounts=amounts)


@contextmanager
def _world(home: Path) -> Iterator[World]:
    settings = place.recorded(home)
    with open_world(home / "world", settings.seed, settings.names) as world:
        if not world.deployed:
            raise UnknownError("market", home, hint="finish it with `visdm demo --out`")
        yield world


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=1))


def _print_rows(
    rows: Sequence[Mapping[str, Any]], *, as_json: bool, amounts: Sequence[str] = ()
) -> None:
    if as_json:
        _print_json(rows)
        return
    if not rows:
        click.echo("none yet")
        return
    table = Table()
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(money(v) if k in amounts else _plain(v) for k, v in row.items()))
    Console().print(table)


def _print_fields(fields: Mapping[str, Any], *, as_json: bool, amounts: Sequence[str] = ()) -> None:
    if as_json:
        _print_json(fields)
        return
    for name, value in fields.items():
        click.echo(f"{name:12} {money(value) if name in amounts else _plain(value)}")


def _public(store: BlobStore, cid: str) -> Any:  # noqa: ANN401  # JSON of any shape
    try:
        return parse(store.read(cid))
    except ValueError:
        raise BlobError(cid, "not a JSON document") from None


def _plain(value: object) -> str:
    """Write a value for a terminal, which strangers' text must not command."""
    if isinstance(value, dict):
        lines = (f"  {_plain(key):16} {_plain(str(item))}" for key, item in value.items())
        return "\n".join(["", *lines])
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def main() -> None:
    """Run the command line; errors become one line, a hint and an exit code."""
    try:
        # Without its standalone mode click returns the code of `Exit` instead of raising it.
        sys.exit(visdm(standalone_mode=False) or 0)
    except click.Abort:
        click.echo("error: interrupted", err=True)
        click.echo("hint: run it again; it goes on where it was", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE_ERROR)
    except VisdmError as error:
        click.echo(f"error: {error.message}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
