"""`visdm devnet`: what only a chain on one's own machine can do."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from visdm.cli.frame import Duration, address_named, home_option, market, node_named
from visdm.cli.frame import tokens as units
from visdm.demo import place
from visdm.demo.summary import money
from visdm.wiring import serve_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


@devnet.command("run")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="[default: any that is free]"
)
@home_option
def devnet_run(port: int, home: Path) -> None:
    """Serve the market's embedded chain on this machine until interrupted or terminated.

    While it runs, all commands with the same --home use it, at once if need be.
    """
    settings = place.recorded(home)
    if node_named() or settings.node:
        raise click.UsageError("the chain is at a node already: there is nothing to serve")
    serving = serve_world(home / "world", settings.seed, settings.names, port)
    with serving as server, _asked_to_end(server.stop):
        click.echo(f"the chain of {home} is at {server.url}; interrupt to end")
        server.run()
    click.echo("ended; the chain is in its folder")


@contextmanager
def _asked_to_end(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` for the signals that ask a program to end."""
    before = {
        number: signal.signal(number, lambda *_: stop())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
