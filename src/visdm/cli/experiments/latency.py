"""`visdm experiment latency`: what the market and its sandbox add to a computation."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from visdm.adapters.machine import MachineClock
from visdm.cli.frame import json_option, print_json
from visdm.demo.telling import Narrator
from visdm.experiments.latency import startup, trade, training

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = {
    "sandbox": "sandbox, Python and torch started",
    "packages": "packages fetched and opened, result looked at, encrypted, stored",
    "chain": "chain read, job settled",
}


@click.command("latency")
@click.option(
    "--jobs", type=click.IntRange(1), default=trade.RUNS, show_default=True, help="Whole jobs."
)
@click.option(
    "--trainings",
    type=click.IntRange(1),
    default=training.RUNS,
    show_default=True,
    help="Trainings inside and outside.",
)
@click.option(
    "--starts",
    type=click.IntRange(1),
    default=startup.RUNS,
    show_default=True,
    help="Trivial scripts inside and outside.",
)
@json_option
def experiment_latency(jobs: int, trainings: int, starts: int, *, as_json: bool) -> None:
    """Measure a job from funded to settled, and what the sandbox adds.

    Seconds are medians. What is compared runs in turns, so that whatever else the machine does
    slows both.
    """
    narrator = Narrator(Console(stderr=True), MachineClock().seconds)
    with narrator.step("startup", "Start scripts"):
        started = startup.measure(starts)
    with narrator.step("training", "Train inside and outside"):
        trained = training.measure(trainings)
    with narrator.step("trade", "Run jobs from funded to settled") as progress:
        traded = trade.measure(jobs, progress)
    if as_json:
        print_json(_document(started, trained, traded))
    else:
        _print(started, trained, traded)


def _document(
    started: startup.Startup, trained: training.Training, traded: trade.Trade
) -> dict[str, Any]:
    return {
        "startup": {**asdict(started), "added": started.added, "target": startup.TARGET},
        "training": {**asdict(trained), "ratio": trained.ratio, "target": training.TARGET},
        "trade": traded.to_json(),
    }


def _print(started: startup.Startup, trained: training.Training, traded: trade.Trade) -> None:
    console = Console()
    shown = Table(title="What the market adds", title_justify="left")
    for heading in ("what", "measured", "at most"):
        shown.add_column(heading, justify="left" if heading == "what" else "right")
    for row in _rows(started, trained, traded):
        shown.add_row(*row)
    console.print(shown)
    if not trained.same:
        console.print("The trainings did not all end in the same weights.")


def _rows(
    started: startup.Startup, trained: training.Training, traded: trade.Trade
) -> Iterator[tuple[str, str, str]]:
    yield "sandbox, over bare Python", f"{started.added:.3f} s", f"{startup.TARGET} s"
    yield "training inside : outside", f"{trained.ratio:.3f}", f"{training.TARGET}"
    beyond = f"{traded.beyond:.2f} s", f"{trade.TARGET:.0f} s"
    yield "from funded to settled, beyond the training", *beyond
    for name, text in PARTS.items():
        yield f"  {text}", f"{getattr(traded, name):.2f} s", ""
    yield "  (the training itself)", f"{traded.training:.2f} s", ""
