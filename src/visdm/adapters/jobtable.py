"""The job table in one SQLite file: `visdm.ports.JobTable`.

It holds nothing that the chain does not say too, but for what was tried and when. So it may be
deleted at any time, also while it is open: the next call begins a new one.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from threading import RLock
from typing import TYPE_CHECKING

from visdm.domain.errands import Errand, Standing, What
from visdm.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

VERSION = 1
KEPT = 10_000
"""Ended errands that are remembered; the chain has them all."""

_COLUMNS = (
    "place, what, name, standing, attempts, next_try, reason, doomed, report, light, done, total"
)
_TABLES = f"""
CREATE TABLE errands (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL, name TEXT NOT NULL, standing TEXT NOT NULL,
    attempts INTEGER NOT NULL, next_try REAL NOT NULL, reason TEXT NOT NULL,
    doomed INTEGER NOT NULL, report TEXT NOT NULL, light INTEGER NOT NULL,
    done INTEGER NOT NULL, total INTEGER NOT NULL,
    changed REAL NOT NULL,
    UNIQUE (what, name)
);
CREATE TABLE stored (key TEXT NOT NULL, attempt INTEGER NOT NULL, cid TEXT NOT NULL);
PRAGMA user_version = {VERSION};
"""
_KEEP = """
INSERT INTO errands (what, name, standing, attempts, next_try, reason, doomed, report, light,
    done, total, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (what, name) DO UPDATE SET standing = excluded.standing,
    attempts = excluded.attempts, next_try = excluded.next_try,
    reason = CASE WHEN doomed AND NOT excluded.doomed THEN reason ELSE excluded.reason END,
    doomed = MAX(doomed, excluded.doomed), light = excluded.light, done = excluded.done,
    total = excluded.total,
    changed = CASE WHEN standing = excluded.standing THEN changed ELSE excluded.changed END
"""


class SqliteJobTable:
    """The table in the file `path`, readable by its owner alone.

    `clock` says the time of day, for people to read. A file that is no such table, one of another
    version included, is put aside: what it held follows from the chain.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = RLock()
        self._inode = 0
        self._connection: sqlite3.Connection | None = None

    def errands(self, *, ended: bool = True) -> list[Errand]:
        """Return the errands, oldest first; without those that have `ended`, if told so."""
        which = "" if ended else "WHERE standing IN ('waiting', 'running')"
        with self._opened() as table:
            rows = table.execute(f"SELECT {_COLUMNS} FROM errands {which} ORDER BY place")  # noqa: S608  # no word of it is a stranger's
            return [_errand(row) for row in rows]

    def keep(self, errands: Sequence[Errand]) -> None:
        """Write these errands; one that is new gets the next place."""
        if not errands:
            return
        with self._opened() as table:
            now = self._clock()
            table.executemany(_KEEP, [(*_row(errand), now) for errand in errands])
            table.execute(
                "DELETE FROM errands WHERE standing NOT IN ('waiting', 'running') AND place <= "
                "(SELECT MAX(place) FROM errands) - ?",
                (KEPT,),
            )

    def doom(self, key: str, reason: str) -> None:
        """Remember that a job is to be refunded, and why."""
        with self._opened() as table:
            table.execute(
                "UPDATE errands SET doomed = 1, reason = ? WHERE what || ' ' || name = ?",
                (reason, key),
            )

    def ready(self, key: str, report: str) -> None:
        """Remember the report of a job that is computed, stored and to be settled."""
        with self._opened() as table:
            table.execute(
                "UPDATE errands SET report = ? WHERE what || ' ' || name = ?", (report, key)
            )

    def note(self, key: str, attempt: int, cid: str) -> None:
        """Remember what an attempt stored."""
        with self._opened() as table:
            table.execute("INSERT INTO stored VALUES (?, ?, ?)", (key, attempt, cid))

    def noted(self) -> dict[str, list[tuple[int, str]]]:
        """Return by errand what attempts stored: the attempt, and the CID."""
        found: dict[str, list[tuple[int, str]]] = {}
        with self._opened() as table:
            for key, attempt, cid in table.execute("SELECT * FROM stored ORDER BY rowid"):
                found.setdefault(key, []).append((attempt, cid))
        return found

    def forget(self, key: str) -> None:
        """Forget what the attempts of an errand stored."""
        with self._opened() as table:
            table.execute("DELETE FROM stored WHERE key = ?", (key,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Yield the table inside a transaction, which is kept when the block ends well."""
        with self._lock:
            try:
                connection = self._current()
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    yield connection
            except sqlite3.DatabaseError as error:
                problem = f"cannot be written ({error})"
                hint = "make room, or delete it: it is rebuilt from the chain"
                raise OutputError(self._path, problem, hint=hint) from None

    def _current(self) -> sqlite3.Connection:
        """Return the connection to the file that is there now."""
        if self._connection is not None and _inode(self._path) == self._inode:
            return self._connection
        self.close()
        try:
            self._connection = _connect(self._path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            _put_aside(self._path)
            self._connection = _connect(self._path)
        self._inode = _inode(self._path)
        return self._connection


def read_job_table(path: Path) -> list[tuple[Errand, float]]:
    """Return a table's errands and when each last changed its standing, without changing it.

    Nothing is returned where there is no table.
    """
    if not path.exists():
        return []
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            rows = connection.execute(f"SELECT {_COLUMNS}, changed FROM errands ORDER BY place")  # noqa: S608  # no word of it is a stranger's
            return [(_errand(row[:-1]), float(row[-1])) for row in rows]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise OutputError(path, f"cannot be read ({error})") from None


def _connect(path: Path) -> sqlite3.Connection:
    # As a file of its owner's before SQLite writes to it.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})") from None
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, VERSION}:
            raise sqlite3.DatabaseError("another version")
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _put_aside(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with suppress(OSError):
        path.replace(path.with_name(path.name + ".unreadable"))


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return -1


def _row(errand: Errand) -> tuple[object, ...]:
    return (
        str(errand.what),
        errand.name,
        str(errand.standing),
        errand.attempts,
        errand.next_try,
        errand.reason,
        int(errand.doomed),
        errand.report,
        int(errand.light),
        errand.done,
        errand.total,
    )


def _errand(row: Sequence[object]) -> Errand:
    place, what, name, standing, attempts, next_try, reason, doomed, report, light, done, total = (
        row
    )
    return Errand(
        what=What(str(what)),
        name=str(name),
        place=int(str(place)),
        standing=Standing(str(standing)),
        attempts=int(str(attempts)),
        next_try=float(str(next_try)),
        reason=str(reason),
        doomed=bool(doomed),
        report=str(report),
        light=bool(light),
        done=int(str(done)),
        total=int(str(total)),
    )
