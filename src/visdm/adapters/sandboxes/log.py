"""What a job prints: progress, which is passed on, and a log, which is the provider's."""

from __future__ import annotations

import re
from collections import deque
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from visdm.ports import Progress

LOG_LIMIT = 1 << 20
"""Bytes of log that are kept: the first half, and the last."""

_HALF = LOG_LIMIT // 2
_LINE = re.compile(rb"progress (\d{1,12}) (\d{1,12})")
_LONGEST_LINE = 40


class Log:
    """Keeps the start and the end of what is written; the middle of a flood is dropped."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._head = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def write(self, text: bytes) -> None:
        """Take some bytes."""
        room = _HALF - self._head
        self._head += self._file.write(text[:room])
        if rest := text[room:]:
            self._tail.append(rest)
            self._tail_size += len(rest)
        while self._tail_size > _HALF:
            surplus = min(self._tail_size - _HALF, len(self._tail[0]))
            first = self._tail.popleft()
            if surplus < len(first):
                self._tail.appendleft(first[surplus:])
            self._tail_size -= surplus
            self._dropped += surplus

    def close(self) -> None:
        """Write the end out."""
        if self._dropped:
            self._file.write(b"\n[%d bytes dropped]\n" % self._dropped)
        self._file.writelines(self._tail)
        self._file.close()


class ProgressLines:
    """Finds the lines `progress DONE TOTAL` in a stream; the rest goes to the log.

    A line from the sandbox may say anything: numbers that make no sense are logged. Of many
    lines only the last before each `tell` counts, so a flood costs the caller nothing.
    """

    def __init__(self, log: Log, progress: Progress) -> None:
        self._log = log
        self._progress = progress
        self._partial = b""
        self._latest: tuple[int, int] | None = None

    def write(self, text: bytes) -> None:
        """Take some bytes."""
        *whole, partial = (self._partial + text).split(b"\n")
        for line in whole:
            self._take(line, b"\n")
        self._partial = partial
        if len(partial) > _LONGEST_LINE:
            self._log.write(partial)
            self._partial = b""

    def tell(self) -> None:
        """Pass the latest progress on."""
        if self._latest is not None:
            latest, self._latest = self._latest, None
            self._progress(*latest)

    def close(self) -> None:
        """Take what was left unended."""
        self._take(self._partial, b"")
        self._partial = b""

    def _take(self, line: bytes, end: bytes) -> None:
        said = _LINE.fullmatch(line)
        if said and int(said[1]) <= int(said[2]):
            self._latest = int(said[1]), int(said[2])
        else:
            self._log.write(line + end)
