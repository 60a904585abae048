"""Which images of a job's assets are used: each picture once, where it was registered first.

What a later asset copies of an earlier one of the same job is left out of it before anything is
trained, so it earns nothing and the original earns as if it were alone. Within an asset a picture
counts once too: else an owner could repeat its best ones until they drown all others, and a copy
would be worth more the more often it is in the copying asset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from visdm.compute.duplicates import Hashes, against, within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

ROUNDS = 32
"""Of thinning one asset; what is undecided then is kept, for its owner's sake."""


@dataclass(frozen=True)
class Distinct:
    """The images of one asset: which are `kept`, bool (n,), and how many others are left out.

    `left_out` is by the asset that has the original, this one itself for what it repeats.
    """

    kept: NDArray[np.bool_]
    left_out: Mapping[int, int]


def distinct(assets: Mapping[int, Hashes]) -> dict[int, Distinct]:
    """Decide for each asset; the lowest id was registered first."""
    found: dict[int, Distinct] = {}
    for asset in sorted(assets):
        own = assets[asset]
        original = np.zeros(len(own), np.int64)
        for earlier in sorted(found):
            open_ = np.flatnonzero(original == 0)
            original[open_[against(own.take(open_), assets[earlier]) >= 0]] = earlier
        new = np.flatnonzero(original == 0)
        original[new[~thinned(own.take(new))]] = asset
        ids, counts = np.unique(original[original > 0], return_counts=True)
        found[asset] = Distinct(
            original == 0, dict(zip(ids.tolist(), counts.tolist(), strict=True))
        )
    return found


def thinned(hashes: Hashes) -> NDArray[np.bool_]:
    """Return which rows to keep, bool (n,), so that every other near-duplicates one of them.

    A row is left out for one that is kept, never for one that is left out itself: of the frames of
    a slow film every few are kept, though each is like the one before.
    """
    kept = np.zeros(len(hashes), dtype=bool)
    rest = np.arange(len(hashes))
    for _ in range(ROUNDS):
        if not len(rest):
            break
        new = rest[within(hashes.take(rest)) < 0]
        kept[new] = True
        rest = rest[~kept[rest]]
        rest = rest[against(hashes.take(rest), hashes.take(new)) < 0]
    kept[rest] = True
    return kept
