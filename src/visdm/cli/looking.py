"""`visdm account` and `visdm asset`: look at a market."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from visdm.cli.frame import home_option, json_option, market, print_rows
from visdm.demo import place

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def account() -> None:
    """Look at the accounts of a market."""


@account.command("list")
@home_option
@json_option
def account_list(home: Path, *, as_json: bool) -> None:
    """List the accounts with what they hold and can withdraw."""
    with market(home) as world:
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
    print_rows(rows, as_json=as_json, amounts=("balance", "claimable"))
