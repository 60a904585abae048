"""The images at the ends of a measure: the same as if all were sorted."""

from __future__ import annotations

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
from hypothesis import given, settings
from hypothesis import strategies as st

from visdm.showroom.extremes import KEPT, Extremes


@settings(deadline=None)  # the first loads libraries
@given(st.lists(st.lists(st.integers(0, 9).map(float), min_size=1, max_size=6), min_size=1))
def test_ends_are_those_of_the_sorted_whole_whatever_the_pieces(pieces: list[list[float]]) -> None:
    extremes, rows = Extremes(("noise",)), list[tuple[float, str]]()
    for piece in pieces:
        paths = [f"{len(rows) + k}.png" for k in range(len(piece))]
        rows += zip(piece, paths, strict=True)
        extremes.add(pa.record_batch({"path": paths, "noise": pa.array(piece, pa.float32())}))
    low, high = extremes.found()["noise"]
    assert list(low) == sorted(rows, key=lambda one: one[0])[:KEPT]
    assert list(high) == sorted(rows, key=lambda one: -one[0])[:KEPT]
