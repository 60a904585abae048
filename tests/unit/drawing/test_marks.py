"""Marks: told apart by colour and by shape."""

from __future__ import annotations

import re

import pytest

from visdm.drawing.marks import COLOURS, SHAPES, mark, style_of


def test_eight_assets_differ_in_colour_and_in_shape() -> None:
    styles = [style_of(place) for place in range(8)]
    assert len({colour for colour, _ in styles}) == len({shape for _, shape in styles}) == 8
    assert len({style_of(place) for place in range(COLOURS * len(SHAPES))}) == 64


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mark_stays_within_its_size(shape: str) -> None:
    path = mark(shape, 0, 0, 10)
    if shape != "circle":
        numbers = [abs(float(n)) for n in re.findall(r"-?\d+\.\d", path)]
        assert 8 < max(numbers) <= 13.5
    assert path.endswith("z")
