"""Killed two hundred times, nothing half-done stands under a final name, and a retry ends well."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from kills.operations import OPERATIONS

KILLS = 200 // len(OPERATIONS)
TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_any_instant_it_leaves_all_or_nothing_and_ends_well_when_tried_again(
    name: str, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311  # another campaign every time; shown on failure
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "kills.campaign", name, str(tmp_path), str(KILLS), str(seed)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"seed {seed}: {done.stderr}"
    said = json.loads(done.stdout)
    assert said["steps"] > 0
    assert said["steps"] + said["at_random"] >= KILLS
