"""`visdm devnet`: what only a chain on one's own machine can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from visdm.cli.frame import Duration, address_named, home_option, market
from visdm.cli.frame import tokens as units
from visdm.demo import place
from visdm.demo.summary import money

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def devnet() -> None:
    """Handle the embedded chain of a market."""


@devnet.command("endow")
@click.argument("name", metavar="ACCOUNT")
@click.option("--tokens", default="1000", show_default=True, metavar="AMOUNT", help="Play money.")
@home_option
def devnet_endow(name: str, tokens: str, home: Path) -> None:
    """Give ACCOUNT, or an address, play money and what its transactions cost."""
    amount = units(tokens)
    with market(home) as world:
        address = address_named(world, name)
        world.endow(address)
        world.chain(place.OPERATOR).transfer(address, amount)
    click.echo(f"{name} has {money(amount)} more, and ether for its transactions")


@devnet.command("advance")
@click.argument("duration", type=Duration())
@home_option
def devnet_advance(duration: int, home: Path) -> None:
    """Let the chain's clock go ahead by DURATION (as 90s, 30m, 12h or 2d): deadlines pass."""
    with market(home) as world:
        chain = world.chain(place.OPERATOR)
        world.travel(chain.now() + duration)
        now = chain.now()
    click.echo(f"the chain's clock is at {now}")
