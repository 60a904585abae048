"""Reading the per-image tables that providers published, trusting nothing in them.

They are strangers' files: only programs in the sandbox may open them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.features import NAMES, QUALITIES, raw
from visdm.domain.models import is_name
from visdm.domain.summaries import PROJECTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from visdm.compute.features import Matrix

BATCH = 4096
"""Rows that are held in memory at once."""

SCHEMA = pa.schema(
    [
        ("class", pa.string()),
        *((name, pa.float64()) for name in QUALITIES),
        ("projection", pa.list_(pa.float64())),
    ]
)
"""What a map needs of a table, as it is read: narrower types fit into these."""


class UnusableTableError(Exception):
    """A table cannot be used; `problem` is in words of ours."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


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


class PublicTable:
    """An opened table; `rows` is how many it says to hold. Raises `UnusableTableError`."""

    def __init__(self, asset: int, path: Path) -> None:
        self.asset = asset
        try:
            self._file = pq.ParquetFile(path)
            known = self._file.schema_arrow.names
        except (pa.ArrowException, OSError, ValueError):
            raise UnusableTableError("its table is not a readable Parquet file") from None
        for name in SCHEMA.names:
            if known.count(name) != 1:
                raise UnusableTableError(f"its table needs one column `{name}`")
        self.rows = int(self._file.metadata.num_rows)

    def draw(self, count: int, seed: int) -> Drawn:
        """Draw `count` of its rows, all as likely, and keep those that an image can have.

        The same seed draws the same rows. Raises `UnusableTableError`.
        """
        chance = np.random.default_rng([seed, self.asset])
        wanted = np.sort(chance.choice(self.rows, count, replace=False)) if count else _NONE
        table = self._taken(wanted)
        classes = table.column("class").to_pylist()
        if not all(isinstance(name, str) and is_name(name) for name in classes):
            raise UnusableTableError("its table has a class that cannot be shown")
        features = raw(
            {name: table.column(name).to_numpy() for name in QUALITIES},
            _projections(table.column("projection").combine_chunks()),
        )
        kept = np.flatnonzero(~np.isnan(features).any(axis=1))
        return Drawn(
            assets=[self.asset] * len(kept),
            rows=wanted[kept].tolist(),
            classes=[classes[place] for place in kept],
            features=features[kept],
        )

    def _taken(self, wanted: NDArray[np.int64]) -> pa.Table:
        """Return the wanted rows, of which few are held beside them at any time."""
        parts, first = [], 0
        try:
            for batch in self._file.iter_batches(BATCH, columns=SCHEMA.names):
                start, end = np.searchsorted(wanted, [first, first + batch.num_rows])
                chosen = batch.select(SCHEMA.names).take(pa.array(wanted[start:end] - first))
                parts.append(pa.Table.from_batches([chosen]).cast(SCHEMA))
                first += batch.num_rows
        except (pa.ArrowException, OSError, ValueError):
            raise UnusableTableError(
                "its table is damaged, or has columns of other types"
            ) from None
        if first != self.rows:
            raise UnusableTableError("its table holds more or fewer rows than it says")
        return pa.concat_tables([SCHEMA.empty_table(), *parts])


_NONE: NDArray[np.int64] = np.array([], dtype=np.int64)


def quotas(sizes: Mapping[int, int], most: int) -> dict[int, int]:
    """Share `most` points among assets of these sizes: all get the same, up to what they hold."""
    share, left = {}, most
    for place, asset in enumerate(sorted(sizes, key=lambda asset: (sizes[asset], asset))):
        share[asset] = min(sizes[asset], left // (len(sizes) - place))
        left -= share[asset]
    return share


def _projections(column: pa.ListArray) -> Matrix:
    if column.null_count or not (np.diff(column.offsets.to_numpy()) == PROJECTED).all():
        raise UnusableTableError(f"its table has projections of other than {PROJECTED} numbers")
    numbers: Matrix = column.flatten().to_numpy(zero_copy_only=False)
    return numbers.reshape(len(column), PROJECTED)
