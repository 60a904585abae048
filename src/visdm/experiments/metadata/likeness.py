"""How like an image a rebuilt one is.

Images are float or uint8 arrays (n, side, side, 3), 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.fft import dctn  # type: ignore[import-untyped]  # it ships no types
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]  # as above

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pictures = NDArray[Any]
    Floats = NDArray[np.float64]

PEAK = 255.0
LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601, as Pillow's `L`."""

SIGMA, TRUNCATE, BORDER = 1.5, 3.5, 5
"""Window of SSIM: a Gaussian of 11x11; this much border has no whole window."""

BANDS = (8, 16)
"""Half-waves a side that part the bands: four and eight cycles."""

_EXACT = 1 / 12
"""Least mean squared error, that of rounding to whole levels: an equal image has 58.9 dB."""


@dataclass(frozen=True)
class Likeness:
    """How like their originals the images are that one attack rebuilt.

    `psnr` (dB, over RGB) and `ssim` (of the greys) are means over images, `ssim95` and
    `ssim99` percentiles and `ssim_most` the highest: images that an attack hits best.
    `recovered` is the share of the variance of the greys that is right, in the bands of up to
    4, of 4 to 8 and of more than 8 cycles a side; what is wrong counts against it, so that it
    can be negative. A band that the images do not have is None.
    """

    attack: str
    psnr: float
    ssim: float
    ssim95: float
    ssim99: float
    ssim_most: float
    recovered: tuple[float | None, float | None, float | None]


def likeness(attack: str, rebuilt: Pictures, originals: Pictures) -> Likeness:
    """Compare rebuilt images with the originals, pair by pair."""
    rebuilt = np.clip(np.asarray(rebuilt, np.float64), 0, PEAK)
    similar = ssim(rebuilt, originals)
    return Likeness(
        attack=attack,
        psnr=float(psnr(rebuilt, originals).mean()),
        ssim=float(similar.mean()),
        ssim95=float(np.quantile(similar, 0.95)),
        ssim99=float(np.quantile(similar, 0.99)),
        ssim_most=float(similar.max()),
        recovered=recovered(rebuilt, originals),
    )


def psnr(rebuilt: Pictures, originals: Pictures) -> Floats:
    """Return the peak signal-to-noise ratio of each image, in dB."""
    error = (np.asarray(rebuilt, np.float64) - originals) ** 2
    found: Floats = 10 * np.log10(PEAK**2 / np.maximum(error.mean(axis=(1, 2, 3)), _EXACT))
    return found


def ssim(rebuilt: Pictures, originals: Pictures) -> Floats:
    """Return the structural similarity of the greys of each image (Wang et al. 2004).

    With the paper's Gaussian window and constants, and the mean over whole windows alone; over
    all of an image that has no whole window in its middle half.
    """
    a, b = greys(rebuilt), greys(originals)
    first, second = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    mean_a, mean_b = _blurred(a), _blurred(b)
    spread = _blurred(a * a) - mean_a**2 + _blurred(b * b) - mean_b**2
    shared = _blurred(a * b) - mean_a * mean_b
    found = (2 * mean_a * mean_b + first) * (2 * shared + second)
    found /= (mean_a**2 + mean_b**2 + first) * (spread + second)
    cut = BORDER if a.shape[1] > 4 * BORDER else 0
    whole = found[:, cut : a.shape[1] - cut, cut : a.shape[2] - cut]
    means: Floats = whole.mean(axis=(1, 2))
    return means


def recovered(
    rebuilt: Pictures, originals: Pictures
) -> tuple[float | None, float | None, float | None]:
    """Return the share of the variance of the greys that is right, by band: see `Likeness`."""
    wrong, there = _spectrum(greys(rebuilt) - greys(originals)), _spectrum(greys(originals))
    waves = np.maximum(*np.indices(there.shape))
    there[0, 0] = wrong[0, 0] = 0  # brightness is no variance

    def share(low: int, high: float) -> float | None:
        band = (waves >= low) & (waves < high)
        total = there[band].sum()
        return float(1 - wrong[band].sum() / total) if total else None

    low, high = BANDS
    return share(0, low), share(low, high), share(high, np.inf)


def greys(pictures: Pictures) -> Floats:
    """Return the greys (n, side, side) of images in colour."""
    found: Floats = np.asarray(pictures, np.float64) @ LUMA
    return found


def _spectrum(planes: Floats) -> Floats:
    squares: Floats = (dctn(planes, axes=(1, 2), norm="ortho") ** 2).sum(axis=0)
    return squares


def _blurred(planes: Floats) -> Floats:
    blurred: Floats = gaussian_filter(planes, (0, SIGMA, SIGMA), truncate=TRUNCATE)
    return blurred
