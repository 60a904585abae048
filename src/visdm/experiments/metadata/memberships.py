"""Whether an asset holds an image that somebody has: what metadata tells of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from visdm.experiments.metadata.groups import SIZES, levels_of, summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visdm.experiments.metadata.columns import Columns

    Floats = NDArray[np.float64]

NEAR = 16
"""Bits of the 256 in which a re-encoded image may differ from its row."""

FALSE_ALARMS = 0.01
GROUPS = 20


@dataclass(frozen=True)
class Membership:
    """A test for membership: shares of members and of others that it calls members.

    `known_as` is what the asker holds: the file itself or one made of it.
    """

    disclosure: str
    images: int
    known_as: str
    test: str
    found: float
    false: float


def by_hashes(members: Columns, again: Columns, others: Columns) -> list[Membership]:
    """Ask a table with a row per image for its own images, re-encoded ones, and others."""
    tests = {"equal hashes": 0, f"up to {NEAR} of 256 bits": NEAR}
    asked = {"the file": _nearest(members, members), "a JPEG of it": _nearest(again, members)}
    false = _nearest(others, members)
    return [
        Membership(
            disclosure="full",
            images=len(members),
            known_as=held,
            test=test,
            found=float((distance <= most).mean()),
            false=float((false <= most).mean()),
        )
        for held, distance in asked.items()
        for test, most in tests.items()
    ]


def by_figures(known: Columns, victims: Columns) -> list[Membership]:
    """Ask summaries: is the image nearer to the asset's means than to everybody's?

    The statistic of Homer et al. (2008) over the projection and the histograms, with the
    threshold that calls one other image in a hundred a member.
    """
    centre, spread = _figures(known).mean(axis=0), _figures(known).var(axis=0) + 1e-9
    found = []
    for size in SIZES:
        if size * 2 > len(victims):
            continue
        rates = [
            _rates(victims, np.roll(np.arange(len(victims)), -size * turn), size, centre, spread)
            for turn in range(min(GROUPS, len(victims) // size))
        ]
        right, false = np.mean(rates, axis=0)
        test = "nearer to the asset's means"
        found.append(Membership("aggregate", size, "the file", test, float(right), float(false)))
    return found


def _rates(
    victims: Columns, order: NDArray[np.intp], size: int, centre: Floats, spread: Floats
) -> tuple[float, float]:
    told = summary(victims.rows(order[:size]))
    mean = np.concatenate([told["projection"]["mean"], levels_of(told).ravel()])
    figures = _figures(victims.rows(order))
    nearer = (((figures - centre) ** 2 - (figures - mean) ** 2) / spread).sum(axis=1)
    threshold = np.quantile(nearer[size:], 1 - FALSE_ALARMS)
    return float((nearer[:size] > threshold).mean()), float((nearer[size:] > threshold).mean())


def _figures(rows: Columns) -> Floats:
    shares = rows.levels / rows.levels.sum(axis=2, keepdims=True)
    return np.hstack([rows.projection, shares.reshape(len(rows), -1)])


def _nearest(asked: Columns, table: Columns) -> Floats:
    """Return the bits in which each image differs from the row that is nearest to it."""
    differ = (table.bits.shape[1] - (2 * asked.bits - 1) @ (2 * table.bits - 1).T) / 2
    nearest: Floats = differ.min(axis=1)
    return nearest
