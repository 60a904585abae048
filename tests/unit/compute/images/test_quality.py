from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]  # it ships no types

from unit.compute.fabricated import encoded
from unit.compute.images.pictures import MODES, in_mode, picture
from visdm.compute.images import BASIS, STEP, converted, decode, measure


def test_a_flat_image_measures_as_flat() -> None:
    flat = measure([decode(encoded(np.full((20, 30), 77)))])[0]
    assert (flat.brightness, flat.contrast, flat.sharpness, flat.entropy) == (77.0, 0.0, 0.0, 0.0)
    assert flat.projection == [round(77 * 8 / STEP)] + [0] * (len(BASIS) - 1)


def test_measures_of_a_chessboard_are_those_computed_by_hand() -> None:
    board = np.indices((16, 16)).sum(axis=0) % 2 * 200
    found = measure([decode(encoded(board))])[0]
    # Each Laplacian is 4 x 200 off, up or down: its variance is 800 squared.
    assert (found.brightness, found.contrast, found.entropy) == (100.0, 100.0, 1.0)
    assert found.sharpness == 640_000.0


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (1, 40)])
def test_images_too_small_to_have_edges_are_measured(shape: tuple[int, int]) -> None:
    assert measure([decode(encoded(np.full(shape, 9)))])[0].sharpness == 0.0


def test_noise_is_sharper_than_a_picture_and_a_blur_less() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64))
    image = decode(encoded(picture(channels=1)))
    blurred = image.resize((16, 12)).resize((64, 48))
    sharpness = [m.sharpness for m in measure([blurred, image, decode(encoded(noise))])]
    assert sharpness == sorted(sharpness)
    assert sharpness[0] * 4 < sharpness[1] < sharpness[2] / 4


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.integers(1, 256))
def test_measures_are_those_of_their_formulas(
    width: int, height: int, seed: int, levels: int
) -> None:
    source = np.random.default_rng(seed)
    pixels = source.integers(0, levels, (height, width, 3)).astype(np.uint8)
    image = Image.fromarray(pixels)
    found = measure([image])[0]
    grey = np.asarray(image.convert("L"), dtype=float)
    red, green, blue = np.moveaxis(pixels.astype(float), 2, 0)
    shares = np.bincount(grey.astype(int).ravel(), minlength=256) / grey.size
    assert found.brightness == pytest.approx(grey.mean())
    assert found.contrast == pytest.approx(grey.std(), abs=1e-6)
    some = shares[shares > 0]
    assert found.entropy == pytest.approx(-(some * np.log2(some)).sum(), abs=1e-9)
    pairs = (red - green, (red + green) / 2 - blue)
    spread = np.sqrt(sum(pair.var() for pair in pairs))
    offset = np.sqrt(sum(pair.mean() ** 2 for pair in pairs))
    assert found.colorfulness == pytest.approx(spread + 0.3 * offset, abs=1e-6)
    if min(width, height) >= 3:
        laplacian = ndimage.convolve(grey, [[0, 1, 0], [1, -4, 1], [0, 1, 0]])[1:-1, 1:-1]
        mask = ndimage.convolve(grey, [[1, -2, 1], [-2, 4, -2], [1, -2, 1]])[1:-1, 1:-1]
        assert found.sharpness == pytest.approx(laplacian.var(), abs=1e-6)
        sigma = np.sqrt(np.pi / 2) / 6 * np.abs(mask).mean()
        assert found.noise == pytest.approx(sigma, abs=1e-9)


def test_sums_in_strips_are_those_of_the_whole() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (700, 1100, 3), dtype=np.uint8)
    found = measure([Image.fromarray(pixels)])[0]
    grey = np.asarray(Image.fromarray(pixels).convert("L"), dtype=float)
    laplacian = ndimage.convolve(grey, [[0, 1, 0], [1, -4, 1], [0, 1, 0]])[1:-1, 1:-1]
    assert found.sharpness == pytest.approx(laplacian.var())
    red, green, blue = np.moveaxis(pixels.astype(float), 2, 0)
    pairs = (red - green, (red + green) / 2 - blue)
    spread = np.sqrt(sum(pair.var() for pair in pairs))
    offset = np.sqrt(sum(pair.mean() ** 2 for pair in pairs))
    assert found.colorfulness == pytest.approx(spread + 0.3 * offset)


@pytest.mark.parametrize("mode", MODES)
def test_histograms_count_the_levels_of_greys_and_of_each_colour(mode: str) -> None:
    image = in_mode(np.random.default_rng(3).integers(0, 256, (9, 14, 3)).astype(np.uint8), mode)
    found = measure([image])[0]
    assert found.histogram == converted(image, "L").histogram()
    colours = converted(image, "RGB").histogram()
    assert found.histogram_red + found.histogram_green + found.histogram_blue == colours
    assert found.mode == image.mode
    assert found.channels == len(image.getbands())
