"""The metadata map: images of several assets in one plane, from public metadata alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from visdm.demo.summary import Point

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def points_of(tables: Mapping[int, Path]) -> tuple[Point, ...]:
    """Place every image by the two principal components of the fixed-basis projections.

    `tables` maps an asset to its per-image table. Signs are fixed, so that the same
    metadata always gives the same picture.
    """
    owners: list[int] = []
    labels: list[str] = []
    rows: list[list[float]] = []
    for asset, path in sorted(tables.items()):
        table = pq.read_table(path, columns=["class", "projection"])
        labels += table.column("class").to_pylist()
        rows += table.column("projection").to_pylist()
        owners += [asset] * table.num_rows
    centred = np.asarray(rows, dtype=np.float64)
    centred -= centred.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    plane = axes[:2]
    plane *= np.sign(plane[np.arange(len(plane)), np.abs(plane).argmax(axis=1)])[:, None]
    placed = np.round(centred @ plane.T, 3)
    return tuple(
        Point(owner, label, float(x), float(y))
        for owner, label, (x, y) in zip(owners, labels, placed, strict=True)
    )
