from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from unit.compute.fabricated import DEMO, ignore, model_package, said, stripes_package, toml
from visdm.compute import profiling
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

LINEAR = """
import torch
def build_model(config):
    size = config["channels"] * config["height"] * config["width_px"]
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(size, 20), torch.nn.ReLU(),
        torch.nn.Linear(20, config["classes"]),
    )
"""

MODULE = """
import torch
class Network(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.classes = config["classes"]
        self.head = torch.nn.Linear(64, config["classes"])
    def forward(self, images):
        {forward}
def build_model(config):
    return Network(config)
"""


def profile(tmp_path: Path, script: str | None, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - a program's settings
    validation = stripes_package(tmp_path / "v", 4, 0)
    written = settings.pop("settings", None)
    model = model_package(tmp_path / "m", validation, script=script, settings=written)
    found = profiling.run({"seed": 1, **settings}, {"model": model}, tmp_path, ignore)
    plain: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    return plain


def test_a_small_network_profiles_as_counted_by_hand(tmp_path: Path) -> None:
    found = profile(tmp_path, LINEAR)
    assert found["parameters"] == found["trainable"] == 64 * 20 + 20 + 20 * 2 + 2
    assert found["depth"] == 4
    assert found["layers"] == [
        {"name": "0", "type": "Flatten", "parameters": 0, "output": [64]},
        {"name": "1", "type": "Linear", "parameters": 64 * 20 + 20, "output": [20]},
        {"name": "2", "type": "ReLU", "parameters": 0, "output": [20]},
        {"name": "3", "type": "Linear", "parameters": 20 * 2 + 2, "output": [2]},
    ]
    # Training computes the gradients of both layers' weights, and of the second one's input.
    assert found["gflops"] == {
        "forward": pytest.approx(2 * (64 * 20 + 20 * 2) / 1e9),
        "training": pytest.approx((4 * 64 * 20 + 6 * 20 * 2) / 1e9),
    }
    assert found["traced"] == "fake"
    assert found["epsilon"] is None
    assert found["tensors"] == {
        "1.weight": ["BF16", [20, 64]],
        "1.bias": ["BF16", [20]],
        "3.weight": ["BF16", [2, 20]],
        "3.bias": ["BF16", [2]],
    }
    assert found["release_bytes"] == 2 * found["parameters"]
    assert found["classes"] == ["level", "upright"]
    assert found["output"] == {"shape": [2]}
    assert found["input"] == {"mode": "L", "shape": [1, 8, 8]}
    assert found["name"] == "test model"
    assert found["config"] == {"width": 8}
    assert found["training"]["optimizer"] == "adam"


def test_memory_is_what_is_alive_at_the_same_time(tmp_path: Path) -> None:
    found = profile(tmp_path, LINEAR)
    weights = 4 * found["parameters"]
    image, floats = 64, 4 * 64
    # As the second layer answers: one image and its floats, what the ReLU made, two answers.
    one = found["memory"]["inference"] - weights
    assert image + floats < one <= image + 2 * floats + 4 * (20 + 20 + 2)
    # Beside the weights: gradients, and two numbers a weight that Adam keeps.
    assert found["memory"]["training"] > 4 * weights
    assert found["memory"]["training"] < 4 * weights + 16 * (image + 3 * floats)
    plain = profile(tmp_path, LINEAR, settings=toml(optimizer="sgd"))
    less = found["memory"]["training"] - plain["memory"]["training"]
    assert weights <= less <= weights + 64


def test_a_job_with_other_classes_has_another_head(tmp_path: Path) -> None:
    found = profile(tmp_path, LINEAR, classes=9)
    assert found["output"] == {"shape": [9]}
    assert found["tensors"]["3.bias"] == ["BF16", [9]]


def test_the_same_model_profiles_the_same(tmp_path: Path) -> None:
    assert profile(tmp_path, None) == profile(tmp_path, None)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
@pytest.mark.parametrize("side", [8, 9, 33, 64])
def test_the_demo_network_takes_images_of_any_size(
    tmp_path: Path, mode: str, channels: int, side: int
) -> None:
    settings = (DEMO / "visdm.toml").read_text()
    settings = settings.replace('mode = "L"', f'mode = "{mode}"')
    settings = settings.replace("size = [8, 8]", f"size = [{side}, {side}]")
    found = profile(tmp_path, None, settings=settings.encode(), classes=4)
    assert found["input"]["shape"] == [channels, side, side]
    assert found["output"] == {"shape": [4]}
    assert found["parameters"] < 300_000


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        ("return self.head(images)", "the model script failed on synthetic images (RuntimeError)"),
        (
            "return self.head(images.flatten(1))[:, :1]",
            "the network must answer 2 images with 2 x 2 numbers",
        ),
        (
            "return self.head(images.flatten(1)).mean(0)",
            "the network must answer 2 images with 2 x 2 numbers",
        ),
        (
            "return self.head(images.flatten(1)).argmax(1)",
            "the network must answer 2 images with 2 x 2 numbers",
        ),
        ("return None", "the network must answer 2 images with 2 x 2 numbers"),
        (
            "return self.head(images.flatten(1)).detach()",
            "the model script failed while training (RuntimeError)",
        ),
        (
            "return self.head(images.flatten(1)) / 0",
            "the network's answers are not finite numbers",
        ),
    ],
)
def test_a_network_that_cannot_work_is_found_out_before_data_is_near(
    tmp_path: Path, forward: str, reason: str
) -> None:
    with pytest.raises(JobError) as caught:
        profile(tmp_path, MODULE.replace("{forward}", forward))
    assert said(caught.value) == reason


def test_an_operation_that_cannot_be_repeated_exactly_is_found_out(tmp_path: Path) -> None:
    forward = """
        answers = self.head(images.flatten(1))
        places = torch.zeros(4, dtype=torch.int64)
        return answers + torch.zeros(4).put_(places, torch.ones(4)).sum()
"""
    with pytest.raises(JobError, match=r"on synthetic images \(RuntimeError\)"):
        profile(tmp_path, MODULE.replace("{forward}", forward.strip()))
