"""The consumer's own example images, measured as the market's are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from visdm.compute.images import UnusableImageError, decode, measure
from visdm.compute.rows import Bad, DataPackage, refuse_bad

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from visdm.compute.rows import Row

MAX_EXAMPLES = 1_000
"""More tell no more, and each is compared with every image of the market."""

BATCH = 64


def projections(path: Path) -> NDArray[np.float32]:
    """Return the projections (n x 16) of the images in a data package.

    Of more than `MAX_EXAMPLES` so many are taken, evenly. Raises `JobError` naming bad rows.
    """
    package = DataPackage(path, "package of examples")
    stride = max(package.samples / MAX_EXAMPLES, 1)
    taken = {int(place * stride) for place in range(min(package.samples, MAX_EXAMPLES))}
    bad: list[Bad] = []
    found: list[tuple[int, ...]] = []
    waiting: list[Row] = []
    for row in package.rows():
        if row.number in taken:
            if isinstance(row, Bad):
                bad.append(row)
            else:
                waiting.append(row)
        if len(waiting) == BATCH:
            found += _measured(waiting, bad)
            waiting = []
    found += _measured(waiting, bad)
    refuse_bad(bad, package.what)
    return np.array(found, np.float32)


def _measured(rows: list[Row], bad: list[Bad]) -> list[tuple[int, ...]]:
    images = []
    for row in rows:
        try:
            images.append(decode(row.image))
        except UnusableImageError as error:
            bad.append(Bad(row.number, error.problem))
    return [tuple(measures.projection) for measures in measure(images)] if images else []
