from __future__ import annotations

import numpy as np
import pytest

from unit.compute.fabricated import encoded
from unit.compute.images.pictures import picture
from visdm.compute.images import BASIS, STEP, decode, measure


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
