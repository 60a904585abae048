"""Which public tables count, and why others do not: one list of reasons for all that read them.

The rule itself is `visdm.compute.acceptance`. What it says of a table follows from the table's
bytes and from what was registered, so it is said once and remembered by its `key`, unless it was
the machine that gave up.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

RULE = 1
"""The number of the rule: what another one said is forgotten."""

UNREADABLE = "its table is not a readable Parquet file"
COLUMNS = "its table has other columns than a public table"
ROWS = "its table holds another number of rows than were registered"
ROOM = "its table is larger than so many rows can be"
EMPTY = "its table has empty cells"
ORDER = "its table does not number its rows"
CLASSES = "its table names classes that its metadata does not"
NUMBERS = "its table holds numbers that no image has"
HASHES = "its table holds hashes that no image has"
HISTOGRAMS = "its table has histograms that do not count the pixels"
LASTING = (
    *(UNREADABLE, COLUMNS, ROWS, ROOM, EMPTY, ORDER, CLASSES, NUMBERS, HASHES),
    HISTOGRAMS,
)
"""Why a table is not counted, in words of ours, where it is so on every machine."""

BREAKING = "its table breaks the program that reads it"
LATE = "its table was not read in time"
PROBLEMS = (*LASTING, BREAKING, LATE)
"""Why a table is not counted."""

UNREAD = "its metadata cannot be read"
UNFETCHED = "its table cannot be fetched"


@dataclass(frozen=True)
class Registered:
    """What a table must agree with: `samples` as on the chain, `classes` as in the metadata.

    `accepted`: these bytes were found to agree before.
    """

    samples: int
    classes: tuple[str, ...]
    accepted: bool = False

    @classmethod
    def of(cls, told: dict[str, Any]) -> Registered:
        """Read what `told` wrote into the settings of a program."""
        return cls(int(told["samples"]), tuple(told["classes"]), bool(told.get("accepted")))

    def told(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"samples": self.samples, "classes": list(self.classes), "accepted": self.accepted}


def key(images: str, samples: int, classes: Sequence[str]) -> str:
    """Return what is said of the table with the CID `images` is remembered by, in hex."""
    said = json.dumps([RULE, images, samples, list(classes)])
    return hashlib.sha256(said.encode()).hexdigest()
