"""Running a provider: puts its parts together, heeds signals, and ends in order.

The first signal to end lets what runs have its time and begins nothing more; then the sandboxes are
ended. A second one ends at once. Neither loses anything: the next start goes on from the chain.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, TextIO

from visdm import __version__
from visdm.adapters.jobtable import SqliteJobTable, read_job_table
from visdm.adapters.machine import MachineClock
from visdm.adapters.running import (
    Place,
    Threads,
    Watched,
    end_children,
    end_leftovers,
    machine,
    one_at_a_time,
)
from visdm.adapters.sandboxes import log_of
from visdm.domain.errands import Resources
from visdm.errors import InputError
from visdm.ports import Level, Limits
from visdm.services.following import Following

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType, ModuleType

    from visdm.adapters.telemetry import Board
    from visdm.domain.errands import Errand
    from visdm.ports import Chain
    from visdm.services.provider import ComputeProvider
    from visdm.wiring import World

TURN = 1.0
"""Seconds that a turn waits at most."""

ENDING = 15.0
"""Seconds that ended sandboxes get to be cleared away."""

FOLDER = "provider"
"""Where a provider keeps its table, its lock and its logs, in its account's private folder."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Settings:
    """What a provider lends and how it behaves; None is what the machine has.

    `memory` and `job_memory` are in bytes, `grace` in seconds; `kept_logs` counts jobs.
    """

    memory: int | None = None
    cores: int | None = None
    jobs: int | None = None
    job_memory: int | None = None
    threads: int = 1
    grace: float = 30.0
    kept_logs: int = 20
    patience: float = 60.0

    @property
    def limits(self) -> Limits:
        """Return what one computation may take: no more than is lent to all, unless told so."""
        lent = self.memory or machine(1).memory
        return Limits(memory=self.job_memory or min(Limits().memory, lent))

    def resources(self) -> Resources:
        """Return what is lent. Raises `InputError` where not one job fits into it."""
        each = self.limits.memory
        has = machine(each)
        memory, cores = self.memory or has.memory, self.cores or has.cores
        if each > memory:
            raise InputError(
                f"a job may take {each >> 20} MiB, more than the {memory >> 20} MiB that are "
                "lent to all",
                hint="lend more with --memory, or allow a job less with --job-memory",
            )
        fit = max(1, min(memory // each, cores // self.threads))
        return Resources(memory, cores, self.jobs or fit)


@dataclass(frozen=True)
class Log:
    """How events are written: `style` is text or json, `level` the least that is."""

    style: str
    level: str
    stream: TextIO

    def board(self, sandbox: str, patience: float) -> Board:
        """Return what is told how a provider does."""
        telemetry = _telemetry()
        journal = telemetry.Journal(self.stream, telemetry.Style(self.style), Level(self.level))
        board: Board = telemetry.Board(journal, telemetry.Metrics(__version__, sandbox), patience)
        return board


class Signals:
    """Counts the signals to end; the second one ends this process at once."""

    def __init__(self) -> None:
        self.count = 0
        self.threads: Threads | None = None

    def heed(self, number: int, _: FrameType | None) -> None:
        """Heed one."""
        self.count += 1
        if self.count > 1:
            end_children()
            os._exit(128 + number)
        if self.threads is not None:
            self.threads.wake()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Heed them while the block lasts."""
        before = {number: signal.signal(number, self.heed) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass
class Running:
    """A provider in this process."""

    settings: Settings
    board: Board
    following: Following
    sandbox: Watched
    threads: Threads
    _ends_at: float = field(default=float("inf"))

    def run(self, signals: Signals) -> None:
        """Turn until told to stop and all has ended, or until the grace is over."""
        signals.threads = self.threads
        clock, ended = MachineClock(), False
        self.following.take_up()
        while not self.following.stopping or self.following.busy:
            if signals.count and not self.following.stopping:
                self.following.stop()
                self._ends_at = clock.seconds() + self.settings.grace
                self.board.tell(Level.INFO, "stops", grace=self.settings.grace)
                continue
            self.following.turn(TURN)
            if clock.seconds() > self._ends_at + ENDING:
                self.board.tell(Level.WARNING, "leaves what does not end to the next start")
                return
            if clock.seconds() > self._ends_at and not ended:
                ended = True
                self.sandbox.stop()
                end_children()
        self.board.tell(Level.INFO, "stopped")


@contextmanager
def alone(private: Path) -> Iterator[None]:
    """Be the only provider that runs for the account with this private folder.

    Raises `InputError` where there is another.
    """
    with Place(private / FOLDER).held():
        yield


def listening(text: str) -> tuple[str, int]:
    """Read where to listen. Raises `InputError` where that is not on loopback."""
    where: tuple[str, int] = _telemetry().address(text)
    return where


def run(world: World, name: str, settings: Settings, log: Log, where: tuple[str, int]) -> None:
    """Run the provider `name` until a signal ends it. The caller is `alone` meanwhile."""
    signals = Signals()
    with signals.heeded():
        # Before anything is wiped: as long as a process of a killed job lives, it may write.
        scratch = world.scratch_of(name)
        left = end_leftovers(scratch) if scratch.exists() else 0
        provider = world.provider(name, settings.limits)
        board = log.board(provider.sandbox.name, settings.patience)
        place = Place(world.private(name) / FOLDER)
        with _telemetry().served(board, where) as listens:
            running = assembled(provider, world.another_view(name), place, settings, board)
            lent = vars(running.following.resources)
            said = {"account": provider.chain.account, "listens": listens, **lent}
            board.tell(Level.INFO, "starts", version=__version__, left_processes=left, **said)
            place.say_live(listens=listens)
            running.run(signals)


def assembled(
    provider: ComputeProvider, chain: Chain, place: Place, settings: Settings, board: Board
) -> Running:
    """Put a provider together that works in threads; `chain` is the loop's own view."""
    sandbox = Watched(provider.sandbox, place.logs, settings.kept_logs, log_of, board.took)
    computing = replace(
        provider,
        chain=one_at_a_time(provider.chain, board.took),
        sandbox=sandbox,
        threads=settings.threads,
    )
    threads = Threads()
    following = Following(
        computing,
        chain,
        SqliteJobTable(place.table),
        threads,
        MachineClock(),
        random.SystemRandom().random,
        board,
        settings.resources(),
    )
    return Running(settings, board, following, sandbox, threads)


def status(private: Path) -> dict[str, Any]:
    """Say how the provider with this private folder does, from its table and from itself."""
    place, now = Place(private / FOLDER), MachineClock().seconds()
    live = place.live()
    health = _telemetry().ask(str(live["listens"])) if live else {}
    rows = [errand for errand, _ in read_job_table(place.table)]
    running = health.get("running", [])
    return {
        "runs": bool(health),
        **({"process": live["pid"], "listens": live["listens"]} if health else {}),
        "health": health.get("parts", "no provider runs"),
        "lent": {part: health[part] for part in ("jobs", "cores", "memory") if part in health},
        "running": {row.key: _progress(row) for row in rows if row.key in running},
        "waiting": {
            row.key: _waits(row, now)
            for row in rows
            if not row.standing.is_end and row.key not in running
        },
        "ended": dict(Counter(str(row.standing) for row in rows if row.standing.is_end)),
        "failed": {row.key: row.reason for row in rows if row.reason and row.attempts},
    }


def _progress(errand: Errand) -> str:
    return f"{errand.done} of {errand.total}" if errand.total else "begun"


def _waits(errand: Errand, now: float) -> str:
    if errand.next_try <= now:
        return "for its turn"
    return f"attempt {errand.attempts + 1} in {errand.next_try - now:.0f} s"


def _telemetry() -> ModuleType:
    """Return the adapter, which needs what the extra brings. Raises `InputError` without it."""
    try:
        return import_module("visdm.adapters.telemetry")
    except ModuleNotFoundError as error:
        raise InputError(
            f"the package {error.name} is missing", hint="pip install 'visdm[provider]'"
        ) from None
