"""The platform's loop with differential privacy (DP-SGD): ADR 16 says what is promised.

In every step each image is drawn with the same chance (Poisson sampling), its gradient is cut to
a length of at most `clip`, and Gaussian noise is added to the sum. Each image's gradient is found
by Opacus (https://opacus.ai). Drawing and noise are the operating system's secret numbers: what
follows from the job's public seed, or from the 32 bits that torch seeds its own generator with,
anybody could take away again. So a private training is not the same twice.

The network is one of `visdm.compute.blueprints`: nobody's code runs here but the platform's.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from opacus import GradSampleModule  # type: ignore[import-untyped]  # it ships no types
from torch.nn.functional import cross_entropy

from visdm.compute.accounting import Sampling
from visdm.compute.determinism import sow
from visdm.compute.training import optimizer, prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

    from visdm.compute.samples import Samples
    from visdm.domain.models import ModelConfig

TOGETHER, NUMBERS = 256, 1 << 26
"""Images whose gradients are held at once, fewer where these would be more numbers than that."""

TINY = 1e-6
"""Beside a gradient's length, which may be 0."""

_BITS = 53
"""Of a uniform number, as many as a float64 tells apart."""


def uniform(count: int) -> np.ndarray:
    """Return secret numbers between 0 and 1, neither of them included: float64 (count,)."""
    drawn = np.frombuffer(os.urandom(8 * count), np.uint64) >> np.uint64(64 - _BITS)
    return (drawn.astype(np.float64) + 0.5) * 2.0**-_BITS


def gaussian(count: int) -> np.ndarray:
    """Return secret numbers of mean 0 and deviation 1 (Box and Muller): float64 (count,)."""
    half = -(-count // 2)
    length = np.sqrt(-2 * np.log(uniform(half)))
    angle = 2 * np.pi * uniform(half)
    return np.concatenate([length * np.cos(angle), length * np.sin(angle)])[:count]


class Sums:
    """Adds up the gradients of single images, each cut to a length, and hides them in noise."""

    def __init__(self, weights: Iterable[nn.Parameter], clip: float, noise: float) -> None:
        self.weights = list(weights)
        self._clip, self._noise = clip, noise
        self._sums = [torch.zeros_like(weight) for weight in self.weights]

    @torch.no_grad()
    def add(self) -> None:
        """Take in the gradients that Opacus left, shape (images, *weight's shape).

        A gradient that is not finite has no length to cut; what is not finite in it counts 0.
        """
        found = [_taken(weight) for weight in self.weights]
        lengths = [gradient.reshape(len(gradient), -1).norm(dim=1) for gradient in found]
        factors = (self._clip / (torch.stack(lengths, 1).norm(dim=1) + TINY)).clamp(max=1.0)
        for total, gradient in zip(self._sums, found, strict=True):
            total.add_(torch.einsum("i,i...", factors, gradient))

    @torch.no_grad()
    def release(self, expected: float) -> None:
        """Set the weights' gradients: sums and noise over so many images; begin anew.

        The noise's deviation is the noise multiplier times the clip.
        """
        deviation = self._noise * self._clip
        for weight, total in zip(self.weights, self._sums, strict=True):
            noise = torch.from_numpy(deviation * gaussian(weight.numel())).view(weight.shape)
            weight.grad = ((total.double() + noise) / expected).to(weight.dtype)
            total.zero_()


def _taken(weight: Any) -> Tensor:  # noqa: ANN401 - a parameter, with what Opacus hangs on it
    gradient: Tensor = weight.grad_sample.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
    weight.grad_sample = None
    return gradient


def fit_privately(
    network: nn.Module,
    samples: Samples,
    chosen: Tensor,
    recipe: ModelConfig,
    seed: int,
    noise: float,
) -> None:
    """Train on the samples at the indices `chosen` (int64) with a noise multiplier.

    `seed` fixes what drop-out leaves out, and nothing else. No loss is looked at: whatever
    followed from it would tell of images without noise.
    """
    sow(seed)
    sampling = Sampling.of(len(chosen), recipe.batch, recipe.epochs)
    network.train()
    watched = GradSampleModule(network, loss_reduction="sum")
    descent = optimizer(network, recipe)
    sums = Sums(network.parameters(), recipe.clip or 0.0, noise)
    for done in range(sampling.steps):
        descent.rate = recipe.learning_rate * (1 - done / sampling.steps)
        drawn = chosen[torch.from_numpy(uniform(len(chosen)) < sampling.rate)]
        gather(watched, sums, samples, drawn)
        sums.release(sampling.rate * len(chosen))
        descent.step()
    watched.to_standard_module()


def together(weights: int) -> int:
    """Return of how many images the gradients for so many weights are held at once."""
    return max(1, min(TOGETHER, NUMBERS // weights))


def gather(watched: nn.Module, sums: Sums, samples: Samples, drawn: Tensor) -> None:
    """Add up the gradients of the images drawn, which may be none: then the noise is alone."""
    size = together(sum(weight.numel() for weight in sums.weights))
    for piece in torch.split(drawn, size) if len(drawn) else ():
        answers = watched(prepared(samples.images[piece])).float()
        loss = cross_entropy(answers, samples.labels[piece], reduction="sum")
        with warnings.catch_warnings():
            # Images need no gradient, which torch thinks a hook might have wanted.
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        sums.add()
