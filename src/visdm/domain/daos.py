"""Owners who answer rounds together, by a rule of their own (paper 3.3(3)(b)).

The same rule stands in `SupplierDAO.sol`. A *seat* is one vote in a DAO: without a council each
position of the dataset whose owner is a member, weighing its samples; with one each councillor,
weighing one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.domain.rounds import BASIS, REJECT, SILENT
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_COUNCIL = 64
MARGIN = 600
"""The least that is left of a round, in seconds, once a DAO's vote on it is over."""

MAX_PERIOD = 2**40 - 1
MAJORITY = BASIS // 2 + 1
DAY = 86_400


@dataclass(frozen=True)
class Rule:
    """How a DAO decides.

    `quorum` basis points of the seats' weight must answer; `threshold` of what answered must
    accept a step; a vote is open for `period` seconds.
    """

    quorum: int
    threshold: int
    period: int

    def check(self) -> None:
        """Raise `InputError` naming the first number that makes no sense."""
        if not 0 <= self.quorum <= BASIS:
            raise InputError(f"quorum {self.quorum} is not within 0..{BASIS} basis points")
        if not 0 < self.threshold <= BASIS:
            raise InputError(f"threshold {self.threshold} is not within 1..{BASIS} basis points")
        if not 0 < self.period <= MAX_PERIOD:
            raise InputError(f"a voting period of {self.period} seconds is none")


PRESETS = {
    "majority": Rule(quorum=0, threshold=MAJORITY, period=DAY),
    "quorum": Rule(quorum=4_000, threshold=MAJORITY, period=DAY),
    "council": Rule(quorum=MAJORITY, threshold=MAJORITY, period=DAY),
}
"""Rules by name: more than half of what answers; the same where two fifths answer; and more
than half of a council."""


@dataclass(frozen=True)
class Dao:
    """A DAO as it was founded. `council` is empty where members vote themselves."""

    address: str
    name: str
    rule: Rule
    council: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seat:
    """One vote in a DAO; a seat that nobody may use weighs nothing."""

    holder: str
    weight: int
    choice: int = SILENT


@dataclass(frozen=True)
class Proposal:
    """A round under vote in a DAO: until when, its seats as they stand, and what was decided.

    `decided` is a choice; `SILENT` until it is.
    """

    round: str
    closes: int
    seats: tuple[Seat, ...]
    decided: int = SILENT


def decide(rule: Rule, steps: int, seats: Sequence[Seat]) -> int | None:
    """Return what a DAO answers a round whose ladder has `steps`; None without a quorum.

    It is the lowest step that `threshold` of the weight accepts which answered, a rejection
    being an answer that accepts none; without such a step, a rejection.
    """
    total = sum(seat.weight for seat in seats)
    cast = [seat for seat in seats if seat.choice != SILENT]
    answered = sum(seat.weight for seat in cast)
    if not answered or answered * BASIS < rule.quorum * total:
        return None
    for step in range(1, steps + 1):
        accepted = sum(seat.weight for seat in cast if seat.choice <= step)
        if accepted * BASIS >= rule.threshold * answered:
            return step
    return REJECT
