"""Pictures that tests measure."""

from __future__ import annotations

import numpy as np
from PIL import Image


def picture(seed: int = 0, height: int = 48, width: int = 64, channels: int = 3) -> np.ndarray:
    """Return a smooth picture with some texture, as photographs are."""
    source = np.random.default_rng(seed)
    coarse = Image.fromarray(source.integers(0, 256, (6, 8, channels), dtype=np.uint8).squeeze())
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    return (smooth + source.normal(0, 6, smooth.shape)).clip(0, 255)


MODES = ("1", "L", "LA", "P", "P;A", "RGB", "RGBA", "CMYK", "I;16")
"""Modes that the formats decode to; `P;A` is a palette with transparency."""


def in_mode(pixels: np.ndarray, mode: str) -> Image.Image:
    """Return RGB pixels (h, w, 3) as an image of a mode."""
    image = Image.fromarray(pixels)
    if mode == "I;16":
        greys = np.asarray(image.convert("L")).astype(np.uint16)
        return Image.fromarray(greys * np.uint16(257) // np.uint16(3))
    if mode == "P;A":
        image = image.quantize(16)
        image.info["transparency"] = bytes(range(0, 256, 16))
        return image
    return image.convert(mode)
