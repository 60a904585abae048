"""What consumers look for and pay for, by class, so that suppliers know what to collect (paper 5).

A search costs its sender nothing but gas and a round little more, so neither is counted by how
often it comes but by how many accounts stand behind it, and money comes first. Even money can be
somebody's own, from one pocket into the other; it is what costs most to pretend.
"""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from visdm.domain.documents import count, expect, parse
from visdm.domain.jobs import JobState, rewards
from visdm.domain.rounds import RoundState, Task
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from visdm.domain.jobs import Job
    from visdm.domain.rounds import Outcome, Terms

MAX_SOUGHT = 1_024
"""Bytes of a search on the chain, as in `Catalog.sol`."""

MAX_CLASSES = 32
MAX_CONDITIONS = 16
MAX_NAME = 64
MAX_SAMPLES = 2**32
MAX_PRICE = 2**80
MANY = 1_000
"""Classes of one asset that are told apart here; no more, whatever its provider wrote."""

THIN, NONE, ENOUGH = "thin", "none", "enough"


@dataclass(frozen=True)
class Sought:
    """A search as it stands on the chain: anybody's text, and the second it was in a block."""

    consumer: str
    wanted: str
    time: int


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for: `samples` images in all, of these classes.

    `price` is what they would pay a sample, in token units; 0 samples or price say nothing.
    `conditions` are further words of theirs, as `sharpness >= 20`.
    """

    classes: tuple[str, ...]
    samples: int = 0
    price: int = 0
    task: Task = Task.TRAIN
    conditions: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Return it as canonical JSON. Raises `InputError` where it is not fit for the chain."""
        classes = {class_named(name) for name in self.classes}
        if None in classes or not 0 < len(classes) <= MAX_CLASSES:
            raise InputError(
                f"a search names 1 to {MAX_CLASSES} classes of at most {MAX_NAME} characters each"
            )
        text = _canonical(self)
        if _wanted(json.loads(text)) is None:
            raise InputError(
                "the search holds a number or a condition that is out of range",
                hint=f"at most {MAX_CONDITIONS} conditions of {MAX_NAME} characters",
            )
        size = len(text.encode())
        if size > MAX_SOUGHT:
            hint = "name fewer classes or conditions"
            raise InputError(f"the search has {size} bytes, more than {MAX_SOUGHT}", hint=hint)
        return text


def read_wanted(text: str) -> Wanted | None:
    """Read a stranger's search; None where it is none of this form."""
    try:
        document = text.encode()
        return _wanted(parse(document)) if len(document) <= MAX_SOUGHT else None
    except ValueError:
        return None


def class_named(name: object) -> str | None:
    """Return a class's name as it is counted, one for all ways to write it; None for no name."""
    if not isinstance(name, str) or len(name) > MAX_NAME:
        return None
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return plain if plain and plain.isprintable() and len(plain) <= MAX_NAME else None


def _canonical(wanted: Wanted) -> str:
    fields = {
        "classes": sorted({str(class_named(name)) for name in wanted.classes}),
        "conditions": sorted(set(wanted.conditions)),
        "price": wanted.price,
        "samples": wanted.samples,
        "task": wanted.task.name.lower(),
    }
    said = {key: value for key, value in fields.items() if value}
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _wanted(fields: object) -> Wanted | None:
    try:
        said = expect(fields, dict)
        names = [class_named(name) for name in expect(said["classes"], list)]
        conditions = expect(said.get("conditions", []), list)
        classes = tuple(sorted({name for name in names if name is not None}))
        wanted = Wanted(
            classes,
            count(said.get("samples", 0), MAX_SAMPLES),
            count(said.get("price", 0), MAX_PRICE),
            Task[expect(said.get("task", "train"), str).upper()],
            tuple(expect(each, str) for each in conditions),
        )
    except (KeyError, TypeError, ValueError):
        return None
    shown = all(len(c) <= MAX_NAME and c.isprintable() for c in wanted.conditions)
    few = 0 < len(names) <= MAX_CLASSES and len(conditions) <= MAX_CONDITIONS
    return wanted if few and shown and None not in names else None


@dataclass(frozen=True)
class Offered:
    """One asset for this purpose: its samples by class; None is a class that nobody can read."""

    asset: int
    samples: Mapping[str | None, int]
    on_offer: bool


@dataclass(frozen=True)
class Asked:
    """One round: its terms, when it was opened, how it closed and what became of its job."""

    terms: Terms
    time: int
    outcome: Outcome | None
    job: Job | None


@dataclass(frozen=True)
class Demand:
    """The demand for one class in one kind of task. Money is in token units.

    `seekers` and `consumers` are the accounts that searched, and that opened rounds; `wanted`
    and `bid` the medians over seekers of the samples and the price that each named last.
    `paid` counts settled jobs, `amount` what they paid for this class, `samples` the samples
    paid for; `pending` counts jobs that are paid into escrow and not settled. `supply` says
    whether what is on offer is `none`, less than `wanted` (`thin`) or `enough`.
    """

    name: str | None
    task: Task
    searches: int
    seekers: int
    wanted: int
    bid: int
    rounds: int
    consumers: int
    priced: int
    pending: int
    paid: int
    amount: int
    samples: int
    assets: int
    on_offer: int
    since: int
    until: int

    @property
    def price(self) -> float:
        """What a sample cost on average, in token units; 0 where none was paid for."""
        return round(self.amount / self.samples, 2) if self.samples else 0.0

    @property
    def supply(self) -> str:
        """Whether what is on offer answers what is sought."""
        if not self.on_offer:
            return NONE
        return THIN if self.on_offer < self.wanted else ENOUGH


@dataclass
class _Tally:
    """What adds up to a `Demand`."""

    last: dict[str, Wanted] = field(default_factory=dict)
    searches: int = 0
    consumers: set[str] = field(default_factory=set)
    rounds: int = 0
    priced: int = 0
    pending: int = 0
    paid: int = 0
    amount: int = 0
    samples: int = 0
    times: list[int] = field(default_factory=list)


def samples_by_class(
    samples: int, classes: Sequence[str], counts: Mapping[str, int]
) -> dict[str | None, int]:
    """Split an asset's samples, as the chain counts them, by what its metadata says.

    By `counts` where they say something, else evenly; what no readable class takes is
    under None. The parts sum to exactly `samples`.
    """
    weights: dict[str | None, int] = defaultdict(int)
    for name in classes[:MANY]:
        weights[class_named(name)] += counts.get(name, 0) if counts else 1
    if not sum(weights.values()):
        return {None: samples}
    return {name: part for name, part in split(samples, weights).items() if part}


def split(amount: int, weights: Mapping[str | None, int]) -> dict[str | None, int]:
    """Split a number by weights whose sum is not 0; the parts sum to exactly that number."""
    total, running, given = sum(weights.values()), 0, 0
    parts = {}
    for name in sorted(weights, key=lambda each: (each is None, each or "")):
        running += weights[name]
        upto = amount * running // total
        parts[name], given = upto - given, upto
    return parts


def demands(
    soughts: Iterable[Sought],
    rounds: Iterable[Asked],
    assets: Mapping[int, Offered],
    since: int = 0,
) -> list[Demand]:
    """Return the demand by class and task: first where most money went, then most was asked.

    Searches and rounds from `since` on count; a round with all that became of it later.
    """
    tallies: dict[tuple[str | None, Task], _Tally] = defaultdict(_Tally)
    for sought in soughts:
        wanted = read_wanted(sought.wanted)
        if wanted is None or sought.time < since:
            continue
        for name in wanted.classes:
            _search(tallies[name, wanted.task], sought, wanted)
    for asked in rounds:
        if asked.time >= since:
            _round(tallies, asked, assets)
    offer = _on_offer(assets.values())
    found = [_demand(key, tally, offer) for key, tally in tallies.items()]
    return sorted(found, key=_rank)


def _search(tally: _Tally, sought: Sought, wanted: Wanted) -> None:
    tally.searches += 1
    tally.last[sought.consumer] = wanted
    tally.times.append(sought.time)


def _round(
    tallies: Mapping[tuple[str | None, Task], _Tally], asked: Asked, assets: Mapping[int, Offered]
) -> None:
    terms, job = asked.terms, asked.job
    settled = job is not None and job.state is JobState.SETTLED
    paid = rewards(job.price, job.shares) if job is not None and settled else ()
    classes: set[str | None] = set()
    bought: set[str | None] = set()
    for place, number in enumerate(terms.assets):
        samples = _present(assets.get(number))
        classes |= samples.keys()
        if not settled or asked.outcome is None or not asked.outcome.includes(place):
            continue
        bought |= samples.keys()
        for name, amount in split(paid[place], samples).items():
            tally = tallies[name, terms.task]
            tally.amount += amount
            tally.samples += assets[number].samples.get(name, 0) if number in assets else 0
    for name in classes:
        tally = tallies[name, terms.task]
        tally.rounds += 1
        tally.consumers.add(terms.consumer)
        tally.times.append(asked.time)
        tally.priced += asked.outcome is not None and asked.outcome.state is RoundState.PRICED
        tally.pending += job is not None and job.state is JobState.FUNDED
        tally.paid += name in bought


def _present(asset: Offered | None) -> dict[str | None, int]:
    """Return the classes an asset has samples of; terms may name one that is not there."""
    found = asset.samples.items() if asset else ()
    return {name: size for name, size in found if size} or {None: 1}


def _on_offer(assets: Iterable[Offered]) -> dict[str | None, tuple[int, int]]:
    """Return how many assets, and samples of them, are on offer by class."""
    found: dict[str | None, tuple[int, int]] = {}
    for asset in assets:
        for name, samples in asset.samples.items() if asset.on_offer else ():
            number, size = found.get(name, (0, 0))
            found[name] = number + 1, size + samples
    return found


def _demand(
    key: tuple[str | None, Task], tally: _Tally, offer: Mapping[str | None, tuple[int, int]]
) -> Demand:
    name, task = key
    last = tally.last.values()
    # Of samples for several classes together each is wanted as much as another.
    wanted = [-(-each.samples // len(each.classes)) for each in last if each.samples]
    bids = [each.price for each in last if each.price]
    assets, on_offer = offer.get(name, (0, 0))
    return Demand(
        name=name,
        task=task,
        searches=tally.searches,
        seekers=len(tally.last),
        wanted=int(median(wanted)) if wanted else 0,
        bid=int(median(bids)) if bids else 0,
        rounds=tally.rounds,
        consumers=len(tally.consumers),
        priced=tally.priced,
        pending=tally.pending,
        paid=tally.paid,
        amount=tally.amount,
        samples=tally.samples,
        assets=assets,
        on_offer=on_offer,
        since=min(tally.times),
        until=max(tally.times),
    )


def _rank(demand: Demand) -> tuple[Any, ...]:
    return (
        -demand.amount,
        -demand.consumers,
        -demand.rounds,
        -demand.seekers,
        demand.name is None,
        demand.name or "",
        demand.task,
    )
