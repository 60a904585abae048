"""What a test may answer: a consumer's script may have answered in the platform's place."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.testing import MAX_LOSS, MIN_IMAGES, document, read_measured
from visdm.errors import JobError

HONEST: dict[str, Any] = {
    "correct": {"3": 25, "5": 9},
    "samples": {"3": 30, "5": 12},
    "left_out": {"5": {"3": 4}},
    "loss": 0.123456,
}


def test_an_honest_answer_is_read() -> None:
    found = read_measured(HONEST, [3, 5])
    assert (found.correct, found.by_asset, found.kept) == (34, {3: 25, 5: 9}, {3: 30, 5: 12})
    assert found.metrics == {"accuracy": 0.8095, "loss": 0.1235}


@pytest.mark.parametrize(
    "changes",
    [
        {"correct": {"3": 31, "5": 9}},
        {"correct": {"3": -1, "5": 9}},
        {"correct": {"3": 25.0, "5": 9}},
        {"correct": {"3": True, "5": 9}},
        {"correct": {"3": 25}},
        {"correct": {"3": 25, "5": 9, "6": 0}},
        {"correct": [25, 9]},
        {"samples": {"3": 30}},
        {"samples": {"3": 30, "5": 12, "6": 1}},
        {"samples": {"3": 30, "5": 0}, "correct": {"3": 25, "5": 0}},
        {"samples": {"3": 30, "5": 2**63}},
        {"left_out": {"3": {"5": 1}}},
        {"left_out": None},
        {"loss": -0.1},
        {"loss": math.nan},
        {"loss": "0.1"},
        {"loss": True},
        {"loss": None},
    ],
)
def test_an_answer_out_of_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(JobError, match="agreed shape"):
        read_measured({**HONEST, **changes}, [3, 5])


def test_an_answer_over_too_few_images_is_refused() -> None:
    few = {"correct": {"3": 5, "5": 1}, "samples": {"3": 5, "5": 4}, "left_out": {}, "loss": 1.0}
    with pytest.raises(JobError, match=f"at least {MIN_IMAGES} images"):
        read_measured(few, [3, 5])


def test_right_answers_by_asset_are_told_of_none_where_one_is_small() -> None:
    """A single image's answer would follow from the sum and the others'."""
    found = read_measured({**HONEST, "samples": {"3": 30, "5": 9}}, [3, 5])
    assert (found.correct, found.by_asset) == (34, {})
    told = json.loads(document(found.kept, found.correct, found.by_asset, found.metrics))
    assert told["assets"] == {"3": {"images": 30}, "5": {"images": 9}}


@pytest.mark.parametrize("loss", [MAX_LOSS + 1, 1e300, 10**400, math.inf])
def test_a_loss_with_a_message_in_its_digits_is_cut(loss: float) -> None:
    assert read_measured({**HONEST, "loss": loss}, [3, 5]).loss == MAX_LOSS


@given(
    right=st.tuples(st.integers(0, 30), st.integers(0, 12)),
    loss=st.floats(0, allow_nan=False),
    more=st.dictionaries(st.text(), st.text()),
)
def test_a_script_chooses_counts_and_seven_digits_and_nothing_else(
    right: tuple[int, int], loss: float, more: dict[str, str]
) -> None:
    said = {**more, **HONEST, "correct": {"3": right[0], "5": right[1]}, "loss": loss}
    found = read_measured(said, [3, 5])
    told = json.loads(document(found.kept, found.correct, found.by_asset, found.metrics))
    steps = told.pop("loss") * 10_000
    assert abs(steps - round(steps)) < 1e-6 * max(1.0, steps)
    assert 0 <= round(steps) <= MAX_LOSS * 10_000
    assert told == {
        "format": 1,
        "images": 42,
        "correct": sum(right),
        "accuracy": round(sum(right) / 42, 4),
        "assets": {
            "3": {"images": 30, "correct": right[0]},
            "5": {"images": 12, "correct": right[1]},
        },
    }
