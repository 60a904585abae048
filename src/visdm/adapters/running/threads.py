"""Errands in threads of this process: `visdm.ports.Workers`."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from visdm.errors import VisdmError
from visdm.ports import Ended

if TYPE_CHECKING:
    from collections.abc import Callable


class Threads:
    """Each work has a thread of its own, called as its errand.

    What a work does for long happens in a sandbox, which is a process: threads are enough, and die
    with the provider at whatever instant it dies.
    """

    def __init__(self) -> None:
        self._ended: SimpleQueue[Ended | None] = SimpleQueue()

    def begin(self, key: str, work: Callable[[], None]) -> None:
        """Begin a work."""
        Thread(target=self._do, args=(key, work), name=key, daemon=True).start()

    def wait(self, seconds: float) -> list[Ended]:
        """Return what has ended, as soon as something has or `wake` is called."""
        found: list[Ended] = []
        try:
            ended = self._ended.get(timeout=seconds)
            while True:
                if ended is not None:
                    found.append(ended)
                ended = self._ended.get_nowait()
        except Empty:
            return found

    def wake(self) -> None:
        """Let `wait` return at once: fit for a signal's handler."""
        self._ended.put(None)

    def _do(self, key: str, work: Callable[[], None]) -> None:
        begun = time.monotonic()
        fault, crash = None, ""
        try:
            work()
        except VisdmError as error:
            fault = error
        except BaseException as error:  # noqa: BLE001  # a thread's end must be heard of, however it comes
            # By its type alone: its words may hold anything.
            crash = type(error).__name__
        self._ended.put(Ended(key, time.monotonic() - begun, fault, crash))
