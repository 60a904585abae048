"""The public tables of many assets as one, read by DuckDB that may do nothing else.

Which tables count is not decided here: they were accepted before (`visdm.compute.acceptance`).
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.domain.summaries import PROJECTED
from visdm.errors import JobError

try:
    import duckdb

    from visdm.compute.columns import QUALITY
except ImportError:
    raise JobError('a library is missing: pip install "visdm[metadata]"') from None

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from visdm.domain.tables import Registered

    Condition = tuple[str, str, float | str]
    Query = tuple[str, dict[str, float | str]]

MEMORY = "1GiB"

DIGITS = 3
_AT_ONCE = 100_000

_FILES, _STRANGE = "read_parquet($paths)", "strange"
"""What is read: files, or a table of Arrow's."""

_READ = ("class", "mode", "width", "height", "channels", "bytes", *QUALITY, "projection")
"""The columns that conditions and sums are about."""


class Tables:
    """Accepted tables by asset; `known` is what each agrees with."""

    def __init__(
        self, paths: Mapping[int, Path], known: Mapping[int, Registered], *, threads: int
    ) -> None:
        self._known = known
        self._paths = {asset: str(path) for asset, path in paths.items()}
        self._database = _database(list(self._paths.values()), threads)

    def summed(
        self, where: Sequence[Condition], *, projected: bool = True
    ) -> dict[int, dict[str, Any]]:
        """Return for each asset its samples by class, means, centres and how many rows fit.

        What is not `projected` has no centres, which is the half of the work.
        """
        query = _query(where, projected=projected)
        grouped = self._grouped(query, sorted(self._paths))
        return {asset: _joined(rows, self._known[asset].classes) for asset, rows in grouped.items()}

    def projections(self, assets: Sequence[int]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the projections of tables, in pieces (n x 16)."""
        for asset in assets:
            file = pq.ParquetFile(self._paths[asset], pre_buffer=False)
            for batch in file.iter_batches(_AT_ONCE, columns=["projection"]):
                flat = batch.column(0).flatten().to_numpy(zero_copy_only=False)
                yield asset, flat.reshape(-1, PROJECTED).astype(np.float32)

    def _grouped(self, query: Query, assets: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        """Run the query over all tables, or where one of them breaks it, over ever fewer.

        A table that DuckDB reads otherwise than Arrow, which accepted it, is read by Arrow.
        """
        if not assets:
            return {}
        try:
            answered = self._asked(query, _FILES, {"paths": [self._paths[a] for a in assets]})
            found = {asset: answered.get(place, []) for place, asset in enumerate(assets)}
        except duckdb.Error:
            if len(assets) > 1:
                half = len(assets) // 2
                return self._grouped(query, assets[:half]) | self._grouped(query, assets[half:])
            found = {assets[0]: []}
        strange = [asset for asset, rows in found.items() if not _agrees(rows, self._known[asset])]
        return found | {asset: self._by_arrow(query, asset) for asset in strange}

    def _by_arrow(self, query: Query, asset: int) -> list[dict[str, Any]]:
        file = pq.ParquetFile(self._paths[asset], pre_buffer=False)
        rows = file.read(columns=list(_READ))
        place = pa.array(np.zeros(len(rows), np.int64))
        self._database.register(_STRANGE, rows.append_column("file_index", place))
        try:
            return self._asked(query, _STRANGE, {})[0]
        finally:
            self._database.unregister(_STRANGE)

    def _asked(
        self, query: Query, source: str, given: Mapping[str, Any]
    ) -> dict[int, list[dict[str, Any]]]:
        """Return what the query answers, by the place of the table."""
        answer = self._database.execute(query[0].format(source=source), {**query[1], **given})
        names = [column[0] for column in answer.description]
        found: dict[int, list[dict[str, Any]]] = {}
        for row in answer.fetchall():
            said = dict(zip(names, row, strict=True))
            found.setdefault(said["file_index"], []).append(said)
        return found


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
        *(f"sum({name}) AS {name}" for name in QUALITY),
        "sum(noise * noise) AS power",
        *(f"sum(projection[{place + 1}]) AS p{place}" for place in places),
    ]
    query = f"""
        SELECT file_index, class AS label, {", ".join(columns)}
        FROM {{source}} GROUP BY file_index, class ORDER BY file_index, class
    """  # noqa: S608 - column names and relations are ours; values are parameters
    return query, {f"value{number}": value for number, (_, _, value) in enumerate(where)}


def _agrees(rows: Sequence[Mapping[str, Any]], known: Registered) -> bool:
    """Whether DuckDB read what was accepted, as far as its sums tell."""
    numbers = [row[name] for row in rows for name in (*QUALITY, "power")]
    return (
        sum(row["samples"] for row in rows) == known.samples
        and {row["label"] for row in rows} <= set(known.classes)
        and all(number is not None and isfinite(number) for number in numbers)
    )


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
