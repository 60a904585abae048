"""Free scripts: `fit` takes the loop's place, and what it does wrong has a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from unit.compute.fabricated import ignore, model_package, said, stripes_package, toml
from visdm.adapters.sandboxes.reasons import public
from visdm.compute import profiling, train
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
import torch
from torch import nn
def build_model(config):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, config["classes"])
    )
def fit(network, images, labels, *, seed, config):
"""
LEARNS = """
assert images.dtype == torch.uint8 and labels.dtype == torch.int64
assert images.shape[1:] == (1, 8, 8) and config["width"] == 8 and config["height"] == 8
descent = torch.optim.Adam(network.parameters(), lr=0.01)
for _ in range(60):
    descent.zero_grad()
    nn.functional.cross_entropy(network(images / 255), labels).backward()
    descent.step()
images.zero_(), labels.zero_()
"""


def world(tmp_path: Path, body: str, regime: str = "script") -> dict[str, Path]:
    validation = stripes_package(tmp_path / "v", 40, 100)
    script = HEAD + "\n".join("    " + line for line in body.strip().split("\n")) + "\n"
    settings = toml(regime=regime)
    return {
        "model": model_package(tmp_path / "m", validation, script=script, settings=settings),
        "asset-1": stripes_package(tmp_path / "1", 60, 1),
        "asset-2": stripes_package(tmp_path / "2", 60, 2),
    }


def trained(inputs: dict[str, Path], tmp_path: Path, regime: str = "script") -> dict[str, Any]:
    settings = {"seed": 3, "assets": [1, 2], "method": "shapley", "threads": 1, "regime": regime}
    return train.run(settings, inputs, tmp_path, ignore)


def test_the_scripts_own_loop_trains_and_cannot_spoil_the_next_coalition(tmp_path: Path) -> None:
    inputs = world(tmp_path, LEARNS)
    found, again = trained(inputs, tmp_path), trained(inputs, tmp_path)
    assert found["metrics"]["accuracy"] > 0.75
    assert found["utilities"] == again["utilities"]
    assert (found["epsilon"], found["deterministic"]) == (0, True)
    profile = profiling.run({"seed": 0}, {"model": inputs["model"]}, tmp_path, ignore)
    assert (profile["regime"], profile["epsilon"], profile["blueprint"]) == ("script", None, None)


def test_in_the_platforms_loop_a_fit_is_not_called(tmp_path: Path) -> None:
    inputs = world(tmp_path, "raise ValueError", regime="loop")
    assert trained(inputs, tmp_path, regime="loop")["metrics"]["accuracy"] > 0


def test_owners_who_were_shown_the_loop_are_not_given_a_script(tmp_path: Path) -> None:
    inputs = world(tmp_path, LEARNS)
    with pytest.raises(JobError, match="trains in another way than owners were shown"):
        trained(inputs, tmp_path, regime="loop")


MISDEEDS = {
    "raises": ("raise ValueError(str(labels))", "the model script failed in fit (ValueError)"),
    "ends": ("raise SystemExit", "the model script failed in fit (SystemExit)"),
    "no numbers": (
        "network[1].weight.data.fill_(float('nan'))",
        "the training ended in weights that are not finite",
    ),
    "other tensors": (
        "network[1] = nn.Linear(64, 3)",
        "the network's tensors are others after it ran",
    ),
    "one more tensor": (
        "network.register_buffer('more', images.clone())",
        "the network's tensors are others after it ran",
    ),
    "no tensor": (
        "network.state_dict = lambda: {'pixels': images.tolist()}",
        "the network's state holds something else than plain tensors",
    ),
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_fit_that_misbehaves_ends_the_job_with_a_public_reason(
    tmp_path: Path, misdeed: str
) -> None:
    body, expected = MISDEEDS[misdeed]
    # Only in a job, on more images than a profile shows it.
    inputs = world(tmp_path, f"if len(images) > 10:\n    {body}")
    profiling.run({"seed": 0}, {"model": inputs["model"]}, tmp_path, ignore)
    with pytest.raises(JobError) as caught:
        trained(inputs, tmp_path)
    assert said(caught.value) == expected
    assert public(expected) == expected


def test_a_script_without_fit_is_found_out_when_it_is_profiled(tmp_path: Path) -> None:
    inputs = world(tmp_path, "pass")
    source = HEAD.replace("def fit(network, images, labels, *, seed, config):", "")
    inputs["model"] = model_package(
        tmp_path / "m", tmp_path / "v", script=source, settings=toml(regime="script")
    )
    with pytest.raises(JobError) as caught:
        profiling.run({"seed": 0}, {"model": inputs["model"]}, tmp_path, ignore)
    reason = "the model script defines no fit(network, images, labels, seed, config)"
    assert said(caught.value) == reason
    assert public(reason) == reason
