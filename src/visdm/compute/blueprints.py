"""Blueprints of networks: drawing one up, and building a network from it.

Weights are not part of it: a private network starts as torch starts its layers, under the
platform's seed, since first weights that a script brings would come from a process that might have
seen anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from visdm.compute.determinism import sow
from visdm.domain.blueprints import LAYERS, read_blueprint
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.domain.blueprints import Blueprint

    Shape = tuple[int, int, int]

PLAIN = "a private network may hold plain layers of torch.nn alone, one after the other"
MIXING = "the network has layers that mix images; use GroupNorm in place of BatchNorm"
_MIXERS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)  # noqa: SLF001 - torch exports no base

_COUNTS = (1, 3)
"""Images that are answered together and alone: two sizes, so that no layer fits one alone."""

_CLOSE = 1e-3
"""How far answers may be from each other, relative to the largest, for rounding's sake."""


def blueprint(network: nn.Module) -> Blueprint:
    """Draw up a network.

    Raises `JobError` where it is more than layers of `visdm.domain.blueprints` one after another.
    """
    found: Blueprint = []
    weights = list(network.named_parameters(remove_duplicate=False))
    shared = len({id(weight) for _, weight in weights}) != len(weights)
    if shared or not all(weight.requires_grad for _, weight in weights):
        raise JobError(PLAIN, hint="see docs/private.md")
    modules = list(nn.Module.named_modules(network, remove_duplicate=False))
    if any(isinstance(module, _MIXERS) for _, module in modules):
        raise JobError(MIXING, hint="see docs/private.md")
    for name, module in modules:
        kind = type(module).__name__
        if type(module) is not getattr(nn, kind, None) or kind not in LAYERS:
            raise JobError(PLAIN, hint="see docs/private.md")
        found.append((name, kind, {key: _setting(module, key) for key in LAYERS[kind]}))
    try:
        return read_blueprint([list(layer) for layer in found])
    except (ValueError, TypeError, KeyError):
        raise JobError(PLAIN, hint="see docs/private.md") from None


def _setting(module: nn.Module, key: str) -> object:
    value = getattr(module, key)
    if isinstance(value, Tensor) or (key == "bias" and value is None):
        return value is not None
    return list(value) if isinstance(value, tuple) else value


def building(drawn: object, shape: Shape, classes: int) -> Callable[[int], nn.Module]:
    """Return a function from a seed to a new network of a blueprint.

    `shape` is that of an image: channels, height, width; it answers with `classes` numbers.
    Raises `JobError` where the blueprint is none, or a network of it mixes images.
    """
    try:
        known = read_blueprint(drawn)
    except (ValueError, TypeError, KeyError):
        raise JobError(PLAIN) from None

    def build(seed: int) -> nn.Module:
        sow(seed)
        try:
            return _assembled(known)
        except Exception as error:  # torch raises all kinds over settings that do not fit
            raise JobError(PLAIN) from error

    _check_apart(build(0), shape, classes)
    return build


def _assembled(known: Blueprint) -> nn.Module:
    made: dict[str, nn.Module] = {}
    for path, kind, settings in known:
        given = {key: tuple(v) if isinstance(v, list) else v for key, v in settings.items()}
        made[path] = getattr(nn, kind)(**given)
        if path:
            parent, _, name = path.rpartition(".")
            made[parent].add_module(name, made[path])
    return made[""]


def _check_apart(network: nn.Module, shape: Shape, classes: int) -> None:
    """Raise `JobError` unless each image's answer is its own, whatever is answered beside it."""
    source = torch.Generator().manual_seed(1)
    network.eval()
    for count in _COUNTS:
        images = torch.rand((count, *shape), generator=source)
        try:
            with torch.no_grad():
                together = network(images)
                alone = torch.cat([network(image) for image in torch.split(images, 1)])
        except Exception as error:  # as in build
            raise JobError(PLAIN) from error
        if together.shape != alone.shape or together.shape != (count, classes):
            raise JobError(PLAIN)
        if not torch.allclose(together, alone, rtol=0, atol=_CLOSE * float(alone.abs().max() + 1)):
            raise JobError(MIXING)


def check_same(built: nn.Module, anew: nn.Module, images: Tensor) -> None:
    """Raise `JobError` unless a script's network answers as the one of its blueprint does.

    Hooks, other `forward`s and whatever else a blueprint leaves out shows here.
    """
    try:
        anew.load_state_dict(built.state_dict())
        with torch.no_grad():
            wanted, found = built.eval()(images), anew.eval()(images)
        same = torch.allclose(wanted, found, rtol=_CLOSE, atol=_CLOSE)
    except Exception as error:  # a script's network may raise anything
        raise JobError(PLAIN, hint="see docs/private.md") from error
    if not same:
        raise JobError(PLAIN, hint="see docs/private.md")
