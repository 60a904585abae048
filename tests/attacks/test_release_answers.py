"""Pixels in what a training answers: in the decimals of its metrics, in how finely it counts."""

from __future__ import annotations

from typing import Any

import pytest

from attacks.releasing import SECRET, wrong
from visdm.domain.answers import MAX_LOSS, read_trained
from visdm.errors import JobError

STEP = 2.0**-48
"""A four-byte number of these steps is lost in the fifth decimal, and none of a float's bits."""


def answer(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a script's choice
    return {
        "validation": 40,
        "utilities": [],
        "metrics": {"accuracy": 0.5, "loss": 0.5},
        "kept": {"1": 20},
        "left_out": {},
        **changes,
    }


def hidden(number: int) -> float:
    return 0.5 + number * STEP


def found(metric: float) -> bytes:
    return round((metric - 0.5) / STEP).to_bytes(4, signed=False)


def published(**changes: Any) -> dict[str, float]:  # noqa: ANN401 - a script's choice
    return dict(read_trained(answer(**changes), "equal", [1]).metrics)


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_pixels_in_the_low_decimals_of_a_metric_are_rounded_away(metric: str) -> None:
    told, came = b"", b""
    for start in range(0, len(SECRET), 4):
        said = {
            "accuracy": 0.5,
            "loss": 0.5,
            metric: hidden(int.from_bytes(SECRET[start : start + 4])),
        }
        told += found(said[metric])
        came += found(published(metrics=said)[metric])
    assert wrong(told) == 0
    assert wrong(came) == pytest.approx(0.5, abs=0.1)


def test_an_accuracy_is_a_share_of_the_images_and_nothing_between() -> None:
    """Of forty images there are 41 accuracies: five bits, not fifty."""
    told = {n: published(metrics={"accuracy": n / 1000, "loss": 0.5}) for n in range(1001)}
    assert len({metrics["accuracy"] for metrics in told.values()}) == 41


def test_where_right_answers_are_told_the_accuracy_is_what_they_make() -> None:
    """Told twice it could be told in two ways."""
    counts = [[[], 3], [[1], 30]]
    said = answer(utilities=counts, metrics={"accuracy": 0.123, "loss": 0.5})
    assert read_trained(said, "shapley", [1]).metrics["accuracy"] == 0.75


@pytest.mark.parametrize("loss", [float(MAX_LOSS + 1), 1e300, 10**400, int.from_bytes(SECRET)])
def test_pixels_in_a_loss_beyond_any_are_cut_off(loss: float) -> None:
    assert published(metrics={"accuracy": 0.5, "loss": loss})["loss"] == MAX_LOSS


def test_the_sign_of_a_zero_is_no_message() -> None:
    assert str(published(metrics={"accuracy": 0.5, "loss": -0.0})["loss"]) == "0.0"


@pytest.mark.parametrize(
    "metrics",
    [
        {"accuracy": SECRET.hex(), "loss": 0.5},
        {"accuracy": list(SECRET), "loss": 0.5},
        {"accuracy": 0.5, "loss": float("nan")},
        {"accuracy": True, "loss": 0.5},
        {"accuracy": 1.0001, "loss": 0.5},
        {"accuracy": 0.5, "loss": -1},
        {"accuracy": 0.5},
    ],
)
def test_what_is_no_metric_is_refused(metrics: dict[str, Any]) -> None:
    with pytest.raises(JobError, match="agreed shape"):
        published(metrics=metrics)


def test_words_beside_the_agreed_ones_go_nowhere() -> None:
    text = SECRET.hex()
    said = answer(
        classes=[text],
        versions={text: text},
        seconds=int.from_bytes(SECRET),
        metrics={"accuracy": 0.5, "loss": 0.5, text: 1},
    )
    assert read_trained(said, "equal", [1]) == read_trained(answer(), "equal", [1])
