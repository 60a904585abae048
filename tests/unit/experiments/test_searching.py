"""The measurement of the search for copies, in small."""

from __future__ import annotations

import numpy as np
from PIL import Image

from visdm.compute.duplicates import Hashes, within
from visdm.experiments.metadata.alterations import ALTERATIONS
from visdm.experiments.metadata.duplicates import digits, looked, random, recall, search, uneven


def real() -> Hashes:
    """Return what a hundred random pictures are compared by."""
    source = np.random.default_rng(0)
    coarse = [source.integers(0, 256, (6, 6, 3)).astype(np.uint8) for _ in range(100)]
    return looked(Image.fromarray(c).resize((48, 48), Image.Resampling.BICUBIC) for c in coarse)


def test_all_that_is_planted_is_found_and_nothing_else() -> None:
    for name, made in (("random", random), ("uneven", uneven)):
        found = search(name, made(400, 2, real()), made(400, 1, real()), 2, "")
        assert (found.planted, found.found) == (200, 200)
        assert found.others == 0 or name == "uneven"


def test_handwritten_digits_are_not_copies_of_each_other() -> None:
    """They are 8x8, many look alike, and the demo trades them."""
    written = looked(digits())
    assert len(written) == 1797
    assert (within(written) == -1).all()


def test_every_alteration_is_tried() -> None:
    found = recall("digits", digits()[:20], None)
    assert set(found.found) == set(ALTERATIONS)
    assert found.found["without colour"] == 1
    assert (found.within, found.against) == (0, None)
