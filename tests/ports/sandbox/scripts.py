"""A script as the program of a sandbox, and the types of the suite's fixtures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from visdm.ports import Sandbox

Make = Callable[..., Sandbox]
"""Makes a sandbox of one kind with the options given."""

Run = Callable[..., Mapping[str, Any]]
"""Runs a script in a sandbox and returns its answer."""

PRELUDE = """
import json, os, subprocess, sys, time
job = json.load(open(sys.argv[1]))
out = job["output"]
def answer(value):
    with open(out + "/answer.json", "w") as file:
        json.dump(value, file)
"""
"""What a script starts with: it has `job`, `out` and `answer` at hand."""
