"""Program `test`: figures over a dataset, of weights that fit, each picture once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save

from unit.compute.fabricated import (
    data_package,
    encoded,
    ignore,
    model_package,
    said,
    stripes,
    stripes_package,
    toml,
)
from visdm.compute import evaluate, profiling, testing, train
from visdm.compute.train import WEIGHTS
from visdm.domain.testing import read_measured
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

    Inputs = dict[str, Path]

SETTINGS: dict[str, Any] = {"assets": [4, 7], "threads": 1}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return weights that were trained on other stripes, as a job releases them."""
    place = tmp_path_factory.mktemp("trained")
    validation = stripes_package(place / "v", 20, 100)
    inputs = {
        "model": model_package(place / "m", validation, settings=toml(epochs=3)),
        "asset-1": stripes_package(place / "1", 80, 50),
    }
    settings = {"seed": 3, "assets": [1], "method": "equal", "threads": 1}
    train.run(settings, inputs, place, ignore)
    return place / WEIGHTS


@pytest.fixture
def world(tmp_path: Path, weights: Path) -> Inputs:
    """A model with weights, and two assets."""
    validation = stripes_package(tmp_path / "v", 6, 100)
    return {
        "model": model_package(tmp_path / "m", validation, weights=weights.read_bytes()),
        "asset-4": stripes_package(tmp_path / "4", 40, 1),
        "asset-7": stripes_package(tmp_path / "7", 30, 2, wrong=0.5),
    }


def measured(inputs: Inputs, output: Path, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - a program's settings
    found = testing.run({**SETTINGS, **settings}, inputs, output, ignore)
    plain: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    return plain


def refused(inputs: Inputs, output: Path, **settings: Any) -> str:  # noqa: ANN401 - as above
    with pytest.raises(JobError) as caught:
        measured(inputs, output, **settings)
    return said(caught.value)


def with_weights(inputs: Inputs, tmp_path: Path, content: bytes) -> Inputs:
    validation = stripes_package(tmp_path / "v", 6, 100)
    return {**inputs, "model": model_package(tmp_path / "m2", validation, weights=content)}


def test_a_test_measures_each_asset_as_evaluating_it_by_itself_does(
    world: Inputs, weights: Path, tmp_path: Path
) -> None:
    found = measured(world, tmp_path)
    alone = {
        asset: evaluate.run(
            {"classes": ["level", "upright"]},
            {"model": world["model"], "weights": weights, "package": world[f"asset-{asset}"]},
            tmp_path,
            ignore,
        )
        for asset in ("4", "7")
    }
    assert found["correct"] == {asset: one["correct"] for asset, one in alone.items()}
    assert found["samples"] == {"4": 40, "7": 30}
    loss = sum(one["loss"] * one["samples"] for one in alone.values()) / 70
    assert found["loss"] == pytest.approx(loss, abs=1e-6)
    assert found["correct"]["4"] > 30
    assert found["correct"]["7"] < 25
    read = read_measured(found, [4, 7])
    assert read.correct == sum(found["correct"].values())


def test_a_picture_counts_once_for_the_earlier_asset(world: Inputs, tmp_path: Path) -> None:
    """An owner could bring what others have, and be paid for it like them."""
    pictures, labels = stripes(40, 1)
    more, others = stripes(12, 9)
    mixed = data_package(
        tmp_path / "9",
        [encoded(p) for p in pictures[:20] + more],
        labels[:20] + others,
        ["upright", "level"],
    )
    found = measured({**world, "asset-9": mixed}, tmp_path, assets=[4, 9])
    assert found["samples"] == {"4": 40, "9": 12}
    assert found["left_out"] == {"9": {"4": 20}}


def test_an_asset_of_nothing_but_copies_is_not_paid_for_a_test(
    world: Inputs, tmp_path: Path
) -> None:
    """The contract splits a test equally: what adds nothing cannot be left out, but refused."""
    world["asset-9"] = world["asset-4"]
    assert refused(world, tmp_path, assets=[4, 7, 9]) == (
        "the asset 9 holds nothing but copies of earlier assets of the job"
    )


def test_figures_over_a_few_images_are_not_made(world: Inputs, tmp_path: Path) -> None:
    """What nine images are, each, would be read off them by few questions."""
    world["asset-4"] = stripes_package(tmp_path / "few", 5, 1)
    world["asset-7"] = stripes_package(tmp_path / "fewer", 4, 2)
    assert refused(world, tmp_path) == (
        "a test is over at least 10 images, and its assets hold fewer"
    )
    world["asset-7"] = stripes_package(tmp_path / "enough", 5, 2)
    assert measured(world, tmp_path)["samples"] == {"4": 5, "7": 5}


def test_weights_of_full_width_and_with_metadata_fit_as_well(
    world: Inputs, weights: Path, tmp_path: Path
) -> None:
    state = {name: value.float() for name, value in load_file(weights).items()}
    wide = with_weights(world, tmp_path, save(state, {"format": "pt"}))
    assert {**measured(wide, tmp_path), "seconds": 0} == {**measured(world, tmp_path), "seconds": 0}


def spoilt(weights: Path, how: str) -> bytes:
    state = load_file(weights)
    first = next(iter(state))
    if how == "a tensor more":
        state["more"] = torch.zeros(1)
    elif how == "a tensor fewer":
        del state[first]
    elif how == "another shape":
        state[first] = torch.zeros(3, 3)
    elif how == "another name":
        state["other"] = state.pop(first)
    else:
        state[first] = torch.zeros(state[first].shape, dtype=torch.int64)
    return save(state)


@pytest.mark.parametrize(
    "how",
    ["a tensor more", "a tensor fewer", "another shape", "another name", "another type"],
)
def test_weights_of_another_network_are_refused_in_profile_and_test(
    world: Inputs, weights: Path, tmp_path: Path, how: str
) -> None:
    other = with_weights(world, tmp_path, spoilt(weights, how))
    with pytest.raises(JobError, match="the weights do not fit the model"):
        profiling.run({"seed": 0}, {"model": other["model"]}, tmp_path, ignore)
    assert refused(other, tmp_path) == "the weights do not fit the model"


@pytest.mark.parametrize("content", [b"", b"not safetensors", bytes(64)])
def test_weights_that_are_no_safetensors_are_refused(
    world: Inputs, tmp_path: Path, content: bytes
) -> None:
    other = with_weights(world, tmp_path, content)
    assert refused(other, tmp_path) == "the weights are not a readable safetensors file"


def test_a_model_without_weights_is_not_tested(world: Inputs, tmp_path: Path) -> None:
    plain = model_package(tmp_path / "m2", stripes_package(tmp_path / "v2", 6, 100))
    assert refused({**world, "model": plain}, tmp_path) == (
        "the model package has no weights.safetensors"
    )


def test_a_profile_says_whether_weights_are_brought(world: Inputs, tmp_path: Path) -> None:
    plain = model_package(tmp_path / "m2", stripes_package(tmp_path / "v2", 6, 100))
    told = [
        profiling.run({"seed": 0}, {"model": model}, tmp_path, ignore)["weights"]
        for model in (world["model"], plain)
    ]
    assert told == [True, False]


def test_a_test_leaves_no_file(world: Inputs, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    measured(world, output)
    assert list(output.iterdir()) == []
