"""What a network is said to cost, against what it does cost."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from visdm.compute.costs import Allocations, costs

REAL = """
import json, sys, torch
from torch import nn
from types import SimpleNamespace
from visdm.compute.costs import costs
from visdm.compute.training import learn, optimizer, prepared
from unit.compute.test_costs import NETWORKS, package

def told(name):
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1]) * 1024

name, batch = sys.argv[1], int(sys.argv[2])
model = package((3, 32, 32), batch, "adam")
torch.set_num_threads(1)
warm = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))
for again in range(2):  # what libraries set up once is no part of a network
    few = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    learn(warm, optimizer(warm, model.config), few, torch.zeros(2, dtype=torch.int64))
open("/proc/self/clear_refs", "w").write("5")
before = told("VmRSS")
network = NETWORKS[name]()
images = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8)
descent = optimizer(network, model.config)
for again in range(2):  # from the second on the optimizer has its state
    learn(network, descent, images, torch.arange(batch) % 10)
grown = told("VmHWM") - before
print(json.dumps([costs(network, model, 10).training, grown]))
"""


def package(shape: tuple[int, int, int], batch: int, optimizer: str = "sgd") -> Any:  # noqa: ANN401 - as much of a package as is looked at
    config = SimpleNamespace(batch=batch, optimizer=optimizer, learning_rate=0.001)
    return SimpleNamespace(shape=shape, config=config)


class Transformer(nn.Module):
    """A small vision transformer."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        layer = nn.TransformerEncoderLayer(width, 8, 4 * width, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Answer."""
        words = self.patches(images).flatten(2).transpose(1, 2)
        answers: torch.Tensor = self.head(self.encoder(words).mean(1))
        return answers


def perceptron() -> nn.Module:
    wide = [layer for _ in range(3) for layer in (nn.Linear(2048, 2048), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 2048), *wide, nn.Linear(2048, 10))


def convolutions() -> nn.Module:
    def stage(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)]
    return nn.Sequential(*stage(3, 64, 1), *stage(64, 64, 1), *stage(64, 128, 2), *pooled)


NETWORKS = {
    "perceptron": perceptron,
    "convolutions": convolutions,
    "transformer": lambda: Transformer(256, 6),
}


@pytest.mark.parametrize(
    ("name", "batch"), [("perceptron", 128), ("convolutions", 96), ("transformer", 32)]
)
def test_training_memory_is_told_within_a_fifth_of_what_a_process_grows(
    name: str, batch: int
) -> None:
    """With an allocator that gives back what is free; one that keeps it takes up to twice that."""
    done = subprocess.run(
        [sys.executable, "-c", REAL, name, str(batch)],
        env={"PYTHONPATH": ":".join(sys.path), "MALLOC_MMAP_THRESHOLD_": "65536"},
        capture_output=True,
        check=True,
        timeout=300,
    )
    told, grown = json.loads(done.stdout)
    assert told > 100e6
    assert 0.8 < told / grown < 1.2


def test_attention_is_counted_although_it_can_run_as_one_operation() -> None:
    found = costs(Transformer(64, 2), package((3, 32, 32), 4), 10)
    words = 64
    products = 2 * 2 * words * (4 * 64 * 64 + 2 * 64 * 256)  # two layers' weights
    attended = 2 * 2 * 2 * words * words * 64  # and what words look at each other
    least, most = products, products + attended + 2 * words * 64 * 48 + 2 * 64 * 10
    assert least < found.forward <= most
    # Training is forward, and about twice that backward, attention computed anew in between.
    assert 2.9 * found.forward < found.step < 3.6 * found.forward
    assert torch.backends.mha.get_fastpath_enabled()


def test_weights_that_are_tied_are_held_once() -> None:
    first, second = nn.Linear(300, 300), nn.Linear(300, 300)
    apart = costs(nn.Sequential(nn.Flatten(), first, second), package((1, 15, 20), 2), 300)
    second.weight = first.weight
    tied = costs(nn.Sequential(nn.Flatten(), first, second), package((1, 15, 20), 2), 300)
    assert apart.inference - tied.inference == 4 * 300 * 300


def test_memory_of_a_large_batch_is_told_without_having_it() -> None:
    network = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = costs(network, package((3, 4096, 4096), 65_536), 64)
    assert found.inference_batch > 65_536 * 64 * 4096 * 4096 * 4
    assert found.traced == "fake"


def test_what_is_let_go_is_counted_no_more_and_views_not_twice() -> None:
    with Allocations() as seen:
        held = torch.ones(1000)
        view = held[:10].reshape(2, 5)
        assert seen.alive == 4000
        del held
        assert seen.alive == 4000
        del view
        assert seen.alive == 0
    assert seen.peak == 4000


def test_profiling_leaves_the_network_as_it_was() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10), nn.BatchNorm1d(10))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    costs(network, package((3, 8, 8), 4), 10)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
