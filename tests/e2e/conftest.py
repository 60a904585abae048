"""Small real images, so that a whole trade takes seconds; and a trade that has been made."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from e2e.processes import demo
from visdm.demo.images import write_digits

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("0", "1", "7")
IMAGES = 14
"""Per class: one to validate on, one held out, and twelve to share."""


@pytest.fixture(scope="session")
def few_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a class-per-folder tree of 42 handwritten digits."""
    everything = tmp_path_factory.mktemp("digits")
    write_digits(everything)
    few = tmp_path_factory.mktemp("few")
    for name in CLASSES:
        (few / name).mkdir()
        for file in sorted((everything / name).iterdir())[:IMAGES]:
            (few / name / file.name).write_bytes(file.read_bytes())
    return few


@pytest.fixture(scope="session")
def traded(few_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a demo of three suppliers left; all workers of a run share it, to copy it."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    with FileLock(place / "traded.lock"):
        if not (place / "traded").exists():
            # Under its name only when it ended well: no worker takes up a broken one.
            demo(place / "trading", "--data", few_images, "--suppliers", "3")
            (place / "trading").rename(place / "traded")
    return place / "traded"


@pytest.fixture(scope="module")
def finished(traded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a module's own copy of it, for one process at a time opens a market."""
    out = tmp_path_factory.mktemp("finished") / "out"
    shutil.copytree(traded, out)
    return out
