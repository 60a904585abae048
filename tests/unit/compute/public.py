"""Per-image tables as providers publish them, fabricated for the tests of what reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.compute.features import QUALITIES
from visdm.compute.images import HASHES, HISTOGRAMS, SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLASSES = ["cat", "cow", "dog"]

DIGITS = {"color_hash": 11}
"""Of hashes in hex, where they are not 16."""

MIDDLES = {
    "brightness": 120.0,
    "contrast": 50.0,
    "sharpness": 900.0,
    "entropy": 7.0,
    "colorfulness": 30.0,
    "noise": 6.0,
    "compression": 8.0,
}


def columns(rows: int, seed: int = 0, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # columns
    """Return the columns of a table of `rows` images, of random numbers that images could have."""
    chance = np.random.default_rng(seed)
    found: dict[str, Any] = {
        "row": list(range(rows)),
        "width": [32] * rows,
        "height": [32] * rows,
        "channels": [3] * rows,
        "mode": ["RGB"] * rows,
        "bytes": chance.integers(500, 3_000, rows).tolist(),
        "class": [CLASSES[place] for place in chance.integers(0, len(CLASSES), rows)],
        "projection": chance.integers(-60, 60, (rows, 16)).tolist(),
    }
    for name, middle in MIDDLES.items():
        values = chance.gamma(2, middle / 2, rows).clip(0, QUALITIES[name].most - 1)
        found[name] = values.astype(np.float32).tolist()
    for name in HASHES:
        digits = DIGITS.get(name, 16)
        found[name] = [f"{n:0{digits}x}" for n in chance.integers(0, 16 ** min(digits, 15), rows)]
    for name in HISTOGRAMS:
        found[name] = [[4] * 256] * rows
    return {name: (found | changes)[name] for name in SCHEMA.names}


def shifted(count: int, seed: int, *, shift: float = 0.0, label: str = "cat") -> dict[str, Any]:
    """Return the columns of images of one class; `shift` moves them in feature space."""
    chance = np.random.default_rng(seed)
    quality = {
        name: middle * (1 + 0.05 * (chance.normal(size=count) + shift))
        for name, middle in MIDDLES.items()
    }
    quality["entropy"] = quality["entropy"].clip(0, 8)
    projection = np.rint(chance.normal(shift, 4, (count, 16))).astype(np.int16)
    changes = {"class": [label] * count, **quality, "projection": list(projection)}
    return columns(count, seed, **changes)


def public_table(path: Path, rows: int, seed: int = 0, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # columns
    """Write such a table; return its columns."""
    found = columns(rows, seed, **changes)
    pq.write_table(pa.table(found, schema=SCHEMA), path, compression="zstd")
    return found


def write(path: Path, found: dict[str, Any], types: dict[str, pa.DataType] | None = None) -> Path:
    """Write columns as a table; their types are the market's unless `types` says otherwise."""
    kinds = {name: SCHEMA.field(name).type for name in found if name in SCHEMA.names}
    kinds |= types or {}
    arrays = {name: pa.array(values, kinds.get(name)) for name, values in found.items()}
    pq.write_table(pa.table(arrays), path)
    return path


def with_cell(found: dict[str, Any], name: str, place: int, value: object) -> dict[str, Any]:
    """Return the columns with one cell changed."""
    cells = list(found[name])
    cells[place] = value
    return {**found, name: cells}


def projections(found: dict[str, Any]) -> NDArray[np.float64]:
    """Return the projections as an array."""
    return np.array(found["projection"], dtype=np.float64)
