"""The strongest attack: what pictures are like, given every bit that is public of one.

Projection and hashes are made of linear functionals of the pixels: coefficients in steps, and
signs of differences to a threshold. Pictures of which many are known have a mean and a
covariance; a Gaussian of these, cut to what the columns say, is sampled (Gibbs: each
functional in turn from its truncated normal, given the others; Geweke 1991), and the mean of
the samples is carried over to the pixels. For a Gaussian that mean is the guess of least
squared error: no other attacker who knows the same covariance has a smaller one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.images import SIDE, STEP, WAVES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from visdm.experiments.metadata.columns import Columns

    Pictures = NDArray[Any]
    Floats = NDArray[np.float64]

SWEEPS = 300
SETTLING = 60
"""Sweeps before samples count."""

LOOSENESS = 0.01
"""Variance of what the functionals leave out, of each one's own: rounding, mostly."""

_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""ITU-R BT.601, as Pillow's."""

_PROJECTED = len(WAVES)
_CELLS = SIDE * SIDE
_AVERAGE, _PERCEPTUAL, _DIFFERENCE, _WAVELET = (
    slice(start, start + _CELLS) for start in range(0, 4 * _CELLS, _CELLS)
)
"""Places of the hashes' bits, as in `visdm.experiments.metadata.columns.SQUARE`."""

_BEYOND = 8.0


class Posterior:
    """What is known of pictures of one size (n, side, side, 3) before any column is read."""

    def __init__(self, known: Columns) -> None:
        self._shape = known.pictures.shape[1:]
        self._functionals = functionals(self._shape[0])
        pixels = known.pictures.reshape(len(known), -1)
        scaled = ((pixels - known.middle) / known.contrast).astype(np.float32)
        self._mean = scaled.mean(axis=0).astype(np.float64)
        scaled -= self._mean.astype(np.float32)
        found = scaled @ self._functionals.T.astype(np.float32)
        self._scale = found.std(axis=0).astype(np.float64) + 1e-9
        found = found / self._scale.astype(np.float32)
        self._centre = self._functionals @ self._mean
        square = (found.T @ found / len(known)).astype(np.float64)
        self._precision = np.linalg.inv(square + LOOSENESS * np.eye(len(square)))
        self._to_pixels = self._precision @ (found.T @ scaled / len(known)).astype(np.float64)

    def rebuild(
        self, victims: Columns, random: np.random.Generator, sweeps: int = SWEEPS
    ) -> Pictures:
        """Return the mean of the pictures that have the victims' columns."""
        middle, contrast = victims.middle, victims.contrast
        bits = victims.bits > 0
        low, high = self._bounds(victims)
        now = np.where(bits, 0.5, -0.5)
        now = np.hstack([(low[:, :_PROJECTED] + high[:, :_PROJECTED]) / 2, now])
        total = np.zeros_like(now)
        for sweep in range(SETTLING + sweeps):
            threshold = self._thresholds(now, middle / contrast)
            low[:, _PROJECTED:] = np.where(bits, threshold, -np.inf)
            high[:, _PROJECTED:] = np.where(bits, np.inf, threshold)
            for place in random.permutation(now.shape[1]):
                self._draw(now, place, low[:, place], high[:, place], random)
            if sweep >= SETTLING:
                total += now
        pixels = (total / sweeps @ self._to_pixels + self._mean) * contrast + middle
        return np.asarray(pixels.reshape(len(victims), *self._shape))

    def _bounds(self, victims: Columns) -> tuple[Floats, Floats]:
        """Return between what the functionals lie; those of the hashes are not set yet."""
        steps = victims.projection * STEP
        steps[:, 0] -= SIDE * victims.middle[:, 0]
        centre, scale = self._centre[:_PROJECTED], self._scale[:_PROJECTED]
        low = np.full((len(victims), len(self._scale)), -np.inf)
        high = np.full_like(low, np.inf)
        low[:, :_PROJECTED] = ((steps - STEP / 2) / victims.contrast - centre) / scale
        high[:, :_PROJECTED] = ((steps + STEP / 2) / victims.contrast - centre) / scale
        return low, high

    def _thresholds(self, now: Floats, brightness: Floats) -> Floats:
        """Return what each bit's functional is compared with: 0, or the median of its hash."""
        values = (now * self._scale + self._centre)[:, _PROJECTED:]
        found = np.zeros_like(values)
        found[:, _WAVELET] = np.median(values[:, _WAVELET], axis=1, keepdims=True)
        waves = values[:, _PERCEPTUAL].copy()
        lifted = brightness[:, 0] * self._functionals[_PROJECTED:][_PERCEPTUAL][0].sum()
        waves[:, 0] += lifted  # the middle grey, which the scaled pictures lack
        found[:, _PERCEPTUAL] = np.median(waves, axis=1, keepdims=True)
        found[:, _PERCEPTUAL.start] -= lifted
        shifted: Floats = (found - self._centre[_PROJECTED:]) / self._scale[_PROJECTED:]
        return shifted

    def _draw(
        self, now: Floats, place: int, low: Floats, high: Floats, random: np.random.Generator
    ) -> None:
        """Draw one functional of every victim anew, given its others."""
        variance = 1 / self._precision[place, place]
        spread = np.sqrt(variance)
        middle = now[:, place] - now @ self._precision[:, place] * variance
        first, last = (low - middle) / spread, (high - middle) / spread
        upper = first > 0  # mirrored, since the lower tail is the one that is exact
        below, above = np.where(upper, -last, first), np.where(upper, -first, last)
        area = ndtr(below) + (ndtr(above) - ndtr(below)) * random.random(len(now))
        drawn = np.clip(ndtri(np.clip(area, 1e-300, 1 - 1e-16)), below, above)
        drawn = np.clip(np.where(upper, -drawn, drawn), -_BEYOND, _BEYOND)
        now[:, place] = middle + spread * drawn


def functionals(side: int) -> Floats:
    """Return what projection and hashes are made of: (16 + 256, side x side x 3)."""
    box = _reducing(side, SIDE, Image.Resampling.BOX)
    eight, nine, fine = (
        _reducing(side, width, Image.Resampling.LANCZOS) for width in (SIDE, SIDE + 1, 4 * SIDE)
    )
    luma = _YCBCR[0]
    projection = _planes(_cosines(SIDE) @ box, _cosines(SIDE) @ box)
    waves = _cosines(4 * SIDE)[:SIDE] @ fine
    cells, small = _planes(box, box), _planes(eight, eight)
    beside = np.diff(_planes(eight, nine).reshape(SIDE, SIDE + 1, -1), axis=1)
    return np.concatenate(
        [
            *(_coloured(projection[None, SIDE * v + u], _YCBCR[band]) for band, v, u in WAVES),
            _coloured(small - small.mean(axis=0), luma),
            _coloured(_planes(waves, waves), luma),
            _coloured(beside.reshape(_CELLS, -1), luma),
            _coloured(cells - cells.mean(axis=0), luma),
        ]
    )


def _cosines(side: int) -> Floats:
    """Return the orthonormal cosine basis (DCT-II), one row per frequency."""
    wave, place = np.indices((side, side))
    basis = np.cos(np.pi * (2 * place + 1) * wave / (2 * side)) * np.sqrt(2 / side)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float64)


def _reducing(side: int, width: int, how: Image.Resampling) -> Floats:
    """Return the matrix (width, side) by which Pillow resizes a line."""
    lines = np.eye(side, dtype=np.float32)
    resized = [Image.fromarray(line[None]).resize((width, 1), how) for line in lines]
    found: Floats = np.stack([np.asarray(line, np.float64)[0] for line in resized], axis=1)
    return found


def _planes(down: Floats, across: Floats) -> Floats:
    """Return one functional of the plane for each pair of rows."""
    found: Floats = np.einsum("ai,bj->abij", down, across)
    return found.reshape(len(down) * len(across), -1)


def _coloured(planes: Floats, weights: Floats) -> Floats:
    found: Floats = (planes[:, :, None] * weights).reshape(len(planes), -1)
    return found
