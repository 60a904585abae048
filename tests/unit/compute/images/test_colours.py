from __future__ import annotations

import numpy as np
from PIL import Image

from visdm.compute.images.colours import BLACK, GREY, NONE, class_counts, classified

BORDERS = np.linspace(0, 255, 7)[1:-1]
"""Of hues, as the library has them."""


def test_every_colour_there_is_has_the_class_that_pillow_gives_it() -> None:
    channel = np.arange(256, dtype=np.uint8)
    for reds in np.split(channel, 16):
        grid = np.stack(np.meshgrid(reds, channel, channel, indexing="ij"), axis=-1)
        image = Image.fromarray(grid.reshape(-1, 256, 3))
        hue, saturation, _ = (np.asarray(band) for band in image.convert("HSV").split())
        grey = np.asarray(image.convert("L"))
        sixths = np.digitize(hue, BORDERS).astype(np.uint8)
        expected = np.select(
            [grey < 32, saturation < 85, saturation < 170, saturation > 170],
            [np.uint8(BLACK), np.uint8(GREY), sixths, sixths + np.uint8(6)],
            np.uint8(NONE),
        )
        red, green, blue = (np.asarray(band) for band in image.split())
        assert np.array_equal(classified(red, green, blue, grey), expected)


def test_counts_are_of_all_pixels_of_each_picture() -> None:
    source = np.random.default_rng(0)
    bands = source.integers(0, 256, (4, 3, 70, 900), dtype=np.uint8)
    counts = class_counts(*bands)
    for place in range(3):
        classes = classified(*bands[:, place])
        assert counts[place].tolist() == np.bincount(classes.ravel(), minlength=15).tolist()
    assert np.array_equal(class_counts(*bands[:, :1]), counts[:1])
