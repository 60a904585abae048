"""An IPFS node of somebody else in a process of its own, asked over its standard input."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LIMIT = 60.0
"""Seconds for an answer; the longest takes a few."""


class Peer:
    """A running node: each request is one line of JSON, and so is each answer."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid
        self.address = self._answer()["address"]

    def ask(self, do: str, **what: object) -> dict[str, str]:
        """Return the answer to a request. Whatever is not an answer in time fails the test."""
        assert self._process.stdin is not None
        try:
            # Past the buffer, which would be flushed into the broken pipe once more on closing.
            request = json.dumps({"do": do, **what}, default=str) + "\n"
            os.write(self._process.stdin.fileno(), request.encode())
        except BrokenPipeError:
            raise AssertionError(self._ended()) from None
        return self._answer()

    def _answer(self) -> dict[str, str]:
        assert self._process.stdout is not None
        # A call into Kubo cannot be interrupted; the end of the process ends the reading here.
        timer = threading.Timer(LIMIT, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        assert line, self._ended()
        answer: dict[str, str] = json.loads(line)
        assert "error" not in answer, answer
        return answer

    def _ended(self) -> str:
        return f"{self._process.args!r} ended, or gave no answer: {self._log.read_text()[-2000:]}"


@contextmanager
def running(command: Sequence[str], folder: Path) -> Iterator[Peer]:
    """Run a node, in `folder`, as long as the context lasts."""
    log = folder / "log"
    with (
        log.open("w") as file,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            cwd=folder,
        ) as process,
    ):
        try:
            yield Peer(process, log)
        finally:
            process.kill()
