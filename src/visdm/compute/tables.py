"""The public tables of many assets as one, read by DuckDB that may do nothing else."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.domain import traits
from visdm.domain.summaries import PROJECTED
from visdm.errors import JobError

try:
    import duckdb

    from visdm.compute.images import QUALITY, SCHEMA
except ImportError:
    raise JobError('a library is missing: pip install "visdm[metadata]"') from None

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Condition = tuple[str, str, float | str]
    Query = tuple[str, dict[str, float | str]]

ROW_BYTES = 32 << 10
"""The most that a row takes unpacked: four histograms of 256 numbers are 8 KiB."""

MEMORY = "1GiB"
MOST_QUALITY = 1e9
"""Beyond any image: a sharpness is two million at the most."""

FAR = (1 << 15) - 1
"""Stands for a coefficient that is missing: beyond any image too."""

DIGITS = 3
_AT_ONCE = 100_000

_POSSIBLE = " AND ".join(
    [
        *(f"{name} BETWEEN 0 AND {MOST_QUALITY:.0f}" for name in QUALITY),
        *(f"{name} > 0" for name in ("width", "height", "channels", "bytes")),
        "class IS NOT NULL AND mode IS NOT NULL",
    ]
)
"""What holds of every row that was measured: comparisons with NULL and NaN do not."""

_PROJECTED = f"len(projection) = {PROJECTED}"


class Tables:
    """Tables by asset; `known` says of each asset its `samples` and `classes`."""

    def __init__(
        self, paths: Mapping[int, Path], known: Mapping[int, Mapping[str, Any]], *, threads: int
    ) -> None:
        self._known = known
        samples = [int(known[asset]["samples"]) for asset in paths]
        with ThreadPoolExecutor(threads) as workers:
            faults = list(workers.map(_examined, paths.values(), samples))
        self._problems = {a: fault for a, fault in zip(paths, faults, strict=True) if fault}
        self._paths = {a: str(path) for a, path in paths.items() if a not in self._problems}
        self._database = _database(list(self._paths.values()), threads)

    def summed(
        self, where: Sequence[Condition], *, projected: bool = True
    ) -> dict[int, dict[str, Any]]:
        """Return for each asset its samples by class, means, centres and how many rows fit.

        Instead, `problem` says why a table is not counted, in a phrase of ours. What is not
        `projected` has no centres, which is the half of the work.
        """
        found: dict[int, dict[str, Any]] = {}
        grouped: dict[int, list[dict[str, Any]]] = {asset: [] for asset in self._paths}
        query = _query(where, projected=projected)
        for row in self._grouped(query, sorted(self._paths)):
            grouped[row["asset"]].append(row)
        for asset, rows in grouped.items():
            if asset not in self._problems:
                problem = _implausible(rows, self._known[asset])
                if problem:
                    self._problems[asset] = problem
                else:
                    found[asset] = _joined(rows, self._known[asset]["classes"])
        return found | {asset: {"problem": said} for asset, said in self._problems.items()}

    def projections(self, assets: Sequence[int]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the projections of tables that `summed` found no fault with, in pieces (n x 16)."""
        if not assets:
            return
        paths = [self._paths[asset] for asset in assets]
        query = "SELECT file_index, projection FROM read_parquet($paths)"
        reader = self._database.sql(query, params={"paths": paths}).to_arrow_reader(_AT_ONCE)
        for batch in reader:
            files = batch.column(0).to_numpy()
            flat = batch.column(1).flatten().fill_null(FAR).to_numpy(zero_copy_only=False)
            rows = flat.reshape(-1, PROJECTED)
            cuts = np.flatnonzero(np.diff(files)) + 1
            for piece in np.split(np.arange(len(files)), cuts):
                yield assets[int(files[piece[0]])], rows[piece].astype(np.float32)

    def _grouped(self, query: Query, assets: Sequence[int]) -> list[dict[str, Any]]:
        """Run the query over all tables, or where one of them breaks it, over ever fewer."""
        if not assets:
            return []
        paths = [self._paths[asset] for asset in assets]
        try:
            answer = self._database.execute(query[0], {"paths": paths, **query[1]})
            names = [column[0] for column in answer.description]
            rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        except duckdb.Error:
            if len(assets) == 1:
                self._problems[assets[0]] = traits.UNREADABLE
                return []
            half = len(assets) // 2
            return self._grouped(query, assets[:half]) + self._grouped(query, assets[half:])
        return [{**row, "asset": assets[row["file_index"]]} for row in rows]


def _database(paths: list[str], threads: int) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that can read these files and reach nothing else."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": MEMORY,
        "temp_directory": "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,
        "enable_external_file_cache": False,
    }
    database = duckdb.connect(":memory:", config=settings)
    database.execute("SET allowed_paths = $paths", {"paths": paths})
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def _examined(path: Path, samples: int) -> str:
    """Look at a table's footer; return what is wrong with it, '' where nothing is."""
    try:
        footer = pq.read_metadata(path)
        # The quick comparison first: it tells apart what only spells its lists in another way.
        fits = footer.schema.equals(_parquet_schema()) or _columns(footer) == _columns(None)
    except (pa.ArrowException, OSError, ValueError):
        return traits.UNREADABLE
    if not fits:
        return traits.COLUMNS
    if footer.num_rows != samples:
        return traits.ROWS
    sizes = [footer.row_group(group).total_byte_size for group in range(footer.num_row_groups)]
    return traits.ROOM if sum(sizes) > ROW_BYTES * (samples + 1) else ""


@cache
def _parquet_schema() -> pq.ParquetSchema:
    empty = io.BytesIO()
    pq.write_table(SCHEMA.empty_table(), empty)
    return pq.read_metadata(empty).schema


def _columns(footer: pq.FileMetaData | None) -> list[tuple[str, pa.DataType]]:
    schema = SCHEMA if footer is None else footer.schema.to_arrow_schema()
    return [
        (field.name, field.type.value_type if pa.types.is_list(field.type) else field.type)
        for field in schema
    ]


def _query(where: Sequence[Condition], *, projected: bool) -> Query:
    """Return the query and the values of its conditions, which are never part of its text."""
    fits = " AND ".join(
        f'"{column}" {relation} $value{number}'
        for number, (column, relation, _) in enumerate(where)
    )
    places = range(PROJECTED) if projected else ()
    columns = [
        "count(*) AS samples",
        f"count(*) FILTER ({fits or 'true'}) AS fitting",
        f"count(*) FILTER ({_POSSIBLE}{' AND ' + _PROJECTED if projected else ''}) AS possible",
        'min("row") AS first, max("row") AS last, sum("row") AS numbered',
        *(f"sum({name}) AS {name}" for name in QUALITY),
        "sum(noise * noise) AS power",
        *(f"sum(projection[{place + 1}]) AS p{place}" for place in places),
    ]
    query = f"""
        SELECT file_index, class AS label, {", ".join(columns)}
        FROM read_parquet($paths) GROUP BY file_index, class ORDER BY file_index, class
    """  # noqa: S608 - column names and relations are ours; values are parameters
    return query, {f"value{number}": value for number, (_, _, value) in enumerate(where)}


def _implausible(rows: Sequence[Mapping[str, Any]], known: Mapping[str, Any]) -> str:
    """Return what is wrong with what a table says, '' where nothing is."""
    samples = int(known["samples"])
    if sum(row["samples"] for row in rows) != samples:
        return traits.ROWS
    if any(row["possible"] != row["samples"] for row in rows):
        return traits.NUMBERS
    if not {row["label"] for row in rows} <= set(known["classes"]):
        return traits.CLASSES
    numbered = sum(row["numbered"] for row in rows) == samples * (samples - 1) // 2
    ends = min(row["first"] for row in rows), max(row["last"] for row in rows)
    return "" if numbered and ends == (0, samples - 1) else traits.ORDER


def _joined(rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    """Put the classes of one table together."""
    samples = sum(row["samples"] for row in rows)
    counts = dict.fromkeys(classes, 0) | {row["label"]: row["samples"] for row in rows}
    return {
        "samples": samples,
        "class_counts": counts,
        "fitting": sum(row["fitting"] for row in rows),
        "quality": {name: _mean(rows, name, samples) for name in QUALITY},
        "power": _mean(rows, "power", samples),
        "centres": {
            row["label"]: [
                round(int(row[f"p{place}"] or 0) / row["samples"], DIGITS)
                for place in range(PROJECTED)
            ]
            for row in rows
            if "p0" in row
        },
        "distance": None,
    }


def _mean(rows: Sequence[Mapping[str, Any]], name: str, samples: int) -> float:
    return round(sum(float(row[name]) for row in rows) / samples, DIGITS)
