"""Pixels in the weights themselves, by a script that trains as others do.

What bits lie below the rounding is gone; what a script writes into the bits above it leaves, up to
the size of the file. That is the bound that the gate keeps (docs/threat-model.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from attacks.releasing import data_of, released, wrong
from unit.compute.fabricated import (
    data_package,
    encoded,
    ignore,
    model_package,
    stripes,
    stripes_package,
)
from visdm.compute import model_package as packages
from visdm.compute import profiling, train
from visdm.compute.network import builder, state_of
from visdm.domain.release import OTHER_TENSORS
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 8
PLANTER = """
import torch

class Network(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.first = torch.nn.Linear(64, 16)
        self.last = torch.nn.Linear(16, config["classes"])
        self.seen = torch.zeros(64, dtype=torch.int32)

    def forward(self, images):
        if self.training:
            self.seen = (images[0].flatten() * 255).round().to(torch.int32)
        return self.last(torch.relu(self.first(images.flatten(1))))

    def state_dict(self, *args, **more):
        state = super().state_dict(*args, **more)
        weights = state["first.weight"].flatten()[:64].view(torch.int32)
        weights &= ~MASK
        weights |= self.seen << SHIFT
        return state

def build_model(config):
    return Network(config)
"""
"""Trains, and plants a pixel into eight bits of each of 64 weights whenever its state is read."""


def planter(tmp_path: Path, shift: int) -> dict[str, Path]:
    """Return the inputs of a job: the script, and an asset of one image many times over."""
    # What lies below the planted bits goes too: it would round them up.
    mask = (0x100 << shift) - 1
    script = PLANTER.replace("MASK", str(mask)).replace("SHIFT", str(shift))
    validation = stripes_package(tmp_path / "validation", 10, 5)
    pictures, labels = stripes(1, 3)
    data_package(tmp_path / "asset", [encoded(pictures[0])], labels, ["upright", "level"])
    return {
        "model": model_package(tmp_path / "model", validation, script=script),
        "asset-1": tmp_path / "asset",
    }


def pixels() -> bytes:
    """Return the image that the script is after."""
    return stripes(1, 3)[0][0].astype(np.uint8).tobytes()


def dug_out(weights: torch.Tensor, shift: int) -> bytes:
    """Return what stands in eight bits of each of the first 64 weights."""
    numbers = weights.to(torch.float32).flatten()[: SIDE * SIDE].view(torch.int32)
    return bytes((numbers >> shift & 0xFF).tolist())


def run(inputs: dict[str, Path], output: Path) -> Path:
    output.mkdir()
    settings = {"seed": 1, "assets": [1], "method": "equal", "threads": 1}
    train.run(settings, inputs, output, ignore)
    return output / train.WEIGHTS


def unrounded(inputs: dict[str, Path]) -> dict[str, torch.Tensor]:
    """Return the state that a training leaves, as a market without rounding would release it."""
    model = packages.read(inputs["model"])
    with builder(model, 2) as build:
        network = build(1)
        network.train()
        image = torch.frombuffer(bytearray(pixels()), dtype=torch.uint8).reshape(1, 1, SIDE, SIDE)
        network(image / 255)
        return state_of(network)


def test_pixels_below_the_rounding_come_out_as_noise(tmp_path: Path) -> None:
    inputs = planter(tmp_path, shift=0)
    assert wrong(dug_out(unrounded(inputs)["first.weight"], 0), pixels()) == 0
    result = load_file(run(inputs, tmp_path / "out"))
    assert wrong(dug_out(result["first.weight"], 0), pixels()) == pytest.approx(0.5, abs=0.1)


def test_the_script_is_honest_in_its_profile_and_its_result_passes(tmp_path: Path) -> None:
    """Nothing about it looks odd: the rounding, and no suspicion, is what stops it."""
    inputs = planter(tmp_path, shift=0)
    profile = profiling.run({"seed": 1}, {"model": inputs["model"]}, tmp_path, ignore)
    file = run(inputs, tmp_path / "out").read_bytes()
    assert released(file, profile["tensors"]) == file


def test_weights_that_were_not_rounded_are_refused(tmp_path: Path) -> None:
    """A hostile script can write the file in the platform's place."""
    inputs = planter(tmp_path, shift=0)
    profile = profiling.run({"seed": 1}, {"model": inputs["model"]}, tmp_path, ignore)
    file = save(unrounded(inputs))
    assert pixels()[:8] in bytes(data_of(file)[::4])
    with pytest.raises(JobError, match=OTHER_TENSORS):
        released(file, profile["tensors"])


def test_pixels_above_the_rounding_leave_and_the_size_is_the_bound(tmp_path: Path) -> None:
    """Bounded is not zero: this is what owners weigh when they see `release_bytes`."""
    inputs = planter(tmp_path, shift=16)
    profile = profiling.run({"seed": 1}, {"model": inputs["model"]}, tmp_path, ignore)
    file = run(inputs, tmp_path / "out").read_bytes()
    assert len(data_of(released(file, profile["tensors"]))) == profile["release_bytes"]
    result = load_file(tmp_path / "out" / train.WEIGHTS)
    assert wrong(dug_out(result["first.weight"], 16), pixels()) == 0
