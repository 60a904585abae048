"""The two ways of learning that a recipe may name: torch's own functions, without its classes.

What `torch.optim` makes as an object loads torch's compiler first, which takes as long as loading
torch itself, and nothing here is compiled. The functions below those classes do not. The numbers
are theirs to the last bit: `torch.optim.SGD` and `torch.optim.Adam(fused=True)`, with the
defaults of both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch.optim.adam import adam
from torch.optim.sgd import sgd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

MOMENTUM = 0.9
"""Of stochastic gradient descent."""

BETAS = 0.9, 0.999
EPSILON = 1e-8
"""Of Adam (Kingma and Ba 2015), as the two above."""


class Descent(ABC):
    """Moves weights against their gradients; `rate` may be set before every step."""

    def __init__(self, weights: Iterable[nn.Parameter], rate: float) -> None:
        self._weights = list(weights)
        self.rate = rate

    def clear(self) -> None:
        """Forget all gradients."""
        for weight in self._weights:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights that have a gradient."""
        moved = [weight for weight in self._weights if weight.grad is not None]
        self._move(moved, [weight.grad for weight in moved if weight.grad is not None])

    @abstractmethod
    def _move(self, weights: list[nn.Parameter], gradients: list[Tensor]) -> None: ...


class Sgd(Descent):
    """Stochastic gradient descent with momentum."""

    def __init__(self, weights: Iterable[nn.Parameter], rate: float) -> None:
        super().__init__(weights, rate)
        self._momenta: dict[nn.Parameter, Tensor | None] = {}

    def _move(self, weights: list[nn.Parameter], gradients: list[Tensor]) -> None:
        momenta = [self._momenta.get(weight) for weight in weights]
        sgd(
            list[torch.Tensor](weights),
            gradients,
            momenta,
            has_sparse_grad=any(gradient.is_sparse for gradient in gradients),
            weight_decay=0,
            momentum=MOMENTUM,
            lr=self.rate,
            dampening=0,
            nesterov=False,
            maximize=False,
        )
        self._momenta.update(zip(weights, momenta, strict=True))


class Adam(Descent):
    """Adam, all weights in one operation."""

    def __init__(self, weights: Iterable[nn.Parameter], rate: float) -> None:
        super().__init__(weights, rate)
        self._states: dict[nn.Parameter, tuple[Tensor, Tensor, Tensor]] = {}

    def _move(self, weights: list[nn.Parameter], gradients: list[Tensor]) -> None:
        states = [self._state(weight) for weight in weights]
        adam(
            list[torch.Tensor](weights),
            gradients,
            [first for first, _, _ in states],
            [second for _, second, _ in states],
            [],
            [steps for _, _, steps in states],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self.rate,
            weight_decay=0,
            eps=EPSILON,
            maximize=False,
        )

    def _state(self, weight: nn.Parameter) -> tuple[Tensor, Tensor, Tensor]:
        """Return a weight's two moments and its number of steps, which a tensor counts."""
        if weight not in self._states:
            first, second = torch.zeros_like(weight), torch.zeros_like(weight)
            self._states[weight] = first, second, torch.zeros((), dtype=torch.float32)
        return self._states[weight]
