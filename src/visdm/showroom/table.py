"""The per-image table, written row group by row group as the rows come."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from visdm.domain.packages import NAME_KEY
from visdm.showroom.measuring import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP_ROWS = 1024


class Rows:
    """Rows on their way into a table, at most one row group of them in memory."""

    def __init__(self, writer: Any) -> None:  # noqa: ANN401 - pyarrow has no types
        self._writer = writer
        self._waiting: list[Any] = []
        self._count = 0

    def add(self, rows: Any) -> None:  # noqa: ANN401 - a record batch, as above
        """Append the rows of a record batch."""
        self._waiting.append(rows)
        self._count += rows.num_rows
        if self._count >= GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait, if any."""
        if self._count:
            table = pa.Table.from_batches(self._waiting, schema=self._writer.schema)
            self._writer.write_table(table, row_group_size=self._count)
        self._waiting, self._count = [], 0


@contextmanager
def writing_rows(path: Path, name: str) -> Iterator[Rows]:
    """Yield what takes the rows of a new table; it is whole when the block ends well."""
    schema = TABLE.with_metadata({NAME_KEY: name})
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            rows = Rows(writer)
            yield rows
            rows.flush()
        file.flush()
        os.fsync(file.fileno())


def digest(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of a file, in hex, and its size in bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def columns_of(path: Path, *names: str) -> Iterator[Any]:
    """Yield some columns of a table in record batches."""
    with pq.ParquetFile(path) as table:
        yield from table.iter_batches(GROUP_ROWS, columns=list(names))
