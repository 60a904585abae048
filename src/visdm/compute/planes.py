"""Placing points of many dimensions in a plane: by principal components, and by t-SNE.

The same points and seed give the same places, in the same versions of the libraries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

PERPLEXITY = 30.0
"""Neighbours that a point listens to in t-SNE, about (van der Maaten & Hinton 2008)."""

EARLY, LATE = 250, 500
"""Steps of the optimisation, with neighbours drawn together and without; openTSNE's own."""

STRIDE = 25
"""Steps between two reports of progress."""

FEWEST = 4
"""Points that have neighbourhoods."""

LEADING = 3
"""Features named for each axis."""

START = 1e-4
"""Deviation of the first places of t-SNE, as openTSNE asks for."""


@dataclass(frozen=True)
class Principal:
    """The plane of the two largest variances.

    `axes` (2 x k) are unit vectors in feature space, `explained` their shares of all variance.
    The largest part of an axis is positive, so that a picture does not turn around by chance.
    """

    mean: Matrix
    axes: Matrix
    explained: tuple[float, float]

    @classmethod
    def of(cls, points: Matrix) -> Principal:
        """Find it by singular value decomposition of the centred points (n x k)."""
        mean = points.mean(axis=0) if len(points) else np.zeros(points.shape[1])
        _, sizes, vectors = np.linalg.svd(points - mean, full_matrices=False)
        axes, variance = np.zeros((2, points.shape[1])), np.zeros(2)
        held = min(2, len(sizes))
        axes[:held], variance[:held] = vectors[:held], sizes[:held] ** 2
        axes[axes[np.arange(2), np.abs(axes).argmax(axis=1)] < 0] *= -1
        total = float((sizes**2).sum()) or 1.0
        return cls(mean, axes, (float(variance[0]) / total, float(variance[1]) / total))

    def __call__(self, points: Matrix) -> Matrix:
        """Return where points lie in the plane (n x 2)."""
        placed: Matrix = (points - self.mean) @ self.axes.T
        return placed


def leading(axis: Matrix, names: Sequence[str]) -> list[str]:
    """Return the features that weigh most on an axis, `-` before those that fall along it."""
    order = np.argsort(-np.abs(axis), kind="stable")[:LEADING]
    return [("" if axis[k] > 0 else "-") + names[k] for k in order if names and axis[k]]


def neighbourhoods(points: Matrix, seed: int, progress: Callable[[int, int], None]) -> Matrix:
    """Return places (n x 2) that keep neighbours together: t-SNE as openTSNE computes it.

    Starts from the principal plane, so that the large is not left to chance either, searches
    neighbours exactly and runs on one thread, since sums of several would differ.
    """
    # Here, since it takes a second to load, for which PCA need not wait.
    from openTSNE import TSNE  # type: ignore[import-untyped]  # noqa: PLC0415

    if len(points) < FEWEST:
        return np.zeros((len(points), 2))
    start = Principal.of(points)(points)
    spread = start[:, 0].std()
    if not spread > 0:  # all are in one place already
        return start
    steps = 0

    def report(*_: object) -> None:
        nonlocal steps
        steps += STRIDE
        progress(min(steps, EARLY + LATE), EARLY + LATE)

    placed = TSNE(
        perplexity=min(PERPLEXITY, (len(points) - 1) / 3),
        early_exaggeration_iter=EARLY,
        n_iter=LATE,
        initialization=start / spread * START,
        neighbors="exact",
        n_jobs=1,
        random_state=seed,
        callbacks=report,
        callbacks_every_iters=STRIDE,
    ).fit(points)
    return np.array(placed, dtype=np.float64)
