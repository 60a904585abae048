"""The network that a model script builds, and its weights in the form that is released.

What is released is the state dict with every floating number rounded to bfloat16 and stored
as bfloat16 (`BF16`), so that the file's size is the bound on what it can carry and nothing
hides in bits below the rounding. Whole numbers and booleans stay as they are. The
platform measures every network after this rounding: who gets the weights gets the
accuracy that was reported.
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from visdm.compute.determinism import sow
from visdm.compute.scripts import blaming, script
from visdm.domain.packages import MODEL_FILE
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from visdm.compute.model_package import ModelPackage
    from visdm.compute.scripts import Script

    Build = Callable[[int], nn.Module]
    Specs = dict[str, tuple[str, list[int]]]

DTYPES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.bfloat16: "BF16",
}
"""Types of released tensors, as safetensors writes them."""


def configuration(package: ModelPackage, classes: int) -> dict[str, Any]:
    """Return what `build_model` is handed: the `[config]` table and what the platform knows.

    That is `classes` (numbers the network answers with), `channels` (1 or 3), `height` and
    `width_px` of an image.
    """
    channels, height, width = package.shape
    known = {"classes": classes, "channels": channels, "height": height, "width_px": width}
    if known.keys() & package.config.config.keys():
        raise JobError(
            f"the model package's {MODEL_FILE} sets what the platform sets",
            hint=f"leave {', '.join(known)} out of its table config",
        )
    return {**package.config.config, **known}


class Builder:
    """Builds networks with a script, and trains them with it where it may."""

    def __init__(self, functions: Script, config: dict[str, Any]) -> None:
        self._functions, self._config = functions, config

    def __call__(self, seed: int) -> nn.Module:
        """Return a new network; raise `JobError` when the script does not do its part."""
        sow(seed)
        with blaming("in build_model"):
            network = self._functions.build_model(copy.deepcopy(self._config))
        if not isinstance(network, nn.Module):
            raise JobError("build_model did not return a torch.nn.Module")
        if any(is_lazy(weight) for weight in network.parameters()):
            raise JobError("build_model returned a network whose sizes are not settled")
        if not any(weight.requires_grad for weight in network.parameters()):
            raise JobError("build_model returned a network with nothing to train")
        return network

    def fit(self, network: nn.Module, images: Tensor, labels: Tensor, seed: int) -> None:
        """Have the script train a network as it likes, on uint8 images and int64 labels.

        Raises `JobError` where it defines no `fit`, fails, or leaves what cannot be released.
        """
        if self._functions.fit is None:
            raise JobError("the model script defines no fit(network, images, labels, seed, config)")
        before = specs(released(network))
        sow(seed)
        config = copy.deepcopy(self._config)
        with blaming("in fit"):
            self._functions.fit(network, images, labels, seed=seed, config=config)
        if specs(released(network)) != before:
            raise JobError("the network's tensors are others after it ran")


@contextmanager
def builder(package: ModelPackage, classes: int) -> Iterator[Builder]:
    """Import the script and yield a function from a seed to a new network.

    Raises `JobError`, there and on each call, when the script does not do its part.
    """
    config = configuration(package, classes)
    with script(package.sources, package.config.module) as functions:
        yield Builder(functions, config)


def state_of(network: nn.Module) -> dict[str, Any]:
    """Return a copy of the network's state, whatever the script keeps in it."""
    with blaming("when its state was read"):
        return copy.deepcopy(dict(network.state_dict()))


def released(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the network's state as it is released (see above).

    Raises `JobError` where the state holds what cannot be released, or is not finite.
    """
    return {name: _rounded(value) for name, value in state_of(network).items()}


def _rounded(value: object) -> Tensor:
    if not isinstance(value, Tensor) or value.layout is not torch.strided:
        raise JobError("the network's state holds something else than plain tensors")
    plain = value.detach()
    if plain.is_floating_point():
        plain = plain.to(torch.bfloat16)
        if not bool(torch.isfinite(plain).all()):
            raise JobError("the training ended in weights that are not finite")
    if plain.dtype not in DTYPES:
        raise JobError("the network's state holds numbers of a type that is not released")
    return plain.clone(memory_format=torch.contiguous_format)


def restore(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Load a state; raise `JobError` when it is not one of this network."""
    try:
        network.load_state_dict(state, strict=True)
    except Exception as error:  # a script may have overridden it, and raise anything
        raise JobError("the weights do not fit the model") from error


def specs(state: dict[str, Tensor]) -> Specs:
    """Return type and shape of each tensor, as the release gate compares them."""
    return {name: (DTYPES[value.dtype], list(value.shape)) for name, value in state.items()}
