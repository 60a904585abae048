"""What a copyist does to a picture, and what becomes of it by chance: as functions of images."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable

    Alteration = Callable[[Image.Image], Image.Image]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue()))


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    size = [max(1, round(side * factor)) for side in image.size]
    return image.resize((size[0], size[1]), Image.Resampling.BICUBIC)


def _noisy(image: Image.Image, deviation: float) -> Image.Image:
    pixels = np.asarray(image).astype(np.float64)
    noise = np.random.default_rng(0).normal(0, deviation, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).round().astype(np.uint8))


def _cropped(image: Image.Image, share: float) -> Image.Image:
    """Cut off `share` of each side in all, a pixel at either end at the least."""
    across, down = (max(1, round(side * share / 2)) for side in image.size)
    return image.crop((across, down, image.width - across, image.height - down))


def _stamped(image: Image.Image) -> Image.Image:
    """Lay a white and red mark over the lower right, a quarter wide and an eighth high."""
    image, (width, height) = image.copy(), image.size
    draw = ImageDraw.Draw(image)
    draw.rectangle(
        (width - width // 4 - 1, height - height // 8 - 1, width - 2, height - 2), "white"
    )
    if width > height // 8 > 3:  # noqa: PLR2004 - there is room within
        draw.rectangle((width - width // 4, height - height // 8, width - 4, height - 3), "red")
    return image


def _captioned(image: Image.Image) -> Image.Image:
    image = image.copy()
    text = "(c)" if image.width < 64 else "(c) somebody"  # noqa: PLR2004 - what fits
    ImageDraw.Draw(image).text((image.width // 20 + 1, image.height // 20 + 1), text, "yellow")
    return image


ALTERATIONS: dict[str, Alteration] = {
    "JPEG 75": lambda image: _jpeg(image, 75),
    "JPEG 50": lambda image: _jpeg(image, 50),
    "half the size": lambda image: _scaled(image, 0.5),
    "twice the size": lambda image: _scaled(image, 2),
    "brightness + 10 %": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "brightness - 10 %": lambda image: ImageEnhance.Brightness(image).enhance(0.9),
    "contrast + 10 %": lambda image: ImageEnhance.Contrast(image).enhance(1.1),
    "contrast - 10 %": lambda image: ImageEnhance.Contrast(image).enhance(0.9),
    "noise, deviation 3": lambda image: _noisy(image, 3),
    "noise, deviation 8": lambda image: _noisy(image, 8),
    "without colour": lambda image: image.convert("L"),
    "mirrored": ImageOps.mirror,
    "mirrored, JPEG 75": lambda image: _jpeg(ImageOps.mirror(image), 75),
    "caption": _captioned,
    "mark in a corner": _stamped,
    "cropped by 3 %": lambda image: _cropped(image, 0.03),
    "cropped by 5 %": lambda image: _cropped(image, 0.05),
    "cropped by 10 %": lambda image: _cropped(image, 0.10),
}
"""Of images in RGB."""
