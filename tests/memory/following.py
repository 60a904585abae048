"""What a provider follows the chain with, in the test's own thread and on a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from visdm.errors import VisdmError
from visdm.ports import Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from visdm.domain.errands import Errand, Standing
    from visdm.ports import Level, Turn


@dataclass
class HandClock:
    """Goes when it is told to."""

    now: float = 1000.0

    def seconds(self) -> float:
        return self.now


@dataclass
class MemoryJobTable:
    """A `JobTable` in a dictionary."""

    rows: dict[str, Errand] = field(default_factory=dict)
    notes: list[tuple[str, int, str]] = field(default_factory=list)
    places: int = 0

    def errands(self, *, ended: bool = True) -> list[Errand]:
        rows = sorted(self.rows.values(), key=lambda row: row.place)
        return [row for row in rows if ended or not row.standing.is_end]

    def keep(self, errands: Sequence[Errand]) -> None:
        for errand in errands:
            old = self.rows.get(errand.key)
            if old is None:
                self.places += 1
                self.rows[errand.key] = replace(errand, place=self.places)
                continue
            dooms = old.doomed and not errand.doomed
            self.rows[errand.key] = replace(
                errand,
                place=old.place,
                report=old.report,
                doomed=old.doomed or errand.doomed,
                reason=old.reason if dooms else errand.reason,
            )

    def doom(self, key: str, reason: str) -> None:
        if key in self.rows:
            self.rows[key] = replace(self.rows[key], doomed=True, reason=reason)

    def ready(self, key: str, report: str) -> None:
        if key in self.rows:
            self.rows[key] = replace(self.rows[key], report=report)

    def note(self, key: str, attempt: int, cid: str) -> None:
        self.notes.append((key, attempt, cid))

    def noted(self) -> dict[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = {}
        for key, attempt, cid in self.notes:
            found.setdefault(key, []).append((attempt, cid))
        return found

    def forget(self, key: str) -> None:
        self.notes = [note for note in self.notes if note[0] != key]

    def standing(self, key: str) -> Standing:
        return self.rows[key].standing


@dataclass
class Inline:
    """`Workers` that do each work when something is waited for, in the same thread."""

    begun: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def begin(self, key: str, work: Callable[[], None]) -> None:
        self.begun.append((key, work))

    def wait(self, seconds: float) -> list[Ended]:
        del seconds
        begun, self.begun = self.begun, []
        return [self._do(key, work) for key, work in begun]

    def _do(self, key: str, work: Callable[[], None]) -> Ended:
        self.done.append(key)
        try:
            work()
        except VisdmError as error:
            return Ended(key, 0.5, error)
        except Exception as error:  # noqa: BLE001  # as in a thread: it is told of
            return Ended(key, 0.5, None, type(error).__name__)
        return Ended(key, 0.5)


@dataclass
class Told:
    """`Telemetry` that remembers."""

    lines: list[tuple[str, str, dict[str, str | float]]] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)

    def tell(self, level: Level, event: str, **said: str | float) -> None:
        self.lines.append((str(level), event, said))

    def ended(self, what: str, outcome: str, seconds: float) -> None:
        del seconds
        self.counts[what, outcome] = self.counts.get((what, outcome), 0) + 1

    def turned(self, turn: Turn) -> None:
        self.turns.append(turn)

    def events(self, name: str) -> list[dict[str, str | float]]:
        return [said for _, event, said in self.lines if event == name]
