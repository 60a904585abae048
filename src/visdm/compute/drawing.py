"""Drawing images from public tables that were accepted (`visdm.compute.acceptance`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.columns import SCHEMA
from visdm.compute.features import NAMES, QUALITIES, raw
from visdm.domain.summaries import PROJECTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from visdm.compute.features import Matrix

BATCH = 4096
"""Rows that are held in memory at once."""

COLUMNS = ("class", *QUALITIES, "projection")
"""What a map needs of a table."""


@dataclass(frozen=True)
class Drawn:
    """Images drawn from tables: lists and rows of `features` (n x 23) go together."""

    assets: list[int]
    rows: list[int]
    classes: list[str]
    features: Matrix

    @classmethod
    def together(cls, parts: Iterable[Drawn]) -> Drawn:
        """Put what was drawn from several tables into one."""
        assets, rows, classes, features = [], [], [], [np.empty((0, len(NAMES)))]
        for part in parts:
            assets += part.assets
            rows += part.rows
            classes += part.classes
            features.append(part.features)
        return cls(assets, rows, classes, np.concatenate(features))


def draw(asset: int, path: Path, rows: int, count: int, seed: int) -> Drawn:
    """Draw `count` of the `rows` of an accepted table, all as likely.

    The same seed draws the same rows.
    """
    chance = np.random.default_rng([seed, asset])
    wanted = np.sort(chance.choice(rows, count, replace=False)) if count else _NONE
    table = _taken(path, wanted)
    projection = table.column("projection").combine_chunks().flatten()
    features = raw(
        {name: table.column(name).to_numpy() for name in QUALITIES},
        projection.to_numpy(zero_copy_only=False).reshape(-1, PROJECTED).astype(np.float64),
    )
    return Drawn([asset] * len(wanted), wanted.tolist(), table["class"].to_pylist(), features)


def _taken(path: Path, wanted: NDArray[np.int64]) -> pa.Table:
    """Return the wanted rows, of which few are held beside them at any time."""
    file = pq.ParquetFile(path, pre_buffer=False)
    narrow = pa.schema([SCHEMA.field(name) for name in COLUMNS])
    parts, first = [narrow.empty_table()], 0
    for batch in file.iter_batches(BATCH, columns=list(COLUMNS)):
        start, end = np.searchsorted(wanted, [first, first + batch.num_rows])
        chosen = batch.select(COLUMNS).take(pa.array(wanted[start:end] - first))
        parts.append(pa.Table.from_batches([chosen]).cast(narrow))
        first += batch.num_rows
    return pa.concat_tables(parts)


_NONE: NDArray[np.int64] = np.array([], dtype=np.int64)


def quotas(sizes: Mapping[int, int], most: int) -> dict[int, int]:
    """Share `most` points among assets of these sizes: all get the same, up to what they hold."""
    share, left = {}, most
    for place, asset in enumerate(sorted(sizes, key=lambda asset: (sizes[asset], asset))):
        share[asset] = min(sizes[asset], left // (len(sizes) - place))
        left -= share[asset]
    return share
