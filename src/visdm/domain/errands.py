"""Errands: what a provider has to do, when it tries again, and what it begins next.

The chain says what there is to do; an errand is what the provider remembers of one thing of it.
Whatever is remembered may be lost: from the chain the same errands follow again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from visdm.domain.assets import State
from visdm.domain.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from visdm.domain.assets import Asset
    from visdm.domain.jobs import Job

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 300.0
"""Seconds before the second attempt, and at most before any."""

LIGHT_AT_ONCE = 4
"""Errands that compute nothing, which are done beside each other."""

OVERDUE = "its deadline has passed"
GONE = "it is not on the chain any more"


class What(StrEnum):
    """What an errand is about."""

    ASSET = "asset"
    JOB = "job"


class Standing(StrEnum):
    """How far an errand is. All but the first two are ends."""

    WAITING = "waiting"
    RUNNING = "running"
    DESCRIBED = "described"
    REFUSED = "refused"
    SETTLED = "settled"
    REFUNDED = "refunded"
    GIVEN_UP = "given up"

    @property
    def is_end(self) -> bool:
        """Whether nothing is left to do."""
        return self not in {Standing.WAITING, Standing.RUNNING}


@dataclass(frozen=True)
class Errand:
    """One asset to describe, or one job to bring to its end; `name` is its number or its round.

    `place` says which is older, `next_try` is in seconds of the monotonic clock. `reason` is
    public: why a job is refunded, or why the last attempt failed. A `doomed` job is to be
    refunded, not computed; `report` is the CID of a finished job's report that is to be settled;
    `light` says that nothing is left to be computed. `done` of `total` is its progress.
    """

    what: What
    name: str
    place: int = 0
    standing: Standing = Standing.WAITING
    attempts: int = 0
    next_try: float = 0.0
    reason: str = ""
    doomed: bool = False
    report: str = ""
    light: bool = False
    done: int = 0
    total: int = 0

    @property
    def key(self) -> str:
        """What it is called among errands."""
        return f"{self.what} {self.name}"


def of_assets(assets: Iterable[Asset], mine: Collection[int]) -> list[Errand]:
    """Return what the chain says of the assets sent to the providers `mine`, oldest first."""
    ends = {
        State.REGISTERED: Standing.WAITING,
        State.REFUSED: Standing.REFUSED,
        State.DESCRIBED: Standing.DESCRIBED,
    }
    return [
        Errand(
            What.ASSET,
            str(asset.asset),
            standing=ends.get(asset.state, _retired(asset)),
            reason=asset.refusal,
        )
        for asset in assets
        if asset.provider in mine
    ]


def _retired(asset: Asset) -> Standing:
    return Standing.DESCRIBED if asset.metadata else Standing.GIVEN_UP


def of_jobs(jobs: Iterable[Job], now: int) -> list[Errand]:
    """Return what the chain says of a provider's jobs, oldest first.

    One past its deadline is its consumer's to call back. A settled one waits until all its owners
    are credited.
    """
    return [_of_job(job, now) for job in jobs]


def _of_job(job: Job, now: int) -> Errand:
    found = Errand(What.JOB, job.round)
    if job.state is JobState.REFUNDED:
        return replace(found, standing=Standing.REFUNDED)
    if job.state is JobState.SETTLED:
        paid = job.credited >= len(job.shares)
        return replace(found, standing=Standing.SETTLED) if paid else replace(found, light=True)
    if now > job.settle_by:
        return replace(found, standing=Standing.GIVEN_UP, reason=OVERDUE)
    return found


def reconciled(known: Mapping[str, Errand], found: Sequence[Errand]) -> list[Errand]:
    """Return what has to change in what is known, by what the chain says now, oldest first.

    What runs is left alone until it has ended. An overdue job that was begun is refunded; one that
    never was is left to its consumer.
    """
    changed = []
    for seen in found:
        old = known.get(seen.key)
        new = seen if old is None else _merged(old, seen)
        if new != old:
            changed.append(new)
    there = {seen.key for seen in found}
    changed += [
        replace(old, standing=Standing.GIVEN_UP, reason=GONE)
        for key, old in known.items()
        if key not in there and old.standing is Standing.WAITING
    ]
    return changed


def _merged(old: Errand, seen: Errand) -> Errand:
    if old.standing is Standing.RUNNING:
        return old
    if seen.standing is Standing.WAITING:
        return replace(old, standing=Standing.WAITING, light=seen.light)
    if seen.standing is Standing.GIVEN_UP and seen.reason == OVERDUE:
        if old.standing is Standing.WAITING and old.attempts:
            return replace(old, doomed=True, reason=old.reason if old.doomed else OVERDUE)
        return replace(old, standing=Standing.GIVEN_UP, reason=OVERDUE)
    refunded = seen.standing is Standing.REFUNDED and old.doomed
    return replace(old, standing=seen.standing, reason=old.reason if refunded else seen.reason)


def taken_up(errand: Errand) -> Errand:
    """Return an errand as a new start finds it: what ran runs no more, and nothing pauses."""
    waiting = errand.standing is Standing.RUNNING
    return replace(
        errand,
        standing=Standing.WAITING if waiting else errand.standing,
        next_try=0.0,
        done=0,
        total=0,
    )


def pause(attempts: int, chance: float) -> float:
    """Return the seconds before the next attempt, after so many; `chance` is from [0, 1).

    They double up to `LONGEST_PAUSE`. Half of them is drawn, so that providers that failed
    together do not all come back together.
    """
    whole = min(FIRST_PAUSE * 2.0 ** min(max(attempts, 1) - 1, 30), LONGEST_PAUSE)
    return whole * (1 + chance) / 2


@dataclass(frozen=True)
class Need:
    """What an errand takes while it runs: bytes of memory and cores."""

    memory: int = 0
    cores: int = 0


@dataclass(frozen=True)
class Resources:
    """What a provider lends to computations: bytes of memory, cores, and how many at once."""

    memory: int
    cores: int
    jobs: int

    def holds(self, needs: Collection[Need], another: Need) -> bool:
        """Whether another fits beside these. One larger than everything fits when it is alone."""
        together = [*needs, another]
        return not needs or (
            len(together) <= self.jobs
            and sum(need.memory for need in together) <= self.memory
            and sum(need.cores for need in together) <= self.cores
        )


def admitted(
    waiting: Sequence[tuple[Errand, Need]], running: Mapping[str, Need], has: Resources, now: float
) -> list[Errand]:
    """Return what to begin now: of what does not pause, the least tried first, then the oldest.

    Who registers what nobody can fetch thus waits behind those that were not tried yet.

    One that does not fit holds back all behind it, or a big one would wait for ever. What
    computes nothing passes, a few at a time.
    """
    begun: list[Errand] = []
    heavy = [need for need in running.values() if need != Need()]
    light = len(running) - len(heavy)
    full = False
    for errand, need in sorted(waiting, key=lambda pair: (pair[0].attempts, pair[0].place)):
        if errand.next_try > now or errand.key in running:
            continue
        if need == Need():
            if light < LIGHT_AT_ONCE:
                light += 1
                begun.append(errand)
        elif not full and has.holds(heavy, need):
            heavy.append(need)
            begun.append(errand)
        else:
            full = True
    return begun
