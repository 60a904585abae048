"""Price rounds: terms, ballots and the weighted quantile that finds the price (3.3(3)).

The same rules stand in `PriceRule.sol`; `tests/vectors/rounds.json` is read by both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from visdm.domain.assets import NO_RESERVE
from visdm.domain.values import MAX_EXACT, METHODS, SHAPLEY
from visdm.errors import InputError, TermsError

if TYPE_CHECKING:
    from collections.abc import Sequence

BASIS = 10_000
"""Quorum and threshold are counted in basis points of weight."""

SILENT = 0
REJECT = 127
MAX_STEPS = 100
MAX_ASSETS = 2_048
LAST = 255
"""The nonce of an owner's last word, which no other answer replaces."""

MAX_DELEGATIONS = 4


LIMITS = {
    "seed": 2**64,
    "min_samples": 2**48,
    "fee_cap": 2**96,
    "provider": 2**24,
    "vote_by": 2**40,
    "fund_by": 2**40,
    "settle_by": 2**40,
}
"""Bounds of the terms' numbers, as wide as their fields in `Terms.sol`."""


class Task(IntEnum):
    """What the consumer wants computed; numbers as in `Rounds.sol`."""

    TRAIN = 0
    TEST = 1


class RoundState(IntEnum):
    """Numbers as in `Rounds.sol`."""

    OPEN = 1
    PRICED = 2
    UNPRICED = 3


@dataclass(frozen=True)
class Terms:
    """All that owners are asked to consent to; a round's id is the hash of its terms.

    `ladder` and `fee_cap` are in token units, the ladder per sample; `quorum` and
    `threshold` in basis points; `vote_by`, `fund_by`, `settle_by` in seconds since the
    epoch, on the chain's clock.
    """

    consumer: str
    model: int
    provider: int
    assets: tuple[int, ...]
    ladder: tuple[int, ...]
    task: Task
    method: str
    seed: int
    quorum: int
    threshold: int
    min_samples: int
    fee_cap: int
    vote_by: int
    fund_by: int
    settle_by: int

    def check(self) -> None:
        """Raise `TermsError` naming the first contradiction."""
        _ascending("price ladder", self.ladder, MAX_STEPS)
        _ascending("dataset", self.assets, MAX_ASSETS)
        if not 0 < self.threshold <= BASIS:
            raise TermsError(f"threshold {self.threshold} is not within 1..{BASIS} basis points")
        if not 0 <= self.quorum <= BASIS:
            raise TermsError(f"quorum {self.quorum} is not within 0..{BASIS} basis points")
        for name, limit in LIMITS.items():
            number = getattr(self, name)
            if not 0 <= number < limit:
                raise TermsError(f"{name} {number} is not within 0..{limit - 1}")
        if self.ladder[-1] >= NO_RESERVE:
            raise TermsError(f"the price ladder ends at {self.ladder[-1]}, beyond any amount")
        if self.method not in METHODS:
            raise TermsError(
                f"unknown method {self.method!r}", hint=f"known methods: {', '.join(METHODS)}"
            )
        if self.method == SHAPLEY and len(self.assets) > MAX_EXACT:
            raise TermsError(
                f"exact Shapley values take at most {MAX_EXACT} assets, not {len(self.assets)}",
                hint="ask for fewer assets, or for the method `equal`",
            )
        if not self.vote_by < self.fund_by < self.settle_by:
            raise TermsError(
                f"deadlines are out of order: vote by {self.vote_by}, fund by {self.fund_by}, "
                f"settle by {self.settle_by}",
                hint="voting ends before funding, funding before settlement",
            )


def _ascending(name: str, numbers: Sequence[int], limit: int) -> None:
    if not numbers:
        raise TermsError(f"the {name} is empty")
    if len(numbers) > limit:
        raise TermsError(f"the {name} has {len(numbers)} entries; at most {limit} are allowed")
    for before, after in pairwise(numbers):
        if before >= after:
            raise TermsError(
                f"the {name} is out of order: {before} comes before {after}",
                hint="name each once, the lowest first",
            )
    if numbers[0] <= 0:
        raise TermsError(f"the {name} holds {numbers[0]}; only positive numbers are allowed")


@dataclass(frozen=True)
class Ballot:
    """A signed answer for one asset of a round (EIP-712), which anybody may submit.

    `position` is the asset's place in `Terms.assets`; `choice` is 1 + the index of the
    lowest ladder step accepted, or `REJECT`. A ballot counts only if its `nonce`
    is above that of the ballot it replaces; `LAST` says that nothing will replace it.
    """

    round: str
    position: int
    choice: int
    nonce: int
    deadline: int
    voter: str
    signature: bytes

    def is_plausible(self, positions: int) -> bool:
        """Whether its numbers fit a round of so many assets; strangers send ballots."""
        return (
            0 <= self.position < positions
            and 0 < self.choice <= REJECT
            and 0 < self.nonce <= LAST
            and 0 <= self.deadline < LIMITS["vote_by"]
        )


@dataclass(frozen=True)
class Standing:
    """What the electorate's register says of one asset at closing."""

    samples: int
    reserve: int
    available: bool


@dataclass(frozen=True)
class Outcome:
    """How a round closed: `choices` are the final answers by position."""

    state: RoundState
    choices: tuple[int, ...]
    step: int = 0
    unit_price: int = 0
    samples: int = 0

    @property
    def price(self) -> int:
        """What the consumer pays for the dataset, in token units."""
        return self.unit_price * self.samples

    def includes(self, position: int) -> bool:
        """Whether the asset at `position` consents to the price found."""
        return self.state is RoundState.PRICED and 0 < self.choices[position] <= self.step


def reserve_choice(reserve: int, ladder: Sequence[int]) -> int:
    """Return the choice that a reserve makes for a silent owner: `SILENT` if out of reach."""
    if reserve == NO_RESERVE:
        return SILENT
    for index, price in enumerate(ladder):
        if price >= reserve:
            return index + 1
    return SILENT


def tally(terms: Terms, standings: Sequence[Standing], ballots: Sequence[int]) -> Outcome:
    """Find the price.

    The electorate is every available asset, weighing its samples. A reserve answers for
    the silent. Quorum is the share of that weight which answered, rejections included.
    The price is the lowest step accepted by `threshold` of the weight that named a step;
    whoever named more, rejected or stayed silent is not in the dataset: a majority never
    overrules an owner.
    """
    choices = tuple(
        (ballot or reserve_choice(standing.reserve, terms.ladder)) if standing.available else SILENT
        for standing, ballot in zip(standings, ballots, strict=True)
    )
    electorate = sum(s.samples for s in standings if s.available)
    answered = sum(s.samples for s, c in zip(standings, choices, strict=True) if c != SILENT)
    weights = [0] * (len(terms.ladder) + 1)
    for standing, choice in zip(standings, choices, strict=True):
        if SILENT < choice <= len(terms.ladder):
            weights[choice] += standing.samples
    willing = sum(weights)
    unpriced = Outcome(RoundState.UNPRICED, choices)
    if willing == 0 or answered * BASIS < terms.quorum * electorate:
        return unpriced
    accepted, step = 0, 0
    while accepted == 0 or accepted * BASIS < terms.threshold * willing:
        step += 1
        accepted += weights[step]
    if accepted < terms.min_samples:
        return unpriced
    return Outcome(RoundState.PRICED, choices, step, terms.ladder[step - 1], accepted)


def choice_for(terms: Terms, least: int | None) -> int:
    """Return the choice that says "at least `least` a sample"; None rejects.

    Raises `InputError` when the ladder does not reach that high: to reject is to say so.
    """
    if least is None:
        return REJECT
    for index, price in enumerate(terms.ladder):
        if price >= least:
            return index + 1
    raise InputError(
        f"the ladder ends at {terms.ladder[-1]}, below {least}", hint="reject the round instead"
    )
