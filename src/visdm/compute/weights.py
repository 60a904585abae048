"""The weights that a model package brings, in its network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from visdm.compute.network import restore, state_of
from visdm.domain.packages import WEIGHTS_FILE
from visdm.errors import JobError

if TYPE_CHECKING:
    from torch import nn

    from visdm.compute.model_package import ModelPackage


def bring(package: ModelPackage, network: nn.Module) -> None:
    """Load a package's weights into its network.

    They have the names and shapes of the network's state. Floating numbers may be of any width,
    so that a released result fits as well as what was trained elsewhere; other types are equal.
    Raises `JobError` where there are none, or they are not this network's.
    """
    if package.weights is None:
        raise JobError(f"the model package has no {WEIGHTS_FILE}")
    try:
        weights = load(package.weights)
    except (SafetensorError, ValueError, KeyError):
        raise JobError("the weights are not a readable safetensors file") from None
    state = state_of(network)
    if weights.keys() != state.keys() or not all(
        isinstance(own, Tensor) and _fit(weights[name], own) for name, own in state.items()
    ):
        raise JobError("the weights do not fit the model")
    restore(network, weights)


def _fit(given: Tensor, own: Tensor) -> bool:
    floating = given.is_floating_point() and own.is_floating_point()
    return given.shape == own.shape and (floating or given.dtype == own.dtype)
