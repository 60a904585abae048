"""`visdm earnings`: what accounts earned, and taking it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from visdm.cli.frame import (
    address_named,
    home_option,
    json_option,
    market,
    print_fields,
    print_json,
)
from visdm.demo import place
from visdm.demo.summary import money

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def earnings() -> None:
    """See what an account earned, and take it out."""


@earnings.command("show")
@click.argument("name", metavar="ACCOUNT")
@home_option
@json_option
def earnings_show(name: str, home: Path, *, as_json: bool) -> None:
    """Show what ACCOUNT's assets earned and what it can withdraw."""
    with market(home) as world:
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
    print_fields(fields, as_json=as_json, amounts=amounts)


@earnings.command("withdraw")
@click.argument("name", metavar="ACCOUNT")
@click.option("--to", metavar="ACCOUNT", help="Who receives it.  [default: ACCOUNT]")
@home_option
@json_option
def earnings_withdraw(name: str, to: str | None, home: Path, *, as_json: bool) -> None:
    """Take out all that ACCOUNT can claim: rewards, fees, the change of fee caps."""
    with market(home) as world:
        chain = world.chain(name)
        receiver = address_named(world, to) if to else world.address(name)
        amount = chain.withdraw(receiver) if chain.claimable(world.address(name)) else 0
    if as_json:
        print_json({"account": name, "withdrawn": amount})
    else:
        click.echo(f"{name} withdraws {money(amount)}" + (f" to {to}" if to else ""))
