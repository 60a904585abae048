"""Showing the story on a terminal, or as plain lines where there is none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from visdm.demo.summary import UNIT, Summary, money
from visdm.domain.paper import GAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from visdm import ports

LABEL_WIDTH = 66


class Narrator:
    """A `Teller`: a line a step, what it found below, a bar while it takes long."""

    def __init__(self, console: Console, seconds: Callable[[], float]) -> None:
        self._console = console
        self._seconds = seconds
        self._steps = 0
        self._held: list[str] | None = None

    @contextmanager
    def step(self, name: str, text: str) -> Iterator[ports.Progress]:
        """Show that a step begins, its progress, and at the end its time."""
        self._steps += 1
        begun = self._seconds()
        if not self._console.is_terminal:
            self._console.print(f"[{name}] begins", markup=False, highlight=False)
        self._held = []
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
        )
        shown = Progress(
            *columns,
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        try:
            with shown:
                bar = shown.add_task(text, total=None)
                yield lambda done, total: shown.update(bar, completed=done, total=total)
            spent = f"{self._seconds() - begun:5.1f} s"
            line = f"{self._steps:2d}. {text}".ljust(LABEL_WIDTH) + spent
            self._console.print(line, style="bold", markup=False, highlight=False)
        finally:
            # What a step found is shown also when it fails: where the money went, say.
            held, self._held = self._held, None
            for found in held:
                self.say(found)

    def say(self, text: str) -> None:
        """Show what a step found, below its line."""
        if self._held is not None:
            self._held.append(text)
        else:
            self._console.print(f"    {text}", markup=False, highlight=False, soft_wrap=True)


def show(console: Console, summary: Summary) -> None:
    """Print rewards, the money check, gas and times."""
    console.print(_rewards(summary))
    tick = "=" if summary.balanced else "IS NOT"
    console.print(
        f"Money: in {money(summary.paid_in)} {tick} out {money(summary.paid_out)} "
        f"+ claimable {money(summary.claimable)}",
        style="bold" if summary.balanced else "bold red",
        highlight=False,
    )
    console.print(_gas(summary))
    times = ", ".join(f"{name} {spent:.1f}" for name, spent in summary.seconds.items())
    console.print(f"Seconds: {times}; {sum(summary.seconds.values()):.1f} in all")


def _rewards(summary: Summary) -> Table:
    table = Table(title=f"Rewards, in {UNIT}", title_justify="left")
    for heading in ("supplier", "samples", "asked a sample", "value", "reward"):
        table.add_column(heading, justify="left" if heading == "supplier" else "right")
    for line in summary.assets:
        table.add_row(
            line.supplier,
            str(line.samples),
            f"{_bare(line.least)} by {line.answer}",
            f"{line.value:.4f}",
            _bare(line.reward),
        )
    table.add_row("together", "", _bare(summary.unit_price), "1.0000", _bare(summary.price))
    noted = "; ".join(f"{line.supplier}: {line.note}" for line in summary.assets if line.note)
    table.caption, table.caption_justify = noted, "left"
    return table


def _bare(amount: int) -> str:
    return money(amount).removesuffix(f" {UNIT}")


def _gas(summary: Summary) -> Table:
    table = Table(title="Gas, from receipts", title_justify="left")
    for heading in ("operation", "gas", "paper", "of the paper's"):
        table.add_column(heading, justify="left" if heading == "operation" else "right")
    for operation, gas in summary.gas.items():
        paper = GAS.get(operation)
        table.add_row(
            operation.replace("_", " "),
            f"{gas:,}",
            f"{paper:,}" if paper else "",
            f"{gas / paper:.0%}" if paper else "",
        )
    return table
