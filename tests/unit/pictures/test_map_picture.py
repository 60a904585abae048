from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from unit.pictures.maps import DOLLARS, NASTY, scene
from visdm.domain.maps import Map
from visdm.pictures.png import MOST_ENTRIES, png
from visdm.pictures.scene import CLASS, Scene, light


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=int)


def seen(picture: np.ndarray, colour: str) -> int:
    """Count the pixels that are about of a colour."""
    wanted = [int(light()[colour][k : k + 2], 16) for k in (1, 3, 5)]
    return int((np.abs(picture - wanted).max(axis=2) <= 2).sum())


def test_the_picture_is_the_same_each_time_and_wide_enough_to_read() -> None:
    once = png(scene())
    assert once == png(scene())
    height, width, _ = pixels(once).shape
    assert width >= 1_400
    assert height >= 700


def test_each_of_eight_classes_has_its_colour_in_the_legend() -> None:
    names = tuple(f"class {k}" for k in range(8))
    few = pixels(png(replace(scene(32, names), groups=(CLASS,))))
    assert all(seen(few, f"c{k}") > 20 for k in range(8))
    one = pixels(png(replace(scene(32), groups=(CLASS,))))
    assert seen(one, "c0") > 20
    assert seen(one, "c5") == 0


def test_classes_beyond_the_legend_share_its_last_entry() -> None:
    names = tuple(f"class {k}" for k in range(3 * MOST_ENTRIES))
    assert seen(pixels(png(replace(scene(96, names), groups=(CLASS,)))), "soft") > 20


@pytest.mark.parametrize("name", [DOLLARS, NASTY, "_hidden", "猫 и ε 🐈", "x" * 200, "%d %s {0}"])
def test_strangers_names_are_text_and_nothing_else(name: str) -> None:
    told = replace(scene(8, (name, "dog")), names={1: name, 2: name})
    assert pixels(png(told)).shape[2] == 3


def test_a_map_of_nothing_and_of_centres_alone_are_pictures_too() -> None:
    empty = Map((), ("pca", "tsne"))
    assert png(Scene("Nothing", empty))
    assert png(Scene("Centres", replace(empty, centres=scene().map.centres)))
