"""`visdm devnet`: what only a chain on one's own machine can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from visdm.cli.frame import Duration, home_option, market
from visdm.demo import place

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def devnet() -> None:
    """Handle the embedded chain of a market."""


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
