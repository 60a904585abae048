"""Blueprints: a network as a list of known layers and their settings, with no code of anybody's.

A private training has a bound only where nothing but the platform's code is near the images. So
the script builds its network when the model is described, with no data near; what is kept of it is
a blueprint in the public profile, and the training builds the network anew from that alone.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from visdm.domain.documents import expect

if TYPE_CHECKING:
    from collections.abc import Mapping

    Blueprint = list[tuple[str, str, dict[str, Any]]]

CONTAINER = "Sequential"

LAYERS: Mapping[str, tuple[str, ...]] = {
    CONTAINER: (),
    "Linear": ("in_features", "out_features", "bias"),
    "Conv1d": (
        *("in_channels", "out_channels", "kernel_size", "stride"),
        *("padding", "dilation", "groups", "bias"),
    ),
    "Conv2d": (
        *("in_channels", "out_channels", "kernel_size", "stride"),
        *("padding", "dilation", "groups", "bias"),
    ),
    "GroupNorm": ("num_groups", "num_channels", "eps", "affine"),
    "LayerNorm": ("normalized_shape", "eps", "elementwise_affine", "bias"),
    "ReLU": (),
    "LeakyReLU": ("negative_slope",),
    "ELU": ("alpha",),
    "GELU": ("approximate",),
    "SiLU": (),
    "Tanh": (),
    "Sigmoid": (),
    "Hardswish": (),
    "Identity": (),
    "Dropout": ("p",),
    "Flatten": ("start_dim", "end_dim"),
    "MaxPool2d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "AvgPool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "AdaptiveAvgPool2d": ("output_size",),
    "AdaptiveMaxPool2d": ("output_size",),
}
"""Layers of `torch.nn` that a private network may have, and their settings by torch's names.

All treat each image by itself, and of those with weights Opacus knows each image's gradient.
"""

MAX_LAYERS = 2_000
MAX_PATH = 200
MAX_NUMBER = 2**40
MAX_SIDES = 4
_WORDS = ("none", "tanh", "same", "valid")


def read_blueprint(value: object) -> Blueprint:
    """Check a blueprint that a stranger may have written.

    Returns layers as (dotted name, type, settings), each container before what it holds; the first
    is the network itself, named ''. Raises `ValueError`, `TypeError` or `KeyError`.
    """
    found = [_layer(layer) for layer in expect(value, list)]
    if not 0 < len(found) <= MAX_LAYERS:
        raise ValueError("expected a network of so many layers")
    if found[0][0] or len({name for name, _, _ in found}) != len(found):
        raise ValueError("expected layers, each named once")
    containers = {name for name, kind, _ in found if kind == CONTAINER}
    seen: set[str] = set()
    for name, _, _ in found:
        parent = name.rpartition(".")[0]
        if name and (parent not in containers or parent not in seen):
            raise ValueError("expected a layer in a container")
        seen.add(name)
    return found


def _layer(value: object) -> tuple[str, str, dict[str, Any]]:
    name, kind, settings = expect(value, list)
    path = expect(name, str)
    if len(path) > MAX_PATH or not all(
        step.isidentifier() or step.isdigit() for step in _steps(path)
    ):
        raise ValueError("expected a layer's name")
    known = LAYERS[expect(kind, str)]
    given = expect(settings, dict)
    if sorted(given) != sorted(known):
        raise ValueError("expected a layer's settings")
    if kind == "LayerNorm" and given["elementwise_affine"] and not given["bias"]:
        raise ValueError("expected a LayerNorm with both its weights or none")  # as Opacus does
    return path, kind, {key: _setting(given[key]) for key in known}


def _steps(path: str) -> list[str]:
    return path.split(".") if path else []


def _setting(value: object) -> object:
    if isinstance(value, list) and 0 < len(value) <= MAX_SIDES:
        return [_setting(_number(each)) for each in value]
    if value is None or isinstance(value, bool) or value in _WORDS:
        return value
    return _number(value)


def _number(value: object) -> object:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    if not isfinite(value) or abs(value) > MAX_NUMBER:
        raise ValueError("expected a number in range")
    return value
