"""What every command shares: options, the market it looks at, how it prints."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from eth_utils.address import to_checksum_address
from rich import progress as bars
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from visdm.cli.asking import own_accounts, with_own_accounts
from visdm.demo import place
from visdm.demo.summary import DECIMALS, money
from visdm.domain.rounds import REJECT, SILENT
from visdm.errors import UnknownError
from visdm.wiring import World, open_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from visdm.ports import Chain, Progress

HOME, NODE, CONFIRMATIONS = "visdm-demo", "visdm.node", "visdm.confirmations"
"""Where a market is by default; where a command's context has what its options say of a node."""

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def home_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a market, and the accounts of one's own that may act in it."""
    home = click.option(
        "--home",
        type=click.Path(path_type=Path),
        default=HOME,
        show_default=True,
        help="The market's folder: what `visdm demo --out` named.",
    )
    return home(node_option(confirmations_option(with_own_accounts(command))))


def _noted(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def note(ctx: click.Context, _: click.Parameter, value: object) -> None:
        ctx.meta[name] = value

    return note


node_option = click.option(
    "--node",
    envvar="VISDM_NODE",
    metavar="URL",
    callback=_noted(NODE),
    expose_value=False,
    help="The node that the market's chain is at, as http://127.0.0.1:8545.  [default: where the "
    "market was made]",
)

confirmations_option = click.option(
    "--confirmations",
    type=click.IntRange(0, 10_000),
    envvar="VISDM_CONFIRMATIONS",
    default=0,
    show_default=True,
    callback=_noted(CONFIRMATIONS),
    expose_value=False,
    help="Blocks that must follow at a node before what is in a block is believed.",
)


def node_named() -> str:
    """Return the node that the command at hand was told to use; '' where it was told none."""
    return str(click.get_current_context().meta.get(NODE) or "")


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
as_option = click.option(
    "--as", "actor", required=True, metavar="ACCOUNT", help="The account that acts."
)
consumer_option = click.option(
    "--as",
    "actor",
    default=place.CONSUMER,
    show_default=True,
    metavar="ACCOUNT",
    help="The account that acts.",
)
least_option = click.option("--least", metavar="PRICE", help="The least accepted a sample.")
reject_option = click.option("--reject", is_flag=True, help="Accept no price.")


def refuse_options_before(command: str) -> None:
    """Refuse options that were given to a group but not to its command, which would miss them.

    Raises `click.UsageError` naming the first.
    """
    context = click.get_current_context()
    group = context.command
    found = group.get_command(context, command) if isinstance(group, click.Group) else None
    taken = {parameter.name for parameter in found.params} if found else set()
    for parameter in group.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = parameter.opts[0]
            said = f"put {option} after" if name in taken else f"{option} is no option of"
            raise click.UsageError(f"{said} {command}")


class StartsOverError(click.Abort):
    """A command was interrupted that keeps nothing of what it did so far."""


@contextmanager
def starting_over() -> Iterator[None]:
    """Tell an interrupt here from one of a command that goes on where it was.

    Raises `StartsOverError`.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise StartsOverError from None


class Duration(click.ParamType[int]):
    """Seconds, written as 90s, 30m, 12h or 2d."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the seconds."""
        if isinstance(value, int):
            return value
        written = re.fullmatch(r"(\d{1,9})([smhd])", str(value))
        if not written or not int(written[1]):
            self.fail(f"{value!r} is no duration; write 90s, 30m, 12h or 2d", param, ctx)
        return int(written[1]) * SECONDS[written[2]]


@contextmanager
def market(home: Path, *, unsafe: bool = False) -> Iterator[World]:
    """Open the market that a demo left in `home`, at the node that it was made at or --node."""
    settings = place.recorded(home)
    node = node_named() or settings.node
    with open_world(
        home / "world",
        settings.seed,
        settings.names,
        node_url=node,
        confirmations=click.get_current_context().meta.get(CONFIRMATIONS, 0),
        stores=settings.stores,
        own=own_accounts(),
        unsafe=unsafe,
    ) as world:
        if not world.deployed:
            hint = "finish it with `visdm demo --out`"
            lost = "the node does not have it: name the one that does with --node"
            raise UnknownError("market", home, hint=lost if node else hint)
        yield world


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Yield what shows how far long work is: on a terminal only, and gone when it is done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with bars.Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as shown:
        bar = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(bar, completed=done, total=total or None)


def round_named(chain: Chain, text: str) -> str:
    """Return the id of the one round that begins so."""
    matching = [known for known in chain.rounds() if known.startswith(text)]
    if len(matching) != 1:
        raise UnknownError("round", text, hint="see `visdm round list`")
    return matching[0]


def answer(choice: int, ladder: Sequence[int]) -> str:
    """Say what a choice in a round means."""
    if choice == SILENT:
        return "silent"
    return "reject" if choice == REJECT else money(ladder[choice - 1])


def price(text: str) -> int:
    """Read a price a sample, as 0.05, into token units."""
    return place.parse_ladder(text)[0]


def tokens(text: str) -> int:
    """Read an amount of tokens, as 1000 or 0.5, into token units."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        raise click.UsageError(f"{text!r} is no amount; write 1000 or 0.5")
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(DECIMALS, "0"))


def least_accepted(least: str | None, *, reject: bool) -> int | None:
    """Return what --least or --reject says: token units, None for a rejection."""
    if (least is None) is not reject:
        raise click.UsageError("say either --least PRICE or --reject")
    return None if least is None else price(least)


def address_named(world: World, text: str) -> str:
    """Return the address of an account of this market, of a DAO by its name, or as written."""
    with suppress(UnknownError):
        return world.address(text)
    daos = [dao for dao in world.member(place.OPERATOR).daos.daos() if text in vars(dao).values()]
    if len(daos) == 1:
        return daos[0].address
    if re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        return str(to_checksum_address(text))
    raise UnknownError("account or DAO", text, hint=f"known here: {', '.join(world.names)}")


def print_json(value: object) -> None:
    """Print JSON."""
    click.echo(json.dumps(value, indent=1))


def print_rows(
    rows: Sequence[Mapping[str, Any]], *, as_json: bool, amounts: Sequence[str] = ()
) -> None:
    """Print a list as a table, or as JSON."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("none yet")
        return
    table = Table()
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows:
        # As text: what strangers wrote is no markup.
        table.add_row(*(Text(money(v) if k in amounts else plain(v)) for k, v in row.items()))
    Console().print(table)


def print_fields(fields: Mapping[str, Any], *, as_json: bool, amounts: Sequence[str] = ()) -> None:
    """Print one thing, a line per field, or as JSON."""
    if as_json:
        print_json(fields)
        return
    for name, value in fields.items():
        click.echo(f"{name:12} {money(value) if name in amounts else plain(value)}")


def plain(value: object) -> str:
    """Write a value for a terminal, which strangers' text must not command."""
    if isinstance(value, dict):
        lines = (f"  {plain(key):16} {plain(str(item))}" for key, item in value.items())
        return "\n".join(["", *lines])
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def seconds_left(by: int, now: int) -> str:
    """Say how long something is still possible."""
    return f"{by - now} s left" if by >= now else "over"
