"""`visdm demand`: what consumers look for and pay for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from visdm.cli.frame import (
    Duration,
    consumer_option,
    home_option,
    json_option,
    market,
    price,
    print_fields,
    print_json,
    print_rows,
    progress,
    refuse_options_before,
)
from visdm.demo import place
from visdm.demo.summary import money
from visdm.domain.demand import Demand, Wanted
from visdm.domain.rounds import Task
from visdm.services.demand import demand as demand_of

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN = "(unknown)"
TASKS = [task.name.lower() for task in Task]


@click.group(invoke_without_command=True)
@click.option("--since", type=Duration(), metavar="30d", help="How far back.  [default: always]")
@click.option("--top", type=click.IntRange(1), default=30, show_default=True, help="Rows at most.")
@home_option
@json_option
@click.pass_context
def demand(
    context: click.Context, since: int | None, top: int, home: Path, *, as_json: bool
) -> None:
    """Show which classes are sought, asked for and paid for, and where supply is thin.

    Ordered by what was paid, then by how many accounts asked for a price, then by how many
    searched: a search costs next to nothing, and anybody can send many.
    """
    if context.invoked_subcommand is not None:
        refuse_options_before(context.invoked_subcommand)
        return
    with market(home) as world, progress("reading the market") as shown:
        chain = world.chain(place.OPERATOR)
        start = 0 if since is None else max(0, chain.now() - since)
        found = demand_of(chain, world.store, start, shown)
    if as_json:
        print_json([_fields(each) for each in found[:top]])
        return
    print_rows([_row(each) for each in found[:top]], as_json=False)
    if len(found) > top:
        click.echo(f"and {len(found) - top} more; see --top")


@demand.command("ask")
@click.option("--classes", required=True, metavar="A,B", help="The classes, as cat,dog.")
@click.option("--samples", type=click.IntRange(1), help="How many images in all.")
@click.option("--price", "bid", metavar="PRICE", help="What you would pay a sample, as 0.05.")
@click.option("--task", type=click.Choice(TASKS), default=TASKS[0], show_default=True)
@click.option("--condition", multiple=True, metavar="TEXT", help="Any further one; repeatable.")
@consumer_option
@home_option
@json_option
def demand_ask(  # one parameter per option
    classes: str,
    samples: int | None,
    bid: str | None,
    task: str,
    condition: tuple[str, ...],
    actor: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Say publicly which data you look for. It binds nobody, and stays on the chain for good."""
    wanted = Wanted(
        classes=tuple(classes.split(",")),
        samples=samples or 0,
        price=price(bid) if bid else 0,
        task=Task[task.upper()],
        conditions=condition,
    )
    with market(home) as world:
        text = world.consumer(actor).seek(wanted)
    print_fields({"account": actor, "sought": text}, as_json=as_json)


def _fields(found: Demand) -> dict[str, Any]:
    fields = {"class" if key == "name" else key: value for key, value in vars(found).items()}
    return {
        **fields,
        "task": found.task.name.lower(),
        "price": found.price,
        "supply": found.supply,
    }


def _row(found: Demand) -> dict[str, Any]:
    """Return a row for people: money first."""
    wanted = str(found.wanted) if found.wanted else "-"
    bid = f" at {_amount(found.bid)}" if found.bid else ""
    name = UNKNOWN if found.name is None else found.name
    return {
        "class": name if found.task is Task.TRAIN else f"{name}, to {found.task.name.lower()}",
        "paid": _amount(found.amount),
        "samples": found.samples,
        "each": _amount(round(found.price)) if found.samples else "-",
        "rounds": f"{found.rounds} by {found.consumers}",
        "searches": f"{found.searches} by {found.seekers}",
        "wanted": wanted + bid,
        "on offer": f"{found.on_offer}: {found.supply}",
    }


def _amount(units: int) -> str:
    return money(units).partition(" ")[0]
