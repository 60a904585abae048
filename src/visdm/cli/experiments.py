"""`visdm experiment`: the paper's tables, measured again."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from visdm.adapters.machine import MachineClock
from visdm.cli.frame import json_option, print_json
from visdm.demo.telling import Narrator
from visdm.domain import paper
from visdm.experiments import storage
from visdm.experiments.gas import GasTable, Prices, measure


@click.group()
def experiment() -> None:
    """Measure one of the paper's tables or figures again."""


@experiment.command("gas")
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


@experiment.command("storage")
@click.option(
    "--mib", type=click.IntRange(1), default=256, show_default=True, help="To compare on."
)
@click.option("--gib", type=float, default=1.0, show_default=True, help="The dataset; 0 for none.")
@click.option("--work", type=click.Path(path_type=Path, exists=True), help="[default: temporary]")
@json_option
def experiment_storage(mib: int, gib: float, work: Path | None, *, as_json: bool) -> None:
    """Measure importing and encrypting against the bare work, and memory over a large dataset.

    Ratios are of speed: 1 is as fast as the bare work, on one core, over the same bytes.
    """
    narrator = Narrator(Console(stderr=True), MachineClock().seconds)
    with narrator.step("storage", "Import, encrypt, pack") as progress:
        table = storage.measure(mib, gib, work, progress)
    if as_json:
        print_json(table.to_json())
    else:
        _print_storage(table)


def _print_storage(table: storage.StorageTable) -> None:
    console = Console()
    shown = Table(title="Speed against the bare work", title_justify="left")
    for heading in ("what", "against", "seconds", "bare", "ratio", "at least"):
        left = heading in {"what", "against"}
        shown.add_column(heading, justify="left" if left else "right")
    for row in table.ratios:
        least = f"{row.target:.2f}" if row.target else ""
        times = f"{row.ours:.3f}", f"{row.bare:.3f}", f"{row.ratio:.2f}"
        shown.add_row(row.name, row.against, *times, least)
    console.print(shown)
    if large := table.large:
        limit = storage.MEMORY_LIMIT >> 20
        console.print(
            f"{large.images} images, {large.size:,} bytes, packaged, encrypted and imported in one "
            f"pass: {large.seconds:.0f} s, {large.memory >> 20} MiB at most (target {limit})",
            highlight=False,
        )


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
