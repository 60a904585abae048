from __future__ import annotations

import imagehash
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unit.compute.fabricated import encoded
from unit.compute.images.pictures import picture
from visdm.compute.images import STEP, WAVES, decode, measure, project


@given(st.integers(0, 2**32))
def test_the_projection_is_the_nearest_whole_step_of_the_cosine_coefficients(seed: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (8, 8))
    found = project(Image.fromarray(grey.astype(np.uint8)))
    x = np.arange(8)
    for (_, v, u), steps in zip(WAVES[:10], found[:10], strict=True):
        wave = np.outer(np.cos(np.pi * (x + 0.5) * v / 8), np.cos(np.pi * (x + 0.5) * u / 8))
        scale = (1 / 8) * (1 if v == 0 else 2**0.5) * (1 if u == 0 else 2**0.5)
        assert abs(steps * STEP - scale * (grey * wave).sum()) <= STEP / 2 + 1e-6
        assert -128 <= steps <= 128
    assert found[10:] == [0] * 6


def test_fine_detail_does_not_enter_what_is_published() -> None:
    smooth = np.asarray(Image.fromarray(picture(channels=1).astype(np.uint8)).resize((128, 128)))
    fine = smooth.astype(int).clip(40, 215) + 40 * (-1) ** np.indices((128, 128)).sum(axis=0)
    plain, detailed = measure([decode(encoded(p)) for p in (smooth.clip(40, 215), fine)])
    assert plain.sharpness * 10 < detailed.sharpness
    assert max(np.abs(np.subtract(plain.projection, detailed.projection))) <= 1
    for name in ("average_hash", "perceptual_hash", "difference_hash"):
        one, two = (imagehash.hex_to_hash(getattr(m, name)) for m in (plain, detailed))
        assert one - two <= 4
