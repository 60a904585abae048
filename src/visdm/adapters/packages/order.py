"""Rows put in order without being held in memory: SQLite sorts them, in a file of its own.

The file has no name and goes with the process (https://www.sqlite.org/inmemorydb.html#temp_db).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from visdm.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE = ("utf-8", "surrogatepass")
"""UTF-8 sorts as Python sorts text; a path may hold bytes that are none."""


class Place(NamedTuple):
    """Where a row of a list says that an image lies, and under which class it belongs."""

    label: str
    path: str
    line: int


@contextmanager
def kept() -> Iterator[Order]:
    """Yield an empty order. Raises `OutputError` when there is no room for it."""
    try:
        with closing(sqlite3.connect("", isolation_level=None)) as rows:
            yield Order(rows)
    except sqlite3.Error as error:
        hint = "free some space where the system keeps its temporary files"
        raise OutputError("the list of images", "cannot be sorted", hint=hint) from error


class Order:
    """Places by class, then path, as text."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        self._rows = rows
        for said in (
            "PRAGMA journal_mode = OFF",  # nothing is ever taken back
            "CREATE TABLE place (label BLOB, path BLOB, line INTEGER)",
            "BEGIN",
        ):
            rows.execute(said)

    def add(self, place: Place) -> None:
        """Take in a place."""
        coded = (place.label.encode(*_CODE), place.path.encode(*_CODE), place.line)
        self._rows.execute("INSERT INTO place VALUES (?, ?, ?)", coded)

    def count(self) -> int:
        """Return how many places there are."""
        return int(self._rows.execute("SELECT count(*) FROM place").fetchone()[0])

    def labels(self, limit: int) -> tuple[str, ...]:
        """Return the classes, sorted, of which there may be more than the first `limit`."""
        said = "SELECT DISTINCT label FROM place ORDER BY label LIMIT ?"
        return tuple(label.decode(*_CODE) for (label,) in self._rows.execute(said, (limit,)))

    def repeated(self) -> Iterator[tuple[Place, int]]:
        """Yield each place whose path stood before, and the line where it stood first."""
        first: Place | None = None
        for place in self._places("path, line"):
            if first and place.path == first.path:
                yield place, first.line
            else:
                first = place

    def __iter__(self) -> Iterator[Place]:
        return self._places("label, path")

    def _places(self, by: str) -> Iterator[Place]:
        said = f"SELECT label, path, line FROM place ORDER BY {by}"  # noqa: S608 - our own words
        for label, path, line in self._rows.execute(said):
            yield Place(label.decode(*_CODE), path.decode(*_CODE), line)
