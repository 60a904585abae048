"""The coarsest cosine coefficients of an image: where it stands among all others."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from visdm.compute.images.decoding import converted

SIDE = 8
"""Pixels of each side of the picture that is transformed."""

STEP = 16
"""What coefficients are counted in."""

_BANDS = ("Y", "Cb", "Cr")
_COARSEST = tuple((v, u) for s in range(4) for v in range(s + 1) for u in [s - v])

WAVES = (
    *((0, v, u) for v, u in _COARSEST),
    *((band, v, u) for band in (1, 2) for v, u in _COARSEST[:3]),
)
"""Band (luma, Cb, Cr), vertical and horizontal half-waves of each coefficient."""

BASIS = tuple(f"{_BANDS[band]}{v}{u}" for band, v, u in WAVES)
"""Names of the coefficients: the ten coarsest of luma, then three of Cb, then three of Cr."""


def project(image: Image.Image) -> list[int]:
    """Return the coefficients named by `BASIS`, in steps of `STEP`.

    They are of the image reduced to 8x8 (each pixel the mean of a box) as luma (Pillow's
    `L`) and as Cb and Cr (ITU-R BT.601, of the reduced colours, less 128), by an
    orthonormal DCT-II.
    """
    reduced = converted(image, "RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    colours = np.asarray(reduced.convert("YCbCr"), dtype=np.float64) - 128
    bands = np.moveaxis(colours, 2, 0).copy()
    bands[0] = np.asarray(converted(image, "L").resize((SIDE, SIDE), Image.Resampling.BOX))
    coefficients = _COSINES @ bands @ _COSINES.T
    return [round(float(coefficients[place]) / STEP) for place in WAVES]


def _cosines() -> Any:  # noqa: ANN401 - numpy's type of a product of arrays is Any
    """Return the orthonormal cosine basis (DCT-II), one row per frequency."""
    k, n = np.arange(SIDE)[:, None], np.arange(SIDE)[None, :]
    basis = np.cos(np.pi * (2 * n + 1) * k / (2 * SIDE)) * np.sqrt(2 / SIDE)
    basis[0] /= np.sqrt(2)
    return basis


_COSINES = _cosines()
