"""Following the chain: what a provider does from its start to its end, by itself.

Each turn asks the chain what there is to do, begins what fits into the provider's resources, and
takes in what has ended. What an attempt came to is read from the chain and never taken from the
attempt: a killed one, a stuck transaction and another process's work look the same.

A fault of a stranger ends a job at once, in a refund with a public reason. A fault of the world is
tried again, with growing pauses, until the job's deadline; then the money goes back.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from visdm.domain.errands import (
    Errand,
    Need,
    Resources,
    Standing,
    admitted,
    of_assets,
    of_jobs,
    pause,
    reconciled,
    taken_up,
)
from visdm.errors import BlobError, OutputError, VisdmError
from visdm.ports import Level, Turn
from visdm.services.attempts import Attempt, sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.ports import Chain, Clock, Ended, JobTable, Telemetry, Workers
    from visdm.services.provider import ComputeProvider

LOOK_AGAIN = 30.0
"""Seconds after which the chain is read again although its head has not moved."""

PROBE_AGAIN = 30.0
"""Seconds between looks at the store; while it does not answer, a few."""

PROBE_SOON = 3.0
SWEEP_AGAIN = 60.0
PROBE, SWEEP = "probe", "sweep "
PROBED = b"ViSDM: is this store there?\n"


@dataclass
class Following:
    """A provider that follows the chain.

    `chain` is the loop's own view of it, which no worker's transaction keeps waiting; `chance`
    returns numbers from [0, 1).
    """

    provider: ComputeProvider
    chain: Chain
    table: JobTable
    workers: Workers
    clock: Clock
    chance: Callable[[], float]
    telemetry: Telemetry
    resources: Resources
    stopping: bool = False
    _running: dict[str, Need] = field(default_factory=dict)
    _progress: dict[str, tuple[int, int]] = field(default_factory=dict)
    _head: int = -1
    _moved: float = 0.0
    _look_at: float = 0.0
    _failures: int = 0
    _faults: dict[str, str] = field(default_factory=dict)
    _ended: list[Ended] = field(default_factory=list)
    _probe_at: float = 0.0
    _sweep_at: float = 0.0

    def stop(self) -> None:
        """Begin nothing more."""
        self.stopping = True

    @property
    def busy(self) -> bool:
        """Whether anything runs."""
        return bool(self._running)

    def take_up(self) -> None:
        """Take up the table where an earlier process left it."""
        left = self.table.errands(ended=False)
        self.table.keep([taken_up(errand) for errand in left])
        for errand in left:
            if errand.standing is Standing.RUNNING:
                self.telemetry.tell(Level.INFO, "was cut off", errand=errand.key)

    def turn(self, patience: float) -> None:
        """Wait for what ends, look at the chain, begin what can begin.

        A table that cannot be written ends nothing that runs, and lets nothing begin.
        """
        self._ended += self.workers.wait(patience)
        now = self.clock.seconds()
        try:
            while self._ended:
                self._take(self._ended[0])
                del self._ended[0]
            if self._look(now) and not self.stopping:
                self._begin(now)
            self._note_progress()
        except OutputError as fault:
            self._note_fault("table", fault.message)
        else:
            self._note_fault("table", "")
        self._tell_turn(now)

    # What has ended

    def _take(self, ended: Ended) -> None:
        self._running.pop(ended.key, None)
        self._progress.pop(ended.key, None)
        if ended.key == PROBE:
            self._note_fault("store", _said(ended))
            soon = PROBE_SOON if _said(ended) else PROBE_AGAIN
            self._probe_at = self.clock.seconds() + soon
        elif ended.key.startswith(SWEEP):
            self._sweep_at = self.clock.seconds() + SWEEP_AGAIN
        else:
            self._end(ended)

    def _end(self, ended: Ended) -> None:
        """Let an errand wait for what the chain says of it, and for its next attempt."""
        self._look_at = 0.0
        errand = self._known().get(ended.key)
        if errand is None:  # the table was deleted
            return
        said = _said(ended)
        if said and self.stopping:
            self.table.keep([taken_up(errand)])
            self.telemetry.ended(errand.what, "interrupted", ended.seconds)
            self.telemetry.tell(Level.INFO, "interrupted", errand=errand.key)
            return
        wait = pause(errand.attempts, self.chance())
        again = replace(
            taken_up(errand),
            next_try=self.clock.seconds() + wait,
            reason=said if said and not errand.doomed else errand.reason,
        )
        self.table.keep([again])
        self.telemetry.ended(errand.what, "failed" if said else "done", ended.seconds)
        spent: dict[str, str | float] = {"errand": errand.key, "attempt": errand.attempts}
        spent["seconds"] = round(ended.seconds, 3)
        if said:
            self._probe_at = 0.0
            level = Level.ERROR if ended.crash else Level.WARNING
            self.telemetry.tell(level, "failed", **spent, why=said, again_in=round(wait, 1))
        else:
            self.telemetry.tell(Level.INFO, "done", **spent)

    # What the chain says

    def _look(self, now: float) -> bool:
        """Read the chain where it moved; return whether it answers."""
        if "chain" in self._faults and now < self._look_at:
            return False
        try:
            head = self.chain.now()
            if head != self._head:
                self._head, self._moved, self._look_at = head, now, 0.0
            if now >= self._look_at:
                self._reconcile()
                self._look_at = now + LOOK_AGAIN
        except OutputError:
            raise
        except VisdmError as fault:
            return self._look_failed(now, fault.message)
        except Exception as error:  # noqa: BLE001  # a provider that ends for it would do no better
            return self._look_failed(now, f"{type(error).__name__} while reading it")
        self._failures = 0
        self._note_fault("chain", "")
        return True

    def _look_failed(self, now: float, said: str) -> bool:
        self._failures += 1
        self._look_at = now + min(pause(self._failures, self.chance()), LOOK_AGAIN)
        self._note_fault("chain", said)
        return False

    def _known(self) -> dict[str, Errand]:
        """Return all errands; what is said to run and does not, waits."""
        return {
            errand.key: errand
            if errand.standing is not Standing.RUNNING or errand.key in self._running
            else taken_up(errand)
            for errand in self.table.errands()
        }

    def _reconcile(self) -> None:
        mine = {p.index for p in self.chain.providers() if p.account == self.chain.account}
        rounds = self.chain.rounds()
        jobs = [job for round_, job in self.chain.jobs().items() if rounds[round_].provider in mine]
        found = [*of_assets(self.chain.assets(), mine), *of_jobs(jobs, self._head)]
        known = self._known()
        changes = reconciled(known, found)
        self.table.keep(changes)
        for errand in changes:
            old = known.get(errand.key)
            if old is None and errand.standing is Standing.WAITING:
                self.telemetry.tell(Level.INFO, "waits", errand=errand.key)
            elif old is not None and errand.standing is not old.standing:
                self._tell_standing(errand)

    def _tell_standing(self, errand: Errand) -> None:
        said = {"reason": errand.reason} if errand.reason else {}
        self.telemetry.tell(Level.INFO, str(errand.standing), errand=errand.key, **said)
        if errand.standing.is_end:
            self.telemetry.ended(errand.what, str(errand.standing), 0.0)

    # What begins

    def _begin(self, now: float) -> None:
        waiting = [(errand, self._need(errand)) for errand in self._waiting()]
        for errand in admitted(waiting, self._running, self.resources, now):
            self._begin_errand(errand)
        if now >= self._probe_at and PROBE not in self._running:
            self._start(PROBE, Need(), self._probe)
        if now >= self._sweep_at:
            self._begin_sweeping()

    def _begin_errand(self, errand: Errand) -> None:
        # Counted as it begins: what a killed attempt stored must not pass for the next one's.
        begun = replace(errand, standing=Standing.RUNNING, attempts=errand.attempts + 1)
        self.table.keep([begun])
        attempt = Attempt(self.provider, self.table, begun, partial(self._hear_progress, begun.key))
        self._start(begun.key, self._need(begun), attempt)
        self.telemetry.tell(Level.INFO, "begins", errand=begun.key, attempt=begun.attempts)

    def _waiting(self) -> list[Errand]:
        left = self.table.errands(ended=False)
        return [errand for errand in left if errand.key not in self._running]

    def _need(self, errand: Errand) -> Need:
        if errand.light or errand.doomed or errand.report:
            return Need()
        return Need(self.provider.limits.memory, self.provider.threads)

    def _start(self, key: str, need: Need, work: Callable[[], None]) -> None:
        self._running[key] = need
        self.workers.begin(key, work)

    def _begin_sweeping(self) -> None:
        """Sweep up after attempts that were killed between a job's end and their own."""
        notes = self.table.noted()
        if not notes:
            return
        for errand in self.table.errands():
            key = SWEEP + errand.key
            ended = errand.key in notes and errand.standing.is_end
            if ended and key not in self._running:
                self._start(key, Need(), partial(sweep, self.provider, self.table, errand))

    def _probe(self) -> None:
        """Write and read a few bytes. Raises what is wrong with the store."""
        store = self.provider.store
        cid = store.write(PROBED)
        if store.read(cid) != PROBED:
            raise BlobError(cid, "is not what was stored")

    # Who is told

    def _hear_progress(self, key: str, done: int, total: int) -> None:
        self._progress[key] = (done, total)

    def _note_progress(self) -> None:
        if not self._progress:
            return
        heard = dict(self._progress)
        left = self.table.errands(ended=False)
        news = [
            replace(errand, done=heard[errand.key][0], total=heard[errand.key][1])
            for errand in left
            if errand.key in heard and heard[errand.key] != (errand.done, errand.total)
        ]
        self.table.keep(news)

    def _note_fault(self, what: str, said: str) -> None:
        before = self._faults.pop(what, "")
        if said:
            self._faults[what] = said
        if said and said != before:
            self.telemetry.tell(Level.WARNING, f"the {what} does not answer", why=said)
        elif before and not said:
            self.telemetry.tell(Level.INFO, f"the {what} answers again")

    def _tell_turn(self, now: float) -> None:
        left: list[Errand] = []
        try:
            left = self._waiting()
        except OutputError as fault:  # to be told, and to end nothing that runs
            self._note_fault("table", fault.message)
        self.telemetry.turned(
            Turn(
                faults=dict(self._faults),
                head=self._head,
                stalled=now - self._moved,
                waiting=len(left),
                pausing=sum(errand.next_try > now for errand in left),
                running={k: n for k, n in self._running.items() if k != PROBE},
                resources=self.resources,
            )
        )


def _said(ended: Ended) -> str:
    """Say what went wrong: in our own words, or by its type alone where nobody foresaw it."""
    if ended.fault is not None:
        return ended.fault.message
    return f"{ended.crash}: a fault in the program" if ended.crash else ""
