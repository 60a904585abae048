"""Time that several runs of a program over strangers' tables have in common.

A table may hang what reads it. So no run that others may have to follow gets more than half of
what is left: one that hangs is then looked for in the other half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.errors import JobError
from visdm.ports import Limits

if TYPE_CHECKING:
    from visdm.ports import Clock

SECONDS = 1200
"""For all runs over the tables of a market that one question takes; the first gets half."""

LEAST = 5
"""Seconds: in less, a program hardly starts, and a sound table would look like a broken one."""

UNTRIED = "there was no time left to read its table"


class Budget:
    """`SECONDS` from now on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end = clock.seconds() + SECONDS

    def suffices(self, seconds: int = LEAST) -> bool:
        """Whether so many are left for a run that others may follow."""
        return self._left() // 2 >= seconds

    def half(self, most: int = SECONDS) -> Limits:
        """Return the limits of a run that others may follow: `most` seconds at the most.

        Raises `JobError` where too little is left.
        """
        return self._limits(min(self._left() // 2, most))

    def rest(self) -> Limits:
        """Return the limits of the last run. Raises `JobError` as `half`."""
        return self._limits(self._left())

    def _left(self) -> int:
        return int(self._end - self._clock.seconds())

    def _limits(self, seconds: int) -> Limits:
        if seconds < LEAST:
            raise JobError(
                "its time was used up by tables that take too long to read",
                hint="ask for fewer assets, or leave out those that were named",
            )
        return Limits(seconds=seconds)
