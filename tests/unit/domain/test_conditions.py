"""Conditions on images: how they are written, and what a summary tells of how many meet them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.conditions import NUMBERS, RELATIONS, WORDS, Condition, Share, all_met
from visdm.errors import InputError

COMPARED = {
    ">=": np.greater_equal,
    "<=": np.less_equal,
    ">": np.greater,
    "<": np.less,
    "=": np.equal,
    "!=": np.not_equal,
}


@given(st.sampled_from(NUMBERS), st.sampled_from(RELATIONS), st.integers(-(10**5), 10**5))
def test_what_is_written_is_read_back(column: str, relation: str, value: int) -> None:
    condition = Condition(column, relation, float(value))
    assert Condition.parse(str(condition)) == condition
    assert Condition.parse(f" {column} {relation} {value} ") == condition


@given(st.text())
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    with suppress(InputError):
        assert Condition.parse(text).column in NUMBERS + WORDS


@pytest.mark.parametrize(
    "text",
    ["", "sharpness", ">=5", "sharpness>=", "sharpness>=nan", "sharpness>=1e999", "mode>=RGB"],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Condition.parse(text)


def summary(values: np.ndarray, *, aggregate: bool) -> dict[str, Any]:
    measure: dict[str, Any] = {"mean": float(values.mean()), "std": float(values.std())}
    if not aggregate:
        measure["deciles"] = np.quantile(values, np.linspace(0, 1, 11)).tolist()
    return {"quality": {"sharpness": measure}}


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=80),
    st.sampled_from(RELATIONS),
    st.integers(-1, 51),
    st.booleans(),
)
def test_the_bounds_hold_whatever_the_images_are(
    values: list[int],
    relation: str,
    bound: int,
    aggregate: bool,  # noqa: FBT001  # drawn
) -> None:
    images = np.array(values, float)
    share = Condition("sharpness", relation, float(bound)).share(
        summary(images, aggregate=aggregate), len(images)
    )
    met = float(COMPARED[relation](images, bound).mean())
    assert share.least - 1e-9 <= met <= share.most + 1e-9
    assert 0 <= share.least <= share.likely <= share.most <= 1


def test_the_guess_is_near_where_the_images_are_many_and_normal() -> None:
    values = np.random.default_rng(1).normal(100, 20, 10_000)
    for aggregate in (False, True):
        share = Condition("sharpness", ">=", 110.0).share(
            summary(values, aggregate=aggregate), len(values)
        )
        assert share.likely == pytest.approx(float((values >= 110).mean()), abs=0.02)
        assert not share.known


def test_sizes_classes_and_modes_are_told_as_far_as_they_are() -> None:
    told = {"width": [32, 64], "class_counts": {"cat": 30, "dog": 10}, "modes": {"RGB": 36}}
    for text, expected in (
        ("width>=32", Share(1, 1, 1)),
        ("width>64", Share(0, 0, 0)),
        ("width>=40", Share(0, 0, 1)),
        ("class=cat", Share(0.75, 0.75, 0.75)),
        ("class!=cat", Share(0.25, 0.25, 0.25)),
        ("class=cow", Share(0, 0, 0)),
        ("mode=RGB", Share(0.9, 0.9, 0.9)),
        ("mode=L", Share(0, 0, 0.1)),
        ("bytes>=1", Share(0, 0, 1)),
    ):
        found = Condition.parse(text).share(told, 40)
        assert (found.least, found.likely, found.most) == pytest.approx(
            (expected.least, expected.likely, expected.most)
        ), text


@given(st.lists(st.lists(st.booleans(), min_size=20, max_size=20), min_size=1, max_size=4))
def test_several_conditions_are_bounded_together(met: list[list[bool]]) -> None:
    every = np.array(met)
    together = all_met([Share.exactly(float(row.mean())) for row in every])
    truth = float(every.all(axis=0).mean())
    assert together.least - 1e-9 <= truth <= together.most + 1e-9
    assert together.least <= together.likely <= together.most
