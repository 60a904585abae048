"""Choosing a dataset D_C from what the market tells of its assets (paper 3.3(3), 4.2.1).

Assets that do not fit are left out; of the others those are picked that add the most by the
consumer's ranks, until its budget, the samples it wants or its number of assets is reached.
Without such a bound all that fit are in.

A round has one price for all, so a dataset is paid at the highest price that one of its owners
asks: with a budget every such ceiling is tried, and at each the assets are picked greedily,
once by what they add for their cost and once by what they add. The best of these datasets is
worth at least (1 - 1/e)/2 of the best there is within the budget (Leskovec et al. 2007,
"Cost-effective Outbreak Detection in Networks"), and never costs more than it. With a number
of assets instead, it is 1 - 1/e (Nemhauser, Wolsey & Fisher 1978). With both, or with a number of
samples, nothing is guaranteed but the bounds themselves. A round is of one provider today: where
several fit, each gets its best dataset, and the best of these is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from visdm.domain.candidates import Candidate, Criteria, Reason, is_candidate, misfits
from visdm.domain.ranks import objective, scores
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from visdm.domain.ranks import Objective

__all__ = ["Candidate", "Criteria", "Reason", "Selection", "Verdict", "choose"]

MAX_CEILINGS = 64
"""Prices that are tried; where more are asked, so many of them, evenly, with the highest."""

_SLOW, _QUICK = 16, 1 << 16
"""Gains that are looked at again at once: those of diversity take their time, others do not."""

_DIGITS = 9
"""Significant digits of a gain: what is the same but for rounding is a tie."""


@dataclass(frozen=True)
class Verdict:
    """Why an asset is in (`place` counts from 1, in the order they were picked) or out (0).

    `scores` are by rank, 0 to 1, None where unknown. `useful` are its samples of use, `gain` is
    what it added by the ranks, in such samples, when it was picked. `cost` is at most what it
    costs in this dataset, in token units, fee included; None where that is not known.
    """

    candidate: Candidate
    reason: Reason
    place: int = 0
    scores: Mapping[str, float | None] = field(default_factory=dict)
    useful: float = 0.0
    gain: float = 0.0
    cost: int | None = None


@dataclass(frozen=True)
class Selection:
    """A dataset, and a verdict on every candidate, by asset id.

    `price` is the most that is paid a sample, `fee` the provider's fee for all samples, both in
    token units; the price is None where an owner set none and the consumer offered none.
    """

    criteria: Criteria
    provider: int
    verdicts: tuple[Verdict, ...]
    price: int | None
    fee: int
    guarantee: str

    @property
    def chosen(self) -> tuple[Candidate, ...]:
        """The dataset's assets, by id."""
        return tuple(verdict.candidate for verdict in self.verdicts if verdict.place)

    @property
    def dataset(self) -> tuple[int, ...]:
        """The dataset's ids, ascending. Raises `InputError` when nothing fits."""
        if not self.chosen:
            raise InputError(
                "no asset on the market fits", hint="ask for less, or wait for suppliers"
            )
        return tuple(candidate.number for candidate in self.chosen)

    @property
    def samples(self) -> int:
        """All samples of the dataset: each is paid, of use or not."""
        return sum(candidate.asset.samples for candidate in self.chosen)

    @property
    def cost(self) -> int | None:
        """The most the dataset costs with the fee, in token units; None where not known."""
        return None if self.price is None else self.price * self.samples + self.fee


@dataclass
class _Run:
    """One greedy pick: places in order with their gains, what was left out and why."""

    price: int | None
    order: list[int] = field(default_factory=list)
    gains: dict[int, float] = field(default_factory=dict)
    left: dict[int, Reason] = field(default_factory=dict)
    samples: int = 0
    spent: int = 0
    value: float = 0.0

    def better(self, other: _Run | None, wanted: int | None) -> bool:
        """Whether it is the better dataset."""
        return other is None or self.merit(wanted) > other.merit(wanted)

    def merit(self, wanted: int | None) -> tuple[int, float, int, list[int]]:
        """Return what it is judged by: enough samples first, then value, then cost."""
        enough = min(self.samples, wanted) if wanted is not None else 0
        return (
            enough,
            float(_rounded(np.array([self.value]))[0]),
            -self.spent,
            [-place for place in sorted(self.order)],
        )


@dataclass(frozen=True)
class _Pool:
    """The candidates that fit, by id, and how they are reckoned."""

    candidates: Sequence[Candidate]
    criteria: Criteria
    fresh: Callable[[], Objective]

    @property
    def bounded(self) -> bool:
        """Whether there is anything to be picked by."""
        asked = self.criteria
        return (
            asked.budget is not None
            or asked.samples is not None
            or len(self.candidates) > asked.most
        )

    @property
    def batch(self) -> int:
        """How many gains are looked at again at once."""
        return _SLOW if "diversity" in self.criteria.ranks else _QUICK

    def prices(self, places: Sequence[int]) -> list[int | None]:
        """Return the prices a sample to try, ascending; None where none is known."""
        asked = self.criteria
        if asked.at is not None or asked.budget is None:
            return [asked.at]
        asks = {self.candidates[place].asks for place in places}
        distinct = sorted(ask for ask in asks if ask is not None)
        stride = max(len(distinct) / MAX_CEILINGS, 1)
        tried = min(len(distinct), MAX_CEILINGS)
        return [distinct[-1 - int(place * stride)] for place in reversed(range(tried))]

    def best(self, places: Sequence[int]) -> _Run | None:
        """Return the best run over the candidates at `places`, which are of one provider."""
        best: _Run | None = None
        for price in self.prices(places):
            for by_cost in (True, False) if self.criteria.budget is not None else (True,):
                run = self._run(places, price, by_cost=by_cost)
                self._settle(run)
                if run.better(best, self.criteria.samples):
                    best = run
        return best

    def _settle(self, run: _Run) -> None:
        """Set the price to the highest that is asked in the dataset, where none is offered."""
        if self.criteria.at is None:
            asks = [self.candidates[place].asks for place in run.order]
            known = [ask for ask in asks if ask is not None]
            run.price = max(known) if known and len(known) == len(asks) else None
        run.spent = sum(self.cost(place, run.price) for place in run.order)

    def cost(self, place: int, price: int | None) -> int:
        """Return what a candidate costs at a price, fee included."""
        candidate = self.candidates[place]
        return candidate.asset.samples * ((price or 0) + candidate.provider.fee)

    def _run(self, places: Sequence[int], price: int | None, *, by_cost: bool) -> _Run:
        """Pick greedily, lazily: a gain only shrinks, so the last known one bounds it."""
        run, state = _Run(price), self.fresh()
        bounds = np.full(len(self.candidates), -np.inf)
        known = np.full(len(self.candidates), -1)
        for place in places:
            ask = self.candidates[place].asks
            if self.criteria.budget is not None and ask is not None and ask > (price or 0):
                run.left[place] = Reason("asks {}, which all others would be paid too", (ask,))
            else:
                bounds[place] = np.inf
        costs = self._costs(price, by_cost=by_cost)
        # Of equal bounds the first counts: it is the one with the lower id.
        while bounds.size and bounds[place := int(bounds.argmax())] > -np.inf:
            if known[place] < len(run.order):
                stale = _highest(np.where(known < len(run.order), bounds, -np.inf), self.batch)
                bounds[stale] = _rounded(state.gains(stale) / costs[stale])
                known[stale] = len(run.order)
                continue
            if self.bounded and bounds[place] <= 0:
                run.left[place] = Reason("adds nothing by these ranks")
            elif reason := self._beyond(run, place, price):
                run.left[place] = reason
            else:
                run.gains[place] = state.add(place)
                run.order.append(place)
                run.samples += self.candidates[place].asset.samples
                run.spent += self.cost(place, price)
            bounds[place] = -np.inf
        run.value = state.value
        return run

    def _costs(self, price: int | None, *, by_cost: bool) -> np.ndarray:
        """Return what gains are divided by: with a budget or wanted samples, the cost."""
        asked = self.criteria
        if not by_cost or (asked.budget is None and asked.samples is None):
            return np.ones(len(self.candidates))
        free = asked.budget is None
        return np.array(
            [
                float((0 if free else self.cost(place, price)) or each.asset.samples or 1)
                for place, each in enumerate(self.candidates)
            ]
        )

    def _beyond(self, run: _Run, place: int, price: int | None) -> Reason | None:
        """Return which bound keeps a candidate out."""
        asked = self.criteria
        if len(run.order) >= asked.most:
            return Reason.words(f"{asked.most} assets were picked before it")
        if asked.samples is not None and run.samples >= asked.samples:
            return Reason.words(f"{run.samples} samples were reached before it")
        if asked.budget is not None:
            cost, left = self.cost(place, price), asked.budget - run.spent
            if cost > left:
                return Reason("would cost {}, and {} were left", (cost, left))
        return None


def choose(candidates: Iterable[Candidate], criteria: Criteria) -> Selection:
    """Pick a dataset, and say of each candidate why it is in or out; it may be empty.

    The order of the candidates does not matter. Raises `InputError` where the criteria
    contradict themselves.
    """
    criteria.check()
    known = sorted(
        (c for c in candidates if is_candidate(c.asset)), key=lambda candidate: candidate.number
    )
    out = {c.number: list(misfits(c, criteria)) for c in known}
    fitting = [candidate for candidate in known if not out[candidate.number]]
    counts = [candidate.useful(criteria.classes) for candidate in fitting]
    found = scores(fitting, criteria.classes, criteria.at)
    fresh = objective(fitting, counts, found, criteria.ranks)
    pool = _Pool(fitting, criteria, fresh)
    run, provider, others = _best_provider(pool)
    verdicts = [Verdict(c, _together(out[c.number])) for c in known if out[c.number]]
    for place, candidate in enumerate(fitting):
        picked = place in run.gains
        shown = {name: found[name][place] for name in criteria.ranks}
        verdicts.append(
            Verdict(
                candidate,
                _why(run, place, pool) if candidate.provider.index == provider else others,
                run.order.index(place) + 1 if picked else 0,
                shown,
                sum(counts[place].values()),
                run.gains.get(place, 0.0),
                pool.cost(place, run.price) if picked and run.price is not None else None,
            )
        )
    fee = sum(fitting[place].asset.samples * fitting[place].provider.fee for place in run.order)
    ordered = tuple(sorted(verdicts, key=lambda verdict: verdict.candidate.number))
    return Selection(criteria, provider, ordered, run.price, fee, _guarantee(pool))


def _best_provider(pool: _Pool) -> tuple[_Run, int, Reason]:
    """Return the best dataset that one provider computes on, and what that says to the others."""
    groups: dict[int, list[int]] = {}
    for place, candidate in enumerate(pool.candidates):
        groups.setdefault(candidate.provider.index, []).append(place)
    best, chosen = None, 0
    for provider, places in sorted(groups.items()):
        run = pool.best(places)
        if run is not None and run.better(best, pool.criteria.samples):
            best, chosen = run, provider
    if best is None:
        return _Run(pool.criteria.at), 0, Reason("")
    said = f"is at another provider: a round is of one, and {chosen} has the better dataset"
    return best, chosen, Reason.words(said)


def _why(run: _Run, place: int, pool: _Pool) -> Reason:
    if place not in run.gains:
        return run.left[place]
    if not pool.bounded:
        return Reason("fits, and nothing bounds the dataset")
    order = run.order.index(place) + 1
    return Reason.words(f"picked as number {order}: adds {run.gains[place]:,.0f} by your ranks")


def _together(reasons: Sequence[Reason]) -> Reason:
    amounts = tuple(amount for reason in reasons for amount in reason.amounts)
    return Reason("; ".join(reason.text for reason in reasons), amounts)


def _guarantee(pool: _Pool) -> str:
    """Say what is known of the dataset beside the best one there is."""
    asked = pool.criteria
    if not pool.bounded:
        return "all that fit"
    if asked.samples is not None or (
        asked.budget is not None and len(pool.candidates) > asked.most
    ):
        return "none beside the bounds"
    if asked.budget is not None:
        return "at least (1 - 1/e)/2, 32 %, of the best value within the budget"
    return f"at least 1 - 1/e, 63 %, of the best value of {asked.most} assets"


def _highest(bounds: np.ndarray, most: int) -> np.ndarray:
    """Return the places of the highest bounds, whose gains are looked at again at once."""
    some = np.flatnonzero(bounds > -np.inf)
    if len(some) > most:
        some = some[np.argpartition(bounds[some], -most)[-most:]]
    return np.sort(some)


def _rounded(numbers: np.ndarray) -> np.ndarray:
    """Return numbers to `_DIGITS` significant digits."""
    with np.errstate(divide="ignore"):
        power = np.where(numbers != 0, np.floor(np.log10(np.abs(numbers))), 0)
    scale = 10.0 ** (_DIGITS - 1 - power)
    rounded: np.ndarray = np.round(numbers * scale) / scale
    return rounded
