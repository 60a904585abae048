"""`visdm` in a process of its own, as its user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("VISDM")}


def visdm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "visdm", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=CLEAN)


def demo(out: Path, *options: str | Path) -> dict[str, Any]:
    ended = visdm("demo", "--json", "--out", out, *options)
    assert ended.returncode == 0, ended.stderr
    summary: dict[str, Any] = json.loads(ended.stdout)
    return summary


def begin(out: Path, *options: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "visdm", "demo", "--json", "--out", out, *options]
    return subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=CLEAN,
    )
