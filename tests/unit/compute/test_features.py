from __future__ import annotations

import numpy as np
import pytest

from unit.compute.public import projections, with_cell
from unit.compute.public import shifted as columns
from visdm.compute.features import FAR, NAMES, QUALITIES, Standard, raw
from visdm.compute.images import BASIS, QUALITY


def test_features_are_the_columns_of_the_public_table() -> None:
    assert tuple(QUALITIES) == QUALITY
    assert len(NAMES) == len(QUALITY) + len(BASIS) == 23


def test_features_are_standardised_and_a_constant_one_says_nothing() -> None:
    found = columns(200, seed=1)
    found["noise"] = np.full(200, 3.3)
    features = raw(found, projections(found))
    standardised = Standard.of(features)(features)
    told = np.delete(standardised, NAMES.index("noise"), axis=1)
    assert np.allclose(told.mean(axis=0), 0)
    assert np.allclose(told.std(axis=0), 1)
    assert (standardised[:, NAMES.index("noise")] == 0).all()


def test_skewed_measures_enter_by_their_logarithm() -> None:
    found = columns(3, seed=1)
    found["sharpness"] = np.array([0.0, np.e - 1, np.e**2 - 1])
    found["brightness"] = np.array([0.0, 1.0, 2.0])
    features = raw(found, projections(found))
    assert features[:, NAMES.index("sharpness")] == pytest.approx([0, 1, 2])
    assert features[:, NAMES.index("brightness")] == pytest.approx([0, 1, 2])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e30])
@pytest.mark.parametrize("name", QUALITY)
def test_a_row_with_a_number_that_no_image_has_is_marked(name: str, value: float) -> None:
    found = with_cell(columns(4, seed=1), name, 2, value)
    features = raw(found, projections(found))
    assert np.isnan(features).any(axis=1).tolist() == [False, False, True, False]
    assert np.isnan(features[2]).all()


def test_what_joins_a_map_is_placed_no_further_than_far() -> None:
    standard = Standard(np.zeros(2), np.array([1e-5, 1.0]))
    assert standard(np.array([[100.0, 1.0]])).tolist() == [[FAR, 1.0]]
