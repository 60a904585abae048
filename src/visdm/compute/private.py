"""The platform's loop with differential privacy (DP-SGD): ADR 16 says what is promised.

In every step each image is drawn with the same chance (Poisson sampling), its gradient is cut to
a length of at most `clip`, and Gaussian noise is added to the sum. Clipping is that of Opacus
(https://opacus.ai); the drawing and the noise are ours, from the operating system's secret random
numbers: what follows from the job's public seed, or from the 32 bits that torch seeds its own
generator with, anybody could take away again. So a private training is not the same twice.

The network is one of `visdm.compute.blueprints`: nobody's code runs here but the platform's.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from opacus import GradSampleModule  # type: ignore[import-untyped]  # it ships no types
from opacus.optimizers import DPOptimizer  # type: ignore[import-untyped]  # as above
from torch.nn.functional import cross_entropy

from visdm.compute.accounting import Sampling
from visdm.compute.determinism import sow
from visdm.compute.training import optimizer, prepared

if TYPE_CHECKING:
    from torch import Tensor, nn

    from visdm.compute.samples import Samples
    from visdm.domain.models import ModelConfig

TOGETHER, NUMBERS = 256, 1 << 26
"""Images whose gradients are held at once, fewer where these would be more numbers than that."""

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


class PrivateOptimizer(DPOptimizer):  # type: ignore[misc]  # opacus ships no types
    """Opacus' optimizer with noise of our own, for which no image's gradient is without bound."""

    def clip_and_accumulate(self) -> None:
        """Add up clipped gradients. One that is not finite has no length to cut, and counts 0."""
        for weight in self.params:
            weight.grad_sample.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
        super().clip_and_accumulate()

    def add_noise(self) -> None:
        """Add noise of deviation noise multiplier times clip to the sum of gradients."""
        deviation = self.noise_multiplier * self.max_grad_norm
        for weight in self.params:
            noise = torch.from_numpy(deviation * gaussian(weight.numel())).view(weight.shape)
            weight.grad = (weight.summed_grad.double() + noise).to(weight.dtype)


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
    descent = PrivateOptimizer(
        optimizer(network, recipe),
        noise_multiplier=noise,
        max_grad_norm=recipe.clip,
        expected_batch_size=sampling.rate * len(chosen),
    )
    for done in range(sampling.steps):
        for group in descent.param_groups:
            group["lr"] = recipe.learning_rate * (1 - done / sampling.steps)
        drawn = chosen[torch.from_numpy(uniform(len(chosen)) < sampling.rate)]
        _step(watched, descent, samples, drawn)
    watched.to_standard_module()


def together(weights: int) -> int:
    """Return of how many images the gradients for so many weights are held at once."""
    return max(1, min(TOGETHER, NUMBERS // weights))


def _step(watched: nn.Module, descent: PrivateOptimizer, samples: Samples, drawn: Tensor) -> None:
    """Learn from the images drawn, which may be none: then from noise alone."""
    size = together(sum(weight.numel() for weight in descent.params))
    pieces = torch.split(drawn, size) if len(drawn) else (drawn,)
    for piece in pieces:
        descent.zero_grad(set_to_none=True)
        if len(piece):
            answers = watched(prepared(samples.images[piece])).float()
            loss = cross_entropy(answers, samples.labels[piece], reduction="sum")
            with warnings.catch_warnings():
                # Images need no gradient, which torch thinks a hook might have wanted.
                warnings.filterwarnings("ignore", message="Full backward hook is firing")
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        else:
            for weight in descent.params:
                weight.grad_sample = weight.new_zeros((0, *weight.shape))
        descent.signal_skip_step(do_skip=piece is not pieces[-1])
        descent.step()
