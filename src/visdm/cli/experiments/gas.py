"""`visdm experiment gas`: Tables 2 and 3, measured again."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from visdm.adapters.machine import MachineClock
from visdm.cli.frame import json_option, print_json
from visdm.demo.telling import Narrator
from visdm.domain import paper
from visdm.experiments.gas import GasTable, Prices, measure


@click.command("gas")
@click.option("--node", default="", metavar="URL", help="[default: the embedded chain]")
@click.option("--gas-price", type=float, default=paper.GAS_PRICE_GWEI, show_default=True)
@click.option("--eth-usd", type=float, default=paper.ETH_USD, show_default=True)
@json_option
def experiment_gas(node: str, gas_price: float, eth_usd: float, *, as_json: bool) -> None:
    """Measure what each operation costs: Tables 2 and 3 and the totals of section 4.1.

    Plays trades on a market of its own and reads the receipts. --node takes a node that gives
    play ether away, as Anvil does. --gas-price is in gwei; the defaults are the paper's.
    """
    prices = Prices(gas_price, eth_usd)
    narrator = Narrator(Console(stderr=True), MachineClock().seconds)
    with narrator.step("gas", "Trade on a market of its own") as progress:
        table = measure(node, progress)
    if as_json:
        print_json(table.to_json(prices))
    else:
        _print(table, prices)


def _print(table: GasTable, prices: Prices) -> None:
    console = Console()
    title = f"Gas, from receipts of {table.node}; {prices.gwei:g} gwei, {prices.eth_usd:g} USD"
    shown = Table(title=title, title_justify="left")
    for heading in ("operation", "gas", "paper", "of the paper's", "at most", "ETH", "USD", ""):
        left = heading in {"operation", ""}
        shown.add_column(heading, justify="left" if left else "right")
    for figure in table.figures:
        shown.add_row(
            figure.operation,
            f"{figure.gas:,}",
            f"{figure.paper:,}" if figure.paper else "",
            f"{figure.gas / figure.paper:.0%}" if figure.paper else "",
            f"{figure.target:,}" if figure.target else "",
            f"{prices.eth(figure.gas):.6f}",
            f"{prices.usd(figure.gas):.2f}",
            figure.note,
        )
    shown.add_section()
    for name, gas in table.stakeholders.items():
        stated = paper.STAKEHOLDER_GAS[name]
        shown.add_row(
            f"all of a {name}",
            f"{gas:,}",
            f"{stated:,}",
            f"{gas / stated:.0%}",
            "",
            f"{prices.eth(gas):.6f}",
            f"{prices.usd(gas):.2f}",
            "as section 4.1 adds up",
        )
    console.print(shown)
