"""The platform's training loop: one recipe for every script, every coalition (DESIGN section 8).

Images enter the network as float32 from 0 to 1, shape (batch, channels, height, width);
it answers with one number per class, and cross-entropy is what it learns by. The learning
rate falls in a straight line to zero. There is no augmentation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from visdm.compute.descent import Adam, Sgd
from visdm.compute.determinism import sow
from visdm.compute.scripts import blaming
from visdm.errors import JobError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from visdm.compute.descent import Descent
    from visdm.compute.samples import Samples
    from visdm.domain.models import ModelConfig

_EVALUATED = 256
"""Images that are evaluated at once."""


@dataclass(frozen=True)
class Score:
    """How a network did: right answers, images, mean cross-entropy."""

    correct: int
    samples: int
    loss: float

    @property
    def accuracy(self) -> float:
        """Return the share of right answers."""
        return self.correct / self.samples


def optimizer(network: nn.Module, recipe: ModelConfig) -> Descent:
    """Return the recipe's optimizer over what the network lets be trained."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    made = Sgd if recipe.optimizer == "sgd" else Adam
    return made(weights, recipe.learning_rate)


def fit(
    network: nn.Module, samples: Samples, chosen: Tensor, recipe: ModelConfig, seed: int
) -> None:
    """Train on the samples at the indices `chosen` (int64), in an order that `seed` fixes.

    Batches are as even as can be, so that none is a single image unless all there is.
    Raises `JobError` when the script fails or the loss is not a number.
    """
    sow(seed)
    order = torch.Generator().manual_seed(seed)
    batches = math.ceil(len(chosen) / recipe.batch)
    steps = recipe.epochs * batches
    descent = optimizer(network, recipe)
    network.train()
    for epoch in range(recipe.epochs):
        shuffled = chosen[torch.randperm(len(chosen), generator=order)]
        for place, batch in enumerate(shuffled.tensor_split(batches)):
            done = (epoch * batches + place) / steps
            descent.rate = recipe.learning_rate * (1 - done)
            loss = step(network, descent, samples.images[batch], samples.labels[batch])
            if not math.isfinite(loss):
                raise JobError(
                    f"the training loss is not a number in epoch {epoch + 1}",
                    hint="a lower learning rate may help",
                )


def step(network: nn.Module, descent: Descent, images: Tensor, labels: Tensor) -> float:
    """Learn from one batch of uint8 images; return its loss."""
    with blaming("while training"):
        return float(learn(network, descent, images, labels))


def learn(network: nn.Module, descent: Descent, images: Tensor, labels: Tensor) -> Tensor:
    """Learn from one batch; return its loss as it is, since a tensor may have no numbers."""
    descent.clear()
    loss = cross_entropy(network(prepared(images)).float(), labels)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    descent.step()
    return loss.detach()


def score(network: nn.Module, samples: Samples) -> Score:
    """Evaluate the network; raise `JobError` when it fails or its loss is not a number."""
    correct, loss = 0, 0.0
    with blaming("while answering"), torch.no_grad():
        network.eval()
        for start in range(0, len(samples), _EVALUATED):
            batch = slice(start, start + _EVALUATED)
            answers = network(prepared(samples.images[batch])).float()
            labels = samples.labels[batch]
            correct += int((answers.argmax(dim=1) == labels).sum())
            loss += float(cross_entropy(answers, labels, reduction="sum"))
    if not math.isfinite(loss):
        raise JobError("the network's answers are not finite numbers")
    return Score(correct, len(samples), loss / len(samples))


def prepared(images: Tensor) -> Tensor:
    """Return uint8 images as the network takes them: float32 from 0 to 1."""
    return images.to(torch.float32) / 255
