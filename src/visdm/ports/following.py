"""What a provider needs to follow the chain: a memory, hands, and somebody to tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from visdm.domain.errands import Errand, Need, Resources
    from visdm.errors import VisdmError


class JobTable(Protocol):
    """What a provider remembers of its errands. It may be deleted at any time.

    Each call is kept whole or not at all, also where the process is killed. Any thread may call.
    Raises `OutputError` where it cannot be written.
    """

    def errands(self, *, ended: bool = True) -> Sequence[Errand]:
        """Return the errands, oldest first; without those that have `ended`, if told so."""
        ...

    def keep(self, errands: Sequence[Errand]) -> None:
        """Write these errands; one that is new gets the next place.

        What a worker remembers meanwhile stays: a doomed job stays doomed, with its reason, and
        `report` is written by `ready` alone.
        """
        ...

    def doom(self, key: str, reason: str) -> None:
        """Remember that a job is to be refunded, and why."""
        ...

    def ready(self, key: str, report: str) -> None:
        """Remember the report of a job that is computed, stored and to be settled; '' for none."""
        ...

    def note(self, key: str, attempt: int, cid: str) -> None:
        """Remember what an attempt stored."""
        ...

    def noted(self) -> Mapping[str, Sequence[tuple[int, str]]]:
        """Return by errand what attempts stored: the attempt, and the CID."""
        ...

    def forget(self, key: str) -> None:
        """Forget what the attempts of an errand stored."""
        ...


@dataclass(frozen=True)
class Ended:
    """How a work ended: well, or with a `fault`; `crash` is the type of one that nobody foresaw.

    `seconds` is how long it took.
    """

    key: str
    seconds: float
    fault: VisdmError | None = None
    crash: str = ""


class Workers(Protocol):
    """Do errands beside each other."""

    def begin(self, key: str, work: Callable[[], None]) -> None:
        """Begin a work; it ends, with or without an error, in a later `wait`."""
        ...

    def wait(self, seconds: float) -> Sequence[Ended]:
        """Return what has ended, as soon as something has, or nothing after `seconds`."""
        ...


class Level(StrEnum):
    """How much something matters to whoever runs a provider."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Turn:
    """How a provider stands after a turn: `faults` says of `chain`, `store` and `table` what is
    wrong with them, and names none that answers.

    `head` is the time of the latest block, `stalled` the seconds since that last moved.
    """

    faults: Mapping[str, str]
    head: int
    stalled: float
    waiting: int
    pausing: int
    running: Mapping[str, Need]
    resources: Resources


class Telemetry(Protocol):
    """Who is told how a provider does: whoever runs it, and their instruments.

    Nothing that is told holds a secret, content of an image or output of a script.
    """

    def tell(self, level: Level, event: str, **said: str | float) -> None:
        """Write a line of the log."""
        ...

    def ended(self, what: str, outcome: str, seconds: float) -> None:
        """Count an attempt by its outcome."""
        ...

    def turned(self, turn: Turn) -> None:
        """Note a turn of the loop."""
        ...
