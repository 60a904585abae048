"""Labelled images as tensors: each image is decoded once, whatever is trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from visdm.compute.duplicates import Hashes
from visdm.compute.images import UnusableImageError, converted, decode, upright
from visdm.compute.looks import look
from visdm.compute.rows import Bad, refuse_bad
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from visdm.compute.model_package import ModelPackage
    from visdm.compute.rows import DataPackage


_IMAGES, _PIXELS = 256, 1 << 22
"""Images that are looked at together, unless fewer have as many pixels."""


@dataclass(frozen=True)
class Samples:
    """Decoded images, uint8 of shape (n, channels, height, width), and int64 labels (n,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def having(self, chosen: Tensor) -> Samples:
        """Return the samples where `chosen`, bool of shape (n,), is true."""
        return Samples(self.images[chosen], self.labels[chosen])


class Looking:
    """Looks at images one by one, some at a time, so that few are held in memory."""

    def __init__(self) -> None:
        self._waiting: list[Image.Image] = []
        self._pixels = 0
        self._parts: list[Hashes] = []

    def at(self, image: Image.Image) -> None:
        """Take in an image."""
        self._waiting.append(image)
        self._pixels += image.width * image.height
        if len(self._waiting) >= _IMAGES or self._pixels >= _PIXELS:
            self._flush()

    def hashes(self) -> Hashes:
        """Return what all that were taken in are compared by, in order."""
        self._flush()
        return Hashes.joined(self._parts)

    def _flush(self) -> None:
        self._parts.append(look(self._waiting))
        self._waiting, self._pixels = [], 0


def load(
    data: DataPackage,
    model: ModelPackage,
    classes: Sequence[str],
    *,
    strict: bool = True,
    looking: Looking | None = None,
) -> Samples:
    """Decode a data package for a model, its labels as places in `classes`.

    Images are turned upright and stretched to the model's size (bilinear). Those of other
    classes are an error when `strict`, and left out otherwise. `looking` is shown, as they are in
    the package, the images that are not left out.
    Raises `JobError` naming bad rows, or counting images of a class not in `classes`.
    """
    shape = (data.samples, *model.shape)
    try:
        pixels = np.zeros(shape, dtype=np.uint8)
    except (MemoryError, ValueError):
        raise JobError(f"the {data.what} does not fit into memory") from None
    places = {name: place for place, name in enumerate(classes)}
    labels = np.full(data.samples, -1, dtype=np.int64)
    bad = []
    for row in data.rows():
        if isinstance(row, Bad):
            bad.append(row)
            continue
        try:
            image = decode(row.image)
            pixels[row.number] = _pixels(image, model)
            labels[row.number] = places.get(data.classes[row.label], -1)
            if looking and labels[row.number] >= 0:
                looking.at(image)
        except UnusableImageError as error:
            bad.append(Bad(row.number, error.problem))
    refuse_bad(bad, data.what)
    samples = Samples(torch.from_numpy(pixels), torch.from_numpy(labels))
    foreign = int((labels < 0).sum())
    if foreign and strict:
        raise JobError(f"{foreign} images of the {data.what} are of classes the job does not have")
    return samples.having(samples.labels >= 0) if foreign else samples


def _pixels(image: Image.Image, model: ModelPackage) -> np.ndarray:
    channels, height, width = model.shape
    fitted = converted(upright(image), model.config.mode)
    fitted = fitted.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(fitted, dtype=np.uint8).reshape(height, width, channels)
    return pixels.transpose(2, 0, 1)
