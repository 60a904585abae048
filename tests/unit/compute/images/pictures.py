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
