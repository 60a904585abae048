"""What the loop said last, for others to read: `visdm.ports.Telemetry`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visdm.adapters.telemetry.journal import Journal
    from visdm.adapters.telemetry.metrics import Metrics
    from visdm.ports import Level, Turn


class Board:
    """Passes on what is told to the log and the metrics, and answers whether all is well.

    A loop that has not turned for `patience` seconds is not well, whatever it said before.
    """

    def __init__(self, journal: Journal, metrics: Metrics, patience: float) -> None:
        self._journal = journal
        self._metrics = metrics
        self._patience = patience
        self._turn: Turn | None = None
        self._turned = time.monotonic()

    def tell(self, level: Level, event: str, **said: str | float) -> None:
        """Write a line of the log."""
        self._journal.tell(level, event, **said)

    def ended(self, what: str, outcome: str, seconds: float) -> None:
        """Count an attempt by its outcome."""
        self._metrics.ended(what, outcome, seconds)

    def took(self, step: str, seconds: float) -> None:
        """Note how long a step took."""
        self._metrics.took(step, seconds)

    def turned(self, turn: Turn) -> None:
        """Note a turn of the loop."""
        self._turn, self._turned = turn, time.monotonic()
        self._metrics.turned(turn)

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether all is well, and what is not.

        Which part it is, and no more: why is in the log.
        """
        turn, since = self._turn, time.monotonic() - self._turned
        parts = dict.fromkeys(("chain", "store", "table"), "answers")
        if turn is not None:
            parts |= dict.fromkeys(turn.faults, "does not answer")
        if turn is None or since > self._patience:
            parts["loop"] = "does not turn"
        else:
            parts["loop"] = "turns"
        well = set(parts.values()) <= {"answers", "turns"}
        found: dict[str, Any] = {"well": well, "parts": parts, "turned": round(since, 1)}
        if turn is not None:
            heavy = [need for need in turn.running.values() if need.memory or need.cores]
            found |= {
                "running": sorted(turn.running),
                "memory": {
                    "taken": sum(need.memory for need in heavy),
                    "lent": turn.resources.memory,
                },
                "cores": {
                    "taken": sum(need.cores for need in heavy),
                    "lent": turn.resources.cores,
                },
                "jobs": {"taken": len(heavy), "lent": turn.resources.jobs},
            }
        return well, found

    def page(self) -> bytes:
        """Return the metrics."""
        return self._metrics.page()
