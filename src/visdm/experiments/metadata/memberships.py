"""Whether an asset holds an image that somebody has: what metadata tells of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from visdm.experiments.metadata.groups import SIZES, summary
from visdm.experiments.metadata.nearness import TESTS, Nearness

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
    """Ask summaries whether an image is nearer to their means than others are.

    Each test of `visdm.experiments.metadata.nearness`, with the threshold that calls one other
    image in a hundred a member. The one that finds most is the attacker's.
    """
    nearness, found = Nearness(known), []
    for size in SIZES:
        if size * 2 > len(victims):
            continue
        rates: dict[str, list[tuple[float, float]]] = {}
        for turn in range(min(GROUPS, len(victims) // size)):
            order = np.roll(np.arange(len(victims)), -size * turn)
            for test, rate in _rates(nearness, victims.rows(order), size).items():
                rates.setdefault(test, []).append(rate)
        for test in TESTS:
            if test in rates:
                right, false = np.mean(rates[test], axis=0).tolist()
                found.append(Membership("aggregate", size, "the file", test, right, false))
    return found


def _rates(nearness: Nearness, rows: Columns, size: int) -> dict[str, tuple[float, float]]:
    """Sum the first `size` images up; return shares of them, and of the others, called members."""
    rates = {}
    for test, near in nearness.statistics(summary(rows.rows(slice(size))), rows).items():
        threshold = np.quantile(near[size:], 1 - FALSE_ALARMS)
        called = near > threshold
        rates[test] = (float(called[:size].mean()), float(called[size:].mean()))
    return rates


def _nearest(asked: Columns, table: Columns) -> Floats:
    """Return the bits in which each image differs from the row that is nearest to it."""
    differ = (table.bits.shape[1] - (2 * asked.bits - 1) @ (2 * table.bits - 1).T) / 2
    nearest: Floats = differ.min(axis=1)
    return nearest
