"""Learning takes the steps of torch's own optimizers, and starts without torch's compiler."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from visdm.compute.descent import MOMENTUM, Adam, Sgd

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.compute.descent import Descent

RATES = (0.1, 0.05, 0.02, 0.01, 0.0)
PAIRS = {
    "sgd": (Sgd, lambda weights: torch.optim.SGD(weights, lr=1.0, momentum=MOMENTUM)),
    "adam": (Adam, lambda weights: torch.optim.Adam(weights, lr=1.0, fused=True)),
}
STARTED = """
import sys
import torch
from visdm.compute import determinism
from visdm.compute.descent import Adam, Sgd
determinism.settle(1)
assert torch.are_deterministic_algorithms_enabled()
for made in (Sgd, Adam):
    network = torch.nn.Linear(3, 2)
    descent = made(network.parameters(), 0.1)
    network(torch.ones(1, 3)).sum().backward()
    descent.step()
    descent.clear()
assert "torch._dynamo" not in sys.modules, "torch's compiler was loaded"
"""


def network() -> nn.Module:
    """Return one with a layer that learns from the third step on, and one that never does."""
    torch.manual_seed(3)
    made = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(27, 5))
    made.add_module("late", nn.Linear(5, 5))
    made.add_module("never", nn.Linear(5, 5))
    return made


def loss(made: nn.Module, step: int) -> torch.Tensor:
    images = torch.rand((4, 1, 5, 5), generator=torch.Generator().manual_seed(step))
    answers: torch.Tensor = images
    for layer in list(made.children())[:4]:
        answers = layer(answers)
    if step > 1:
        answers = made.get_submodule("late")(answers)
    return nn.functional.cross_entropy(answers, torch.arange(4))


@pytest.mark.parametrize("kind", PAIRS)
def test_every_step_is_that_of_torchs_optimizer_to_the_last_bit(kind: str) -> None:
    makes: tuple[type[Descent], Callable[[Any], torch.optim.Optimizer]] = PAIRS[kind]
    ours, theirs = network(), network()
    descent, optimizer = makes[0](ours.parameters(), 1.0), makes[1](theirs.parameters())
    before = [weight.detach().clone() for weight in ours.parameters()]
    for step, rate in enumerate(RATES):
        descent.rate = rate
        optimizer.param_groups[0]["lr"] = rate
        descent.clear()
        optimizer.zero_grad(set_to_none=True)
        loss(ours, step).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        loss(theirs, step).backward()  # type: ignore[no-untyped-call]  # as above
        descent.step()
        optimizer.step()
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(mine, other)
    moved = [not torch.equal(a, b) for a, b in zip(before, ours.parameters(), strict=True)]
    assert moved == [True] * 6 + [False] * 2


def test_a_job_that_compiles_nothing_does_not_wait_for_torchs_compiler() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
