"""Small real images, so that a whole trade takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
