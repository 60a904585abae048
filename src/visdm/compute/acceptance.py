"""Whether a public table counts: the one rule of the map, of sampling and of copies.

A table is a stranger's file. It counts where it is what `describe` could have written of as many
images as were registered, of the classes that its metadata names: every column there and of its
type, every number in its range, every hash in hex, every histogram counting the pixels. Whoever
reads tables asks here first, so that an asset is not on the map and missing from a sample, or
compared with by nobody. All of a table is read for it, a batch at a time; `accepted` does so in a
process of its own, with little memory and time.
"""

from __future__ import annotations

import io
import os
import resource
import time
from functools import cache, partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # as above
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.compute.columns import HISTOGRAMS, SCHEMA
from visdm.compute.features import MOST_PROJECTED, QUALITIES
from visdm.compute.pools import Processes
from visdm.domain import tables
from visdm.domain.models import is_name
from visdm.domain.summaries import GREYS, PROJECTED
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from visdm.domain.tables import Registered

Read = TypeVar("Read")

ROW_BYTES = 32 << 10
"""The most that a row takes unpacked: four histograms of 256 numbers are 8 KiB."""

_ROWS = 2048
"""Rows that are looked at together."""

_SIXTEEN = "[0-9a-f]{16}"
_HASHES = {
    **dict.fromkeys(
        ("average_hash", "perceptual_hash", "difference_hash", "wavelet_hash"), _SIXTEEN
    ),
    "color_hash": "[0-9a-f]{11}",
    "crop_resistant_hash": f"{_SIXTEEN}(,{_SIXTEEN})*",
}

_MEMORY = 2 << 30
"""Bytes of addresses that reading a table may take, beside what is there and 256 a row; Arrow
reserves half of them at its first step."""
_SECONDS, _ROWS_A_SECOND = 60, 1_000
"""Of computing that reading it may take, and more for many rows."""
_STATM = Path("/proc/self/statm")
"""Pages of this process."""


class UnacceptableError(ValueError):
    """A table does not count; its only argument is the reason, one of `PROBLEMS`."""

    @property
    def problem(self) -> str:
        """The reason, in words of ours."""
        return str(self.args[0])


def rows(path: Path, registered: Registered) -> Iterator[pa.RecordBatch]:
    """Yield a table in batches that were checked. Raises `UnacceptableError`.

    It counts when all of it was yielded.
    """
    first = 0
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
        _check_footer(file.metadata, registered)
        for batch in file.iter_batches(_ROWS, columns=SCHEMA.names, use_threads=False):
            if first + batch.num_rows > registered.samples:
                raise UnacceptableError(tables.ROWS)
            batch = _cast(batch)  # noqa: PLW2901 - the same rows, as our types
            _check(batch, first, registered)
            first += batch.num_rows
            yield batch
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnacceptableError(tables.UNREADABLE) from error
    if first != registered.samples:
        raise UnacceptableError(tables.ROWS)


def problems(
    paths: Mapping[int, Path], known: Mapping[int, Registered], seconds: float = inf
) -> dict[int, str]:
    """Return the assets whose tables do not count, with the reasons.

    What was accepted before is not read again. After `seconds` nothing more is read.
    """
    asked = [asset for asset in paths if not known[asset].accepted]
    jobs = [(paths[asset], known[asset]) for asset in asked]
    answers = confined(_nothing, jobs, time.monotonic() + seconds)
    found = zip(asked, answers, strict=True)
    return {asset: answer for asset, answer in found if isinstance(answer, str)}


def _nothing(path: Path, registered: Registered) -> None:
    for _ in rows(path, registered):
        pass


def confined(
    read: Callable[[Path, Registered], Read],
    jobs: Sequence[tuple[Path, Registered]],
    until: float = inf,
) -> Iterator[Read | str]:
    """Yield what `read` makes of each table, in order; where it does not count, the reason.

    `read` is importable by name, goes through `rows`, and does not return a string. It runs in a
    process of its own, since reading may end it: then the next begins anew. When the clock
    (`time.monotonic`) has reached `until`, all that are left are `LATE`.
    """
    pool: Processes | None = None
    try:
        for job in jobs:
            if time.monotonic() >= until:
                yield tables.LATE
                continue
            pool = pool or Processes(1)
            try:
                yield next(pool.map(partial(_within, read), [job]))
            except UnacceptableError as error:
                yield error.problem
            except JobError:  # the process was lost
                pool.close()
                pool = None
                yield tables.BREAKING
    finally:
        if pool is not None:
            pool.close()


def _within(read: Callable[[Path, Registered], Read], job: tuple[Path, Registered]) -> Read:
    """Read a table with little memory and time."""
    path, registered = job
    samples = registered.samples
    pages = int(_STATM.read_text(encoding="ascii").split()[0])
    _limit(resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + _MEMORY + 256 * samples)
    seconds = _SECONDS + samples // _ROWS_A_SECOND
    _limit(resource.RLIMIT_CPU, int(sum(os.times()[:2])) + seconds)
    try:
        return read(path, registered)
    except MemoryError:
        raise UnacceptableError(tables.BREAKING) from None


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, hard))  # the soft one: the next table gets as much again


def _check_footer(footer: pq.FileMetaData, registered: Registered) -> None:
    # The quick comparison first: it tells apart what only spells its lists in another way.
    if not footer.schema.equals(_parquet_schema()) and _columns(footer) != _columns(None):
        raise UnacceptableError(tables.COLUMNS)
    if footer.num_rows != registered.samples:
        raise UnacceptableError(tables.ROWS)
    sizes = [footer.row_group(group).total_byte_size for group in range(footer.num_row_groups)]
    if min(sizes, default=0) < 0 or sum(sizes) > ROW_BYTES * (registered.samples + 1):
        raise UnacceptableError(tables.ROOM)


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


def _cast(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch as our types: a file may ask Arrow for others of the same bytes."""
    if batch.schema.equals(SCHEMA):
        return batch
    table = pa.Table.from_batches([batch]).cast(SCHEMA).combine_chunks()
    return table.to_batches()[0] if len(table) else pa.RecordBatch.from_pylist([], SCHEMA)


def _check(batch: pa.RecordBatch, first: int, registered: Registered) -> None:
    """Raise where a batch, which begins at the row `first`, holds what `describe` never writes."""
    batch.validate(full=True)
    if any(column.null_count for column in batch.columns):
        raise UnacceptableError(tables.EMPTY)
    numbers = _numbers(batch, "row")
    if (numbers != np.arange(first, first + len(numbers))).any():
        raise UnacceptableError(tables.ORDER)
    if not set(pc.unique(batch["class"]).to_pylist()) <= set(registered.classes):
        raise UnacceptableError(tables.CLASSES)
    if not _possible(batch):
        raise UnacceptableError(tables.NUMBERS)
    for name, pattern in _HASHES.items():
        if not _all(pc.match_substring_regex(batch[name], rf"\A(?:{pattern})\z")):
            raise UnacceptableError(tables.HASHES)
    pixels = _numbers(batch, "width").astype(np.int64) * _numbers(batch, "height")
    for name in HISTOGRAMS:
        counts = _lists(batch, name, GREYS)
        if counts is None or counts.min(initial=0) < 0:
            raise UnacceptableError(tables.HISTOGRAMS)
        if (counts.sum(axis=1, dtype=np.int64) != pixels).any():
            raise UnacceptableError(tables.HISTOGRAMS)


def _possible(batch: pa.RecordBatch) -> bool:
    """Whether an image can have these numbers, which neither infinity is nor what is no number."""
    sizes = ("width", "height", "channels", "bytes")
    if any((_numbers(batch, name) < 1).any() for name in sizes):
        return False
    if not all(map(is_name, pc.unique(batch["mode"]).to_pylist())):
        return False
    for name, measure in QUALITIES.items():
        values = _numbers(batch, name)
        if not ((values >= 0) & (values <= measure.most)).all():
            return False
    projection = _lists(batch, "projection", PROJECTED)
    return projection is not None and bool((np.abs(projection) <= MOST_PROJECTED).all())


def _numbers(batch: pa.RecordBatch, name: str) -> NDArray[Any]:
    column: NDArray[Any] = batch[name].to_numpy(zero_copy_only=False)
    return column


def _lists(batch: pa.RecordBatch, name: str, length: int) -> NDArray[Any] | None:
    """Return a column of lists of so many numbers, a row each; None where one is another."""
    column = batch[name]
    if not _all(pc.equal(pc.list_value_length(column), length)):
        return None
    flat = column.flatten()
    if flat.null_count:
        raise UnacceptableError(tables.EMPTY)
    found: NDArray[Any] = flat.to_numpy(zero_copy_only=False).reshape(-1, length)
    return found


def _all(found: pa.BooleanArray) -> bool:
    return pc.all(found, min_count=0).as_py() is True
