"""The log: a line an event, as JSON or for people, on one stream.

What is told are errands' names, public reasons, our own words and numbers. Addresses of nodes and
stores may hold a key, so of a URL only scheme, host and port are written.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, TextIO

from visdm.ports import Level

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 500
"""Characters of one value."""

_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)(?:[^\s/?#]*@)?([^\s/?#@]*)[^\s]*")
_ORDER = list(Level)


class Style(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


class Journal:
    """Writes events of `least` level and above to `stream`; any thread may."""

    def __init__(
        self,
        stream: TextIO,
        style: Style,
        least: Level = Level.INFO,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stream = stream
        self._style = style
        self._least = _ORDER.index(least)
        self._clock = clock
        self._lock = Lock()

    def tell(self, level: Level, event: str, **said: str | float) -> None:
        """Write a line. A stream that is gone keeps nobody from working."""
        if _ORDER.index(level) < self._least:
            return
        told = {name: plain(value) for name, value in said.items()}
        at = datetime.fromtimestamp(self._clock(), UTC)
        line = _json(at, level, event, told)
        if self._style is Style.TEXT:
            line = _text(at, level, event, told)
        with self._lock, suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()


def plain(value: str | float) -> str | float:
    """Return a value fit for a line: without controls, not too long, and URLs without secrets."""
    if not isinstance(value, str):
        return value
    shown = "".join(char if char.isprintable() else "\ufffd" for char in value)
    return _URL.sub(r"\1\2", shown)[:LONGEST]


def _json(at: datetime, level: Level, event: str, told: dict[str, str | float]) -> str:
    head = {"time": at.isoformat(timespec="milliseconds"), "level": str(level), "event": event}
    return json.dumps({**head, **told}, ensure_ascii=False)


def _text(at: datetime, level: Level, event: str, told: dict[str, str | float]) -> str:
    errand = told.pop("errand", "")
    said = "  ".join(f"{name}={value}" for name, value in told.items() if value != "")
    subject = f"{errand} {event}" if errand else event
    return f"{at:%H:%M:%S} {level:7} {subject}{'  ' if said else ''}{said}"
