"""Public per-image tables as providers publish them, of made-up images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.compute.features import QUALITIES
from visdm.compute.images import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MIDDLES = {
    "brightness": 120.0,
    "contrast": 50.0,
    "sharpness": 900.0,
    "entropy": 7.0,
    "colorfulness": 30.0,
    "noise": 6.0,
    "compression": 8.0,
}


def columns(count: int, seed: int, *, shift: float = 0.0, label: str = "cat") -> dict[str, Any]:
    """Return the columns that a map reads, and `row`; `shift` moves the images in feature space."""
    chance = np.random.default_rng(seed)
    quality = {
        name: middle * (1 + 0.05 * (chance.normal(size=count) + shift))
        for name, middle in MIDDLES.items()
    }
    quality["entropy"] = quality["entropy"].clip(0, 8)
    projection = np.rint(chance.normal(shift, 4, (count, 16))).astype(np.int16)
    return {
        "row": np.arange(count, dtype=np.int32),
        "class": [label] * count,
        **quality,
        "projection": list(projection),
    }


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


assert set(MIDDLES) == set(QUALITIES)
