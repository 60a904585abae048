"""Groups of images that nearly repeat each other, by the hashes in their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from visdm.compute.duplicates import Hashes, within
from visdm.compute.looks import hashes_of
from visdm.showroom.table import columns_of

if TYPE_CHECKING:
    from pathlib import Path


class Repeats:
    """Keeps what images are compared by, some hundred bytes each, and compares them at the end."""

    def __init__(self) -> None:
        self._parts: list[Hashes] = []

    def add(self, rows: Any) -> None:  # noqa: ANN401 - a record batch of pyarrow, without types
        """Take in the rows of a record batch."""
        self._parts.append(hashes_of(rows))

    def found(self, table: Path) -> tuple[int, tuple[tuple[str, ...], ...]]:
        """Return how many images nearly repeat an earlier one, and the groups, by path.

        `table` is where the rows are by now. The largest group is the first.
        """
        earlier = within(Hashes.joined(self._parts))
        heads = np.arange(len(earlier))
        for row in np.flatnonzero(
            earlier >= 0
        ).tolist():  # in order, so an earlier row's head is known
            heads[row] = heads[earlier[row]]
        members: dict[int, list[int]] = {}
        repeated = np.flatnonzero(np.isin(heads, heads[earlier >= 0]))
        for row in map(int, repeated):
            members.setdefault(int(heads[row]), []).append(row)
        paths = _paths(table, {row for group in members.values() for row in group})
        groups = [tuple(paths[row] for row in group) for group in members.values()]
        groups.sort(key=lambda group: (-len(group), group))
        return int((earlier >= 0).sum()), tuple(groups)


def _paths(table: Path, wanted: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    begin = 0
    for rows in columns_of(table, "path"):
        column = rows.column("path")
        for row in range(rows.num_rows):
            if begin + row in wanted:
                found[begin + row] = column[row].as_py()
        begin += rows.num_rows
    return found
