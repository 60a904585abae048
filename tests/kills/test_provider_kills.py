"""A provider that is killed at any instant ends each job once, and leaves nothing decrypted."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = 16
"""Kills in `make test`; `make kills` does two hundred."""

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.timeout(7200)
def test_killed_at_any_instant_each_job_settles_once_and_nothing_decrypted_nor_running_is_left(
    tmp_path: Path,
) -> None:
    kills = int(os.environ.get("VISDM_KILLS", SAMPLE))
    seed = random.randrange(1 << 32)  # noqa: S311  # another campaign every time; shown on failure
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "kills.provider", str(tmp_path), str(kills), str(seed)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    said = json.loads(done.stdout)
    assert said["step"] + said["random"] + said["not_reached"] == kills
    assert said["step"] >= kills // 4
    assert said["random"] >= kills // 4
    sys.stdout.write(f"seed {seed}: {said}\n")
