"""Maps of the market: images in a plane by their public metadata (paper 4.2.1, Figure 2).

A map is computed in the sandbox from tables that strangers published, so its answer is
checked before anything is drawn from it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from visdm.domain.documents import count, expect
from visdm.domain.models import is_name
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PCA, TSNE = "pca", "tsne"
METHODS = (PCA, TSNE)

MOST = 5_000
"""Points of a map where nobody says otherwise."""

MAX_MOST = 20_000
"""More are a blot, and too long an answer."""

FURTHEST = 1e6
"""No place is further out: features are standardised, and t-SNE's plane is some hundreds wide."""

MAX_ROWS = 2**63

Place = tuple[float, float]


@dataclass(frozen=True)
class Point:
    """One image: its asset, its row in the asset's package, its class, its place by method."""

    asset: int
    row: int
    label: str
    places: Mapping[str, Place]


@dataclass(frozen=True)
class Centre:
    """The middle of a class of an asset that publishes no rows, on the map `pca`."""

    asset: int
    label: str
    samples: int
    place: Place


@dataclass(frozen=True)
class Map:
    """A map. `methods` are those that its points have places by.

    `explained` are the shares of the variance on the axes of `pca`, `leading` the features
    that weigh most on each (`-` where they fall along it). `drawn` counts images, drawn and
    held, by asset; `left_out` says by asset why its table cannot be used.
    """

    points: tuple[Point, ...]
    methods: tuple[str, ...]
    centres: tuple[Centre, ...] = ()
    explained: tuple[float, float] = (0.0, 0.0)
    leading: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    drawn: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    left_out: Mapping[int, str] = field(default_factory=dict)

    @property
    def assets(self) -> tuple[int, ...]:
        """The assets on it, ascending."""
        found = {one.asset for one in self.points} | {one.asset for one in self.centres}
        return tuple(sorted(found))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes on it, those of the most images first."""
        labels = [one.label for one in self.points] + [one.label for one in self.centres]
        counts = Counter(labels)
        return tuple(sorted(counts, key=lambda label: (-counts[label], label)))


def read_map(answer: Mapping[str, Any], assets: Collection[int], methods: Collection[str]) -> Map:
    """Check the answer of a map of `assets`. Raises `JobError` when it is not of this shape."""
    try:
        return _map(answer, set(assets), tuple(name for name in METHODS if name in methods))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise JobError("its answer is not of the agreed shape") from None


def _map(answer: Mapping[str, Any], assets: set[int], methods: tuple[str, ...]) -> Map:
    columns, (first, second) = expect(answer["points"], dict), answer["leading"]
    places = [[_place(xy) for xy in columns[method]] for method in methods]
    points = tuple(
        Point(_one_of(asset, assets), count(row), _name(label), dict(zip(methods, at, strict=True)))
        for asset, row, label, *at in zip(
            columns["asset"], columns["row"], columns["class"], *places, strict=True
        )
    )
    if len(points) > MAX_MOST:
        raise ValueError("too many points")
    return Map(
        points=points,
        methods=methods,
        centres=tuple(
            Centre(
                _one_of(one["asset"], assets),
                _name(one["class"]),
                count(one["samples"]),
                _place(one["pca"]),
            )
            for one in answer["centres"]
        ),
        explained=_place(answer["explained"]),
        leading=(tuple(map(_name, first)), tuple(map(_name, second))),
        drawn={
            _one_of(int(asset), assets): (count(drawn), count(held, MAX_ROWS))
            for asset, (drawn, held) in answer["drawn"].items()
        },
        left_out={
            _one_of(int(asset), assets): _name(reason)
            for asset, reason in answer["left_out"].items()
        },
    )


def _place(value: object) -> Place:
    across, up = expect(value, list)
    return _number(across), _number(up)


def _number(value: object) -> float:
    if type(value) is not int and type(value) is not float:
        raise TypeError("expected a number")
    if not abs(value) <= FURTHEST or not isfinite(value):
        raise ValueError("out of range")
    return float(value)


def _one_of(value: object, assets: set[int]) -> int:
    if count(value, 2**256) not in assets:
        raise ValueError("an asset that was not asked for")
    return expect(value, int)


def _name(value: object) -> str:
    if not is_name(expect(value, str)):
        raise ValueError("cannot be shown")
    return expect(value, str)
