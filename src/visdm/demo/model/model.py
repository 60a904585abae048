"""A small convolutional network for images of any size from 8x8, grey or colour."""  # noqa: INP001 - a model package's source, not a module of ours

from __future__ import annotations

from math import gcd
from typing import Any

import torch
from torch import nn

FIRST_SIDE = 16
"""Pixels a side, about, to which large images are brought by the first layer's stride."""

LAST_SIDE = 4
"""Pixels a side, about, at which an image is small enough to be judged."""

GROUPS = 4
"""Groups of channels that are normed together, fewer where they do not come out even."""


def build_model(config: dict[str, Any]) -> nn.Module:
    """Return the network.

    `config` holds the platform's `classes`, `channels`, `height`, `width_px`, and `width`
    of the `[config]` table: the channels of the first layer. Each stage halves the image
    and doubles the channels up to four times `width`; group norm, since it does the same in
    training and answering and with any batch.
    """
    channels = int(config["width"])
    most = 4 * channels
    side = min(config["height"], config["width_px"])
    stride = 1
    while side >= 2 * FIRST_SIDE:
        stride, side = 2 * stride, side // 2
    layers = _stage(config["channels"], channels, stride)
    while side >= 2 * LAST_SIDE:
        wider = min(2 * channels, most)
        layers += [nn.MaxPool2d(2), *_stage(channels, wider)]
        channels, side = wider, side // 2
    layers += [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, config["classes"])]
    network = nn.Sequential(*layers)
    # This layout is a quarter faster on a CPU.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
    return network


def _stage(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    kernel = 3 if stride == 1 else 2 * stride
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, padding=(kernel - stride + 1) // 2),
        nn.GroupNorm(gcd(outputs, GROUPS), outputs),
        nn.ReLU(),
    ]
