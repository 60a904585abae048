"""Per-image tables as providers publish them, fabricated for the tests of what reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.compute.images import HASHES, HISTOGRAMS, QUALITY, SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ["cat", "cow", "dog"]


def columns(rows: int, seed: int = 0, **changes: Any) -> dict[str, list[Any]]:  # noqa: ANN401  # columns
    """Return the columns of a table of `rows` images, of random numbers that images could have."""
    chance = np.random.default_rng(seed)
    found: dict[str, list[Any]] = {
        "row": list(range(rows)),
        "width": [32] * rows,
        "height": [32] * rows,
        "channels": [3] * rows,
        "mode": ["RGB"] * rows,
        "bytes": chance.integers(500, 3_000, rows).tolist(),
        "class": [CLASSES[place] for place in chance.integers(0, len(CLASSES), rows)],
        "projection": chance.integers(-60, 60, (rows, 16)).tolist(),
    }
    for name in QUALITY:
        found[name] = chance.gamma(2, 200, rows).astype(np.float32).tolist()
    for name in HASHES:
        found[name] = [f"{number:016x}" for number in chance.integers(0, 1 << 60, rows)]
    for name in HISTOGRAMS:
        found[name] = [[4] * 256] * rows
    return {name: (found | changes)[name] for name in SCHEMA.names}


def public_table(path: Path, rows: int, seed: int = 0, **changes: Any) -> dict[str, list[Any]]:  # noqa: ANN401  # columns
    """Write such a table; return its columns."""
    found = columns(rows, seed, **changes)
    pq.write_table(pa.table(found, schema=SCHEMA), path, compression="zstd")
    return found
