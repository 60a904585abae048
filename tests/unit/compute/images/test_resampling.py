from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from visdm.compute.images import resampling
from visdm.compute.images.resampling import reduced

SIZES = ((8, 8), (9, 8), (32, 32), (64, 64), (256, 256), (300, 300))


def by_pillow(greys: np.ndarray, size: tuple[int, int]) -> list[list[int]]:
    resized = Image.fromarray(greys).resize(size, Image.Resampling.LANCZOS)
    pixels: list[list[int]] = np.asarray(resized).tolist()
    return pixels


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 600), st.integers(1, 600), st.integers(0, 2**32), st.sampled_from([2, 256]))
def test_greys_are_reduced_to_the_pixels_that_pillow_gives(
    width: int, height: int, seed: int, levels: int
) -> None:
    source = np.random.default_rng(seed)
    drawn = source.integers(0, levels, (2, height, width)) * (255 // (levels - 1))
    greys = drawn.astype(np.uint8)
    for size, found in zip(SIZES, reduced(greys, *SIZES), strict=True):
        for one, pixels in zip(greys, found, strict=True):
            assert pixels.tolist() == by_pillow(one, size)


def test_many_images_are_reduced_a_few_at_a_time_to_what_each_is_alone() -> None:
    few = resampling._NUMBERS // 64**2
    greys = np.random.default_rng(1).integers(0, 256, (2 * few + 3, 20, 30), dtype=np.uint8)
    (found,) = reduced(greys, (64, 64))
    assert found.tolist() == [by_pillow(one, (64, 64)) for one in greys]


@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("width", [20, 33, 100])
def test_the_passes_change_places_where_pillows_do(width: int, over: int) -> None:
    height = 8 + 2 * (width - 8) + over
    greys = np.random.default_rng(width).integers(0, 256, (1, height, width), dtype=np.uint8)
    assert reduced(greys, (8, 8))[0][0].tolist() == by_pillow(greys[0], (8, 8))


def test_a_pillow_that_works_otherwise_is_left_to_do_it_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resampling, "_ORDERS", not resampling._ORDERS)
    resampling._agrees.cache_clear()
    greys = np.random.default_rng(0).integers(0, 256, (1, 300, 40), dtype=np.uint8)
    try:
        assert not resampling._agrees()
        assert reduced(greys, (8, 8))[0][0].tolist() == by_pillow(greys[0], (8, 8))
    finally:
        resampling._agrees.cache_clear()


def test_doubtful_weights_are_worked_out_as_pillow_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resampling._weights(317, 32)
    monkeypatch.setattr(resampling, "_DOUBTFUL", 1.0)
    after = resampling._weights(317, 32)
    assert before[0].tolist() == after[0].tolist()
    assert before[1].tolist() == after[1].tolist()
