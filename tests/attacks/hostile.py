"""Hostile scripts, the jobs that run them, and how the host's processes are watched meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from visdm.adapters.sandboxes import Bubblewrap
from visdm.ports import Computation, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Attack = Callable[..., tuple[Any, Any]]

Make = type[Bubblewrap]
"""A kind of sandbox."""

PRELUDE = """
import json, os, signal, socket, sys, time
job = json.load(open(sys.argv[-1]))
out, given, inputs = job["output"], job["settings"], job["inputs"]
def tries(attempt):
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"
def answer(value):
    with open(out + "/answer.json", "w") as file:
        json.dump({"got": value}, file)
"""
SLEEP = "import time; time.sleep(60)"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the provider is not root here")


def script(text: str) -> tuple[str, str]:
    return ("-c", PRELUDE + textwrap.dedent(text))


def computation(
    settings: Mapping[str, Any], inputs: Mapping[str, Path], **limits: int
) -> Computation:
    return Computation("attack", settings, inputs, Limits(**{"seconds": 60, **limits}))


def plain(text: str, folder: Path, *, seconds: int = 60, **settings: object) -> str:
    """Run a script with nothing around it, not even our bounds; return what it printed.

    Its output folder is `folder`.
    """
    folder.mkdir(exist_ok=True)
    job = folder.with_name(f"{folder.name}.json")
    job.write_text(json.dumps({"output": str(folder), "settings": settings, "inputs": {}}))
    done = subprocess.run(
        [sys.executable, *script(text), str(job)], capture_output=True, check=True, timeout=seconds
    )
    return done.stdout.decode()


@contextmanager
def bystander(**variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host that has nothing to do with the job."""
    with subprocess.Popen([sys.executable, "-c", SLEEP], env=variables) as process:
        try:
            yield process
        finally:
            process.kill()


def processes(token: str) -> list[int]:
    """Return the processes of the host with `token` among their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if token.encode() in words:
            found.append(int(path.parent.name))
    return found


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
