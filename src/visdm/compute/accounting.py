"""What a job's trainings tell of an image together: differential privacy, composed.

Each training draws every image into a step with the same chance, bounds what an image adds to the
gradient, and adds Gaussian noise: the sampled Gaussian mechanism. Its Renyi divergence is
Opacus' (Mironov, Talwar, Zhang 2019, https://arxiv.org/abs/1908.10530), those of all trainings
that hold an asset add up, and the sum is turned into epsilon at a delta by theorem 21 of Balle et
al. 2020 (https://arxiv.org/abs/1905.09982). Neighbours are datasets that differ by one image added
or taken away. The number of images of each asset counts as known: it is published anyway.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from opacus.accountants.analysis.rdp import compute_rdp  # type: ignore[import-untyped]  # it ships no types

from visdm.domain.regimes import MILLI
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from visdm.domain.values import Coalition

ORDERS = (1.1, 1.25, 1.5, 1.75, 2.5, 3.5, *range(2, 65), 80, 96, 128, 192, 256, 512)
"""Of the divergences; whichever gives the least epsilon counts, so more of them cost only time."""

LEAST, MOST = 0.3, 1e6
"""Noise that is tried. Below 0.3 nothing is won, and the sums of the divergence fail."""

PRECISION = 1.005
"""How close to the least noise that suffices the noise is chosen, as a ratio."""

IMPOSSIBLE = "no noise makes this training as private as the model states"


@dataclass(frozen=True)
class Sampling:
    """One training: the chance of an image to be in a step, and steps."""

    rate: float
    steps: int

    @classmethod
    def of(cls, images: int, batch: int, epochs: int) -> Sampling:
        """Return that of `epochs` over so many images, of which `batch` are expected in a step."""
        return cls(min(1.0, batch / images), epochs * math.ceil(images / batch))


def epsilon(trainings: Iterable[Sampling], noise: float, delta: float) -> float:
    """Return what trainings with one noise multiplier amount to together, at `delta`."""
    total = np.zeros(len(ORDERS))
    for training in trainings:
        total += training.steps * _divergence(training.rate, noise)
    orders = np.array(ORDERS, np.float64)
    spent = total - (np.log(delta) + np.log(orders)) / (orders - 1) + np.log1p(-1 / orders)
    # The divergences of some orders cannot be computed for little noise; the others stand.
    return max(0.0, float(np.nanmin(np.where(np.isfinite(spent), spent, np.inf))))


@lru_cache(maxsize=100_000)
def _divergence(rate: float, noise: float) -> np.ndarray:
    found = compute_rdp(q=rate, noise_multiplier=noise, steps=1, orders=list(ORDERS))
    return np.asarray(found, np.float64)


@dataclass(frozen=True)
class Spending:
    """The noise multiplier that a job trains with, and the epsilon it reaches (thousandths)."""

    noise: float
    epsilon: int


def spending(
    trainings: Sequence[Coalition],
    kept: Mapping[int, int],
    *,
    batch: int,
    epochs: int,
    stated: tuple[int, float],
) -> Spending:
    """Return the least noise with which no asset's images are told more of than is stated.

    `kept` is how many images of each asset are used, `stated` epsilon in thousandths, and delta,
    for all of the trainings that an asset takes part in. Raises `JobError` where no noise suffices.
    """
    most, delta = stated
    taken = {
        asset: [
            Sampling.of(sum(kept[each] for each in coalition), batch, epochs)
            for coalition in trainings
            if asset in coalition
        ]
        for asset, images in kept.items()
        if images
    }

    def reached(noise: float) -> int:
        worst = max(epsilon(trained, noise, delta) for trained in taken.values())
        return math.ceil(worst * MILLI) if math.isfinite(worst) else most + 1

    low, high = LEAST, LEAST
    while reached(high) > most:
        low, high = high, 2 * high
        if high > MOST:
            raise JobError(IMPOSSIBLE, hint="a larger epsilon, or fewer epochs")
    while high > PRECISION * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if reached(middle) <= most else (middle, high)
    return Spending(high, reached(high))
