"""`visdm provider`: describe what is sent, compute what is paid, as a daemon or once."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from visdm import running
from visdm.adapters.machine import MachineClock
from visdm.cli.frame import (
    Duration,
    as_option,
    home_option,
    json_option,
    market,
    plain,
    print_fields,
)
from visdm.cli.walls import sandbox_option
from visdm.demo import place
from visdm.demo.telling import Narrator
from visdm.errors import ChainError, JobError, UnknownError, VisdmError
from visdm.ports import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from visdm.ports import Sandbox
    from visdm.wiring import World

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Memory(click.ParamType[int]):
    """Bytes, written as 512M or 8G."""

    name = "memory"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the bytes."""
        if isinstance(value, int):
            return value
        written = re.fullmatch(r"(\d{1,6})([KMGT])", str(value))
        if not written or not int(written[1]):
            self.fail(f"{value!r} is no amount of memory; write 512M or 8G", param, ctx)
        return int(written[1]) * UNITS[written[2]]


@click.group()
def provider() -> None:
    """Act as a compute provider."""


def lent(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what a provider lends."""
    options = (
        click.option("--memory", type=Memory(), help="Lent to all jobs.  [default: 3/4 of it]"),
        click.option("--cores", type=click.IntRange(1), help="Lent to all jobs.  [default: all]"),
        click.option(
            "--jobs", type=click.IntRange(1), help="At once.  [default: as many as fit into both]"
        ),
        click.option(
            "--job-memory",
            type=Memory(),
            help="What one job may take.  [default: 4G, or all if less is lent]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def told(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how a provider tells how it does."""
    options = (
        click.option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="How events are written to standard error.",
        ),
        click.option(
            "--log-level",
            type=click.Choice([str(level) for level in Level]),
            default=str(Level.INFO),
            show_default=True,
        ),
        click.option(
            "--listen",
            default="127.0.0.1:0",
            show_default=True,
            metavar="ADDRESS",
            help="Where /health and /metrics are, on loopback; port 0 is any.",
        ),
        click.option(
            "--keep-logs",
            type=click.IntRange(0),
            default=20,
            show_default=True,
            help="Logs of computations that are kept; they are private, and may show data.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@provider.command("run")
@click.option("--once", is_flag=True, help="Do what waits, then end.")
@sandbox_option
@lent
@click.option(
    "--grace",
    type=Duration(),
    default="30s",
    show_default=True,
    help="What running jobs get to end after SIGTERM.",
)
@told
@as_option
@home_option
def provider_run(actor: str, home: Path, *, once: bool, sandbox: Sandbox, **options: Any) -> None:  # noqa: ANN401  # what click read, by name
    """Follow the market: describe assets, compute jobs, settle them, until told to stop.

    A job that cannot be computed is given up: its consumer has the money back at once. What the
    world is at fault for is tried again until the job's deadline.
    """
    settings = running.Settings(
        memory=options["memory"],
        cores=options["cores"],
        jobs=options["jobs"],
        job_memory=options["job_memory"],
        grace=options["grace"],
        kept_logs=options["keep_logs"],
    )
    settings.resources()
    log = running.Log(options["log_format"], options["log_level"], sys.stderr)
    where = running.listening(options["listen"])
    with market(home, sandbox=sandbox) as world, running.alone(world.private(actor)):
        if once:
            run_once(world, actor, settings)
            return
        if not world.served:
            raise ChainError(
                f"{home}: its chain is served by nobody, so no other command could reach it",
                hint="run `visdm devnet run` beside this, or do what waits with --once",
            )
        running.run(world, actor, settings, log, where)


def run_once(world: World, actor: str, settings: running.Settings) -> None:
    """Do what waits, then end."""
    narrator = Narrator(Console(stderr=True), MachineClock().seconds)
    computing = world.provider(actor, settings.limits)
    faults: list[VisdmError] = []
    for asset in computing.undescribed():
        with (
            _noting(faults, f"asset {asset.asset}"),
            narrator.step("describe", f"Describe asset {asset.asset}") as progress,
        ):
            computing.describe(asset, progress)
    for found in computing.pending_jobs():
        with _noting(faults, found):
            try:
                with narrator.step("compute", f"Compute job {found[:10]}") as progress:
                    computing.run(found, progress)
            except JobError as error:
                computing.give_up(found)
                click.echo(f"{found} is given up: {error.reason}")
            else:
                click.echo(f"{found} is settled")
    for found in computing.unpaid_jobs():
        with _noting(faults, found):
            computing.chain.pay(found)
            click.echo(f"{found} is paid out")
    if faults:
        raise faults[0]


@contextmanager
def _noting(faults: list[VisdmError], what: str) -> Iterator[None]:
    """Let one errand's fault keep no other waiting; what went wrong is told at once."""
    try:
        yield
    except VisdmError as fault:
        faults.append(fault)
        click.echo(plain(f"{what}: {fault.message}"), err=True)


@provider.command("status")
@as_option
@home_option
@json_option
def provider_status(actor: str, home: Path, *, as_json: bool) -> None:
    """Show how a provider does: its health, what runs and waits, what failed last.

    Reads its job table and asks it itself; the chain is not asked.
    """
    place.recorded(home)
    private = home / "world" / "accounts" / actor
    if not private.exists():
        raise UnknownError("provider", actor, hint="see `visdm account list`")
    print_fields(running.status(private), as_json=as_json)
