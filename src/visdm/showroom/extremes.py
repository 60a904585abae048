"""The images at either end of each quality measure, kept while all of them pass by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Ends = tuple[tuple[tuple[float, str], ...], tuple[tuple[float, str], ...]]

KEPT = 3
"""Images at each end."""


class Extremes:
    """The `KEPT` lowest and highest images of each measure; the earlier one first at a tie."""

    def __init__(self, measures: Sequence[str]) -> None:
        self._ends: dict[str, tuple[list[tuple[float, str]], list[tuple[float, str]]]] = {
            name: ([], []) for name in measures
        }

    def add(self, rows: Any) -> None:  # noqa: ANN401 - a record batch of pyarrow, without types
        """Look at the rows of a record batch."""
        paths = rows.column("path")
        for name, (low, high) in self._ends.items():
            values = rows.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
            order = np.argsort(values, kind="stable")
            _merge(low, [(values[k], paths[int(k)].as_py()) for k in order[:KEPT]], sign=1)
            order = np.argsort(-values, kind="stable")
            _merge(high, [(values[k], paths[int(k)].as_py()) for k in order[:KEPT]], sign=-1)

    def found(self) -> Mapping[str, Ends]:
        """Return (lowest, highest) of each measure, each as (value, path), the outermost first."""
        return {name: (tuple(low), tuple(high)) for name, (low, high) in self._ends.items()}


def _merge(kept: list[tuple[float, str]], more: list[tuple[float, str]], *, sign: int) -> None:
    kept += [(float(value), path) for value, path in more]
    kept.sort(key=lambda one: sign * one[0])
    del kept[KEPT:]
