"""What makes one dataset better than another: six ranks, which a consumer weighs.

All are counted in samples of use, so that they can be added up: an asset of 100 such samples
adds at most 100 by each rank. Four look at each asset by itself: its score, from 0 to 1, times
its samples of use. Two look at the dataset as a whole, and so an asset adds the less the more
of its kind is in already:

- `balance` is the sum over classes of the square root of their samples, scaled;
- `diversity` is facility location: how near each centre of a class on the market is to the
  nearest such centre in the dataset. k-center, the alternative, counts only the farthest one:
  a single asset of noise is always that, and would be picked first.

Each is monotone and submodular, and so is their weighted sum; on that the guarantees of
`visdm.domain.sampling` rest. Scores are made of an asset's own figures wherever that is
possible: what strangers register cannot then change the order of two others.
"""

from __future__ import annotations

from collections import defaultdict
from math import log, sqrt
from statistics import median
from typing import TYPE_CHECKING, Protocol

import numpy as np

from visdm.domain.assets import NO_RESERVE
from visdm.domain.metadata import evenness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from visdm.domain.candidates import Candidate

    Places = NDArray[np.intp]
    Floats = NDArray[np.float64]

HALF_DETAIL = 100.0
"""Laplacian variance at which detail scores a half; below it pictures are called blurred."""

FULL_CONTRAST = 64.0
FULL_ENTROPY = 8.0
LEAST_CONTRAST = 0.001
"""Below it every picture is of one grey."""

HALF_DISTANCE = 16.0
"""Steps of projection at which nearness is a half: greys that differ by 32 on the average."""

HALF_JOBS = 3

MOST_KEPT = 100_000_000
"""Pairs of centres whose nearness is kept, in four bytes each; of more it is reckoned anew."""

RANKS = ("quality", "balance", "diversity", "like", "reputation", "price")


class Rank(Protocol):
    """A monotone submodular function of a growing set of candidates, by their places."""

    def gains(self, places: Places) -> Floats:
        """Return what each of the candidates at `places` would add."""
        ...

    def add(self, place: int) -> None:
        """Add it to the set."""
        ...


def quality(candidate: Candidate) -> float | None:
    """Return how good the pictures are by rule of thumb, 0 to 1; None where it is not told.

    The mean of detail, contrast and entropy, each on a scale of its own, times the share of the
    contrast that is not noise: white noise has the most of all three, and scores 0.
    """
    traits = candidate.traits
    contrast, entropy = traits.quality.get("contrast"), traits.quality.get("entropy")
    if traits.detail is None or traits.power is None or contrast is None or entropy is None:
        return None
    signal = max(1 - traits.power / contrast**2, 0.0) if contrast > LEAST_CONTRAST else 0.0
    detail = traits.detail / (traits.detail + HALF_DETAIL)
    rest = min(contrast / FULL_CONTRAST, 1.0) + min(max(entropy, 0.0) / FULL_ENTROPY, 1.0)
    return signal * (detail + rest) / 3


def balance(candidate: Candidate, wanted: Sequence[str]) -> float:
    """Return how even an asset's classes are, 0 to 1: over those wanted, where they are named.

    A class that is wanted and not there counts as empty.
    """
    counts = candidate.traits.class_counts
    if len(wanted) < 2:  # noqa: PLR2004  # one class is even by itself
        return evenness(counts.values())
    present = [counts.get(name, 0) for name in wanted]
    there = sum(number > 0 for number in present)
    if there < 2:  # noqa: PLR2004  # as above
        return 0.0
    return evenness(present) * log(there) / log(len(wanted))


def nearness(distance: float | None) -> float | None:
    """Return how like the examples images at this distance are, 1 where they are the same."""
    return None if distance is None else HALF_DISTANCE / (HALF_DISTANCE + distance)


def scores(
    candidates: Sequence[Candidate], wanted: Sequence[str], at: int | None
) -> dict[str, list[float | None]]:
    """Return each candidate's score by rank, 0 to 1; None where it is not known.

    By reputation, half counts how many jobs an asset was paid in, half what it earned beside
    the one that earned most. By price, the median reserve (or the price offered, `at`) scores
    a half. By diversity a candidate has no score of its own.
    """
    most = max((candidate.earned for candidate in candidates), default=0)
    reserves = [c.asset.reserve for c in candidates if c.asset.reserve != NO_RESERVE]
    usual = at if at is not None else median(reserves) if reserves else 0
    return {
        "quality": [quality(candidate) for candidate in candidates],
        "balance": [balance(candidate, wanted) for candidate in candidates],
        "diversity": [None] * len(candidates),
        "like": [nearness(candidate.traits.distance) for candidate in candidates],
        "reputation": [_reputation(candidate, most) for candidate in candidates],
        "price": [_cheapness(candidate.asset.reserve, usual) for candidate in candidates],
    }


def _reputation(candidate: Candidate, most: int) -> float:
    if not candidate.earned:
        return 0.0
    return (candidate.jobs / (candidate.jobs + HALF_JOBS) + candidate.earned / most) / 2


def _cheapness(reserve: int, usual: float) -> float | None:
    if reserve == NO_RESERVE:
        return None
    return usual / (usual + reserve) if usual + reserve else 1.0


class Modular:
    """A score times samples of use, whatever else is in."""

    def __init__(self, found: Sequence[float | None], useful: Sequence[float]) -> None:
        self._worth = np.array([one or 0.0 for one in found]) * np.array(useful)

    def gains(self, places: Places) -> Floats:
        """See `Rank`."""
        worth: Floats = self._worth[places]
        return worth

    def add(self, place: int) -> None:
        """See `Rank`: nothing changes."""


class Balance:
    """Square roots of the samples of each class: what is scarce counts the more."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._have = np.zeros(held.classes)

    def gains(self, places: Places) -> Floats:
        """See `Rank`."""
        held = self._held
        entries = held.row(int(places[0])) if len(places) == 1 else slice(None)
        # Summed one after another in either case: the same candidate gains the same to the bit.
        every = np.bincount(held.owner[entries], self._gain(entries), held.candidates)
        gained: Floats = (held.scale * every[places]).astype(np.float64)
        return gained

    def add(self, place: int) -> None:
        """See `Rank`."""
        row = self._held.row(place)
        self._have[self._held.label[row]] += self._held.number[row]

    def _gain(self, row: slice) -> Floats:
        have = self._have[self._held.label[row]]
        more: Floats = np.sqrt(have + self._held.number[row]) - np.sqrt(have)
        return more


class Held:
    """What candidates hold of each class, where it is anything: made once for all runs.

    Not as a table of all classes, of which strangers may name millions: entry k says that
    candidate `owner[k]` holds `number[k]` samples of class `label[k]`, by candidate.
    """

    def __init__(self, counts: Sequence[Mapping[str, float]]) -> None:
        labels = {name: k for k, name in enumerate(sorted(set().union(*counts)))}
        self.candidates, self.classes = len(counts), len(labels)
        rows = [sorted((labels[name], number) for name, number in each.items()) for each in counts]
        self.owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        self.label = np.array([label for row in rows for label, _ in row], dtype=np.int64)
        self.number = np.array([number for row in rows for _, number in row], dtype=np.float64)
        self.scale = sqrt(float(self.number.sum()) / max(len(labels), 1))
        self._start = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(int)

    def row(self, place: int) -> slice:
        """Return the entries of a candidate."""
        return slice(int(self._start[place]), int(self._start[place + 1]))


class Nearness:
    """How near centres of the same class are to each other, 0 to 1; reckoned once for all runs.

    `own` are each candidate's centres, as (class, number); `weights` what each centre stands for
    in samples of use.
    """

    def __init__(
        self, candidates: Sequence[Candidate], counts: Sequence[Mapping[str, float]]
    ) -> None:
        places: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        weights: dict[str, list[float]] = defaultdict(list)
        self.own: list[dict[str, int]] = []
        for candidate, number in zip(candidates, counts, strict=True):
            mine = {}
            for centre in candidate.traits.centres:
                weight = number.get(centre.label, 0.0) if centre.label else sum(number.values())
                if weight > 0:
                    mine[centre.label] = len(places[centre.label])
                    places[centre.label].append(centre.place)
                    weights[centre.label].append(weight)
            self.own.append(mine)
        self._places = {label: np.array(each) for label, each in sorted(places.items())}
        self.weights = {label: np.array(weights[label]) for label in self._places}
        self._kept: dict[str, np.ndarray] = {}
        if sum(len(each) ** 2 for each in self._places.values()) <= MOST_KEPT:
            self._kept = {
                label: self._reckoned(label, np.arange(len(each))).astype(np.float32)
                for label, each in self._places.items()
            }

    def to_all(self, label: str, numbers: Places) -> np.ndarray:
        """Return how near the centres `numbers` of a class are to all of it (k x n)."""
        if label in self._kept:
            return self._kept[label][numbers]
        return self._reckoned(label, numbers).astype(np.float32)

    def _reckoned(self, label: str, numbers: Places) -> np.ndarray:
        points = self._places[label]
        some = points[numbers]
        squares = (some**2).sum(axis=1)[:, None] - 2 * some @ points.T + (points**2).sum(axis=1)
        near: np.ndarray = HALF_DISTANCE / (HALF_DISTANCE + np.sqrt(np.maximum(squares, 0)))
        near[np.arange(len(numbers)), numbers] = 1.0
        return near


class Diversity:
    """Facility location over the centres of classes; those of two classes are not alike."""

    def __init__(self, nearness: Nearness) -> None:
        self._nearness = nearness
        self._covered = {
            label: np.zeros(len(each), np.float32) for label, each in nearness.weights.items()
        }

    def gains(self, places: Places) -> Floats:
        """See `Rank`."""
        total = np.zeros(len(places))
        for label, covered in self._covered.items():
            having = [k for k, place in enumerate(places) if label in self._nearness.own[place]]
            if having:
                numbers = np.array([self._nearness.own[places[k]][label] for k in having])
                better = np.maximum(self._nearness.to_all(label, numbers) - covered, 0)
                total[having] += better @ self._nearness.weights[label]
        return total

    def add(self, place: int) -> None:
        """See `Rank`."""
        for label, number in self._nearness.own[place].items():
            near = self._nearness.to_all(label, np.array([number]))[0]
            np.maximum(self._covered[label], near, out=self._covered[label])


class Objective:
    """The weighted sum of ranks over a growing set of candidates."""

    def __init__(self, ranks: Sequence[tuple[float, Rank]]) -> None:
        self._ranks = ranks
        self.value = 0.0

    def gains(self, places: Places) -> Floats:
        """Return what each of the candidates at `places` would add to the value."""
        total = np.zeros(len(places))
        for weight, rank in self._ranks:
            total += weight * rank.gains(places)
        return total

    def add(self, place: int) -> float:
        """Add the candidate at `place`; return what it added."""
        gain = float(self.gains(np.array([place]))[0])
        self.value += gain
        for _, rank in self._ranks:
            rank.add(place)
        return gain


def objective(
    candidates: Sequence[Candidate],
    counts: Sequence[Mapping[str, float]],
    found: Mapping[str, Sequence[float | None]],
    weights: Mapping[str, float],
) -> Callable[[], Objective]:
    """Return what makes an objective over nobody yet: `counts` are samples of use by class."""
    useful = [sum(each.values()) for each in counts]
    nearness = Nearness(candidates, counts) if "diversity" in weights else None
    held = Held(counts)

    def fresh() -> Objective:
        made: list[tuple[float, Rank]] = []
        for name, weight in sorted(weights.items()):
            if name == "balance":
                made.append((weight, Balance(held)))
            elif nearness is not None and name == "diversity":
                made.append((weight, Diversity(nearness)))
            else:
                made.append((weight, Modular(found[name], useful)))
        return Objective(made)

    return fresh
