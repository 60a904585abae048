"""What the page draws of single images: distributions of quality, and their places on a map.

It is read back from the table once the summary is known, for only then are the ranges and the
principal components.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from visdm.showroom.table import columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BINS = 40
MAX_POINTS = 2_000


class Spot(NamedTuple):
    """An image on the map."""

    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Pictured:
    """Images in each of `BINS` equal parts of a measure's range, and spots for the map."""

    distributions: Mapping[str, tuple[int, ...]]
    spots: tuple[Spot, ...]


def pictured(table: Path, summary: Mapping[str, Any]) -> Pictured:
    """Read a table back for its page."""
    ends = {
        name: (found["deciles"][0], found["deciles"][-1])
        for name, found in summary["quality"].items()
    }
    counts = {name: np.zeros(BINS, np.int64) for name in ends}
    spots: list[Spot] = []
    stride, seen = -(-summary["samples"] // MAX_POINTS), 0
    for rows in columns_of(table, "class", "projection", *ends):
        for name, (low, high) in ends.items():
            counts[name] += _binned(rows.column(name).to_numpy(), low, high)
        picked = np.arange(-seen % stride, rows.num_rows, stride)
        spots += _placed(rows.take(picked), summary["pca"])
        seen += rows.num_rows
    return Pictured({n: tuple(found.tolist()) for n, found in counts.items()}, tuple(spots))


def _binned(values: Any, low: float, high: float) -> Any:  # noqa: ANN401 - arrays of numpy
    scaled = (values.astype(np.float64) - low) / ((high - low) or 1) * BINS
    return np.bincount(np.clip(scaled.astype(np.int64), 0, BINS - 1), minlength=BINS)


def _placed(rows: Any, pca: Mapping[str, Any]) -> list[Spot]:  # noqa: ANN401 - a record batch
    """Place images by the first two principal components; 0 where there is no such one."""
    if not rows.num_rows:
        return []
    projection = np.stack(rows.column("projection").to_numpy(zero_copy_only=False))
    quality = {
        name: rows.column(name).to_numpy() for name in rows.schema.names if name in pca["features"]
    }
    others = iter(projection.T)
    features = [quality[name] if name in quality else next(others) for name in pca["features"]]
    scaled = (np.stack(features, axis=1) - np.array(pca["mean"])) / np.array(pca["scale"])
    axes = np.zeros((2, scaled.shape[1]))
    for place, component in enumerate(pca["components"][:2]):
        axes[place] = component
    labels = rows.column("class").to_pylist()
    places = (scaled @ axes.T).tolist()
    return [Spot(label, x, y) for label, (x, y) in zip(labels, places, strict=True)]
