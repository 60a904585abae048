"""Per-image tables made up for the tests of summaries: real columns, no images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.images import HASHES, HISTOGRAMS, QUALITY, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(labels: Sequence[str], seed: int = 0, *, side: int = 32) -> pa.Table:
    """Return a table of as many images as labels, `side` pixels wide and high."""
    source, number = np.random.default_rng(seed), len(labels)
    counts = source.multinomial(side * side, np.full(256, 1 / 256), (number, len(HISTOGRAMS)))
    columns = {
        "row": np.arange(number),
        "width": np.full(number, side),
        "height": np.full(number, side),
        "channels": np.full(number, 3),
        "mode": ["RGB"] * number,
        "bytes": source.integers(500, 5_000, number),
        "class": list(labels),
        **{name: source.normal(50, 20, number).clip(0).astype(np.float32) for name in QUALITY},
        **{name: [f"{n:016x}" for n in source.integers(0, 2**62, number)] for name in HASHES},
        **{name: list(counts[:, place]) for place, name in enumerate(HISTOGRAMS)},
        "projection": list(np.rint(source.normal(0, 12, (number, 16))).astype(np.int16)),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
