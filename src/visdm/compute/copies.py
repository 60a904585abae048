"""Which images of an asset earlier assets have: tables of strangers, prints of one's own.

*Prints* are what a provider keeps, sealed, of every asset that it opened: the SHA-256 of each
image's pixels; for an asset without a public table what its images are compared by; and for
each image the earlier asset that has it, 0 for none. They are a Parquet file with a row per image.

An image counts for the earliest asset that has it: the same pixels, or a near-duplicate
(`visdm.compute.duplicates`).
"""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.compute.duplicates import Hashes, against
from visdm.compute.looks import COLUMNS, hashes_of
from visdm.compute.pools import Processes
from visdm.domain.summaries import MIN_GROUP
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Digests = NDArray[np.bytes_]
    """SHA-256, type `S32`."""

TABLE, PRINTS = "table-", "prints-"
"""What the inputs of `describe` are called, before an earlier asset's id."""

AT_ONCE = 1 << 20
"""Rows of earlier assets that are compared at once: bounds memory."""
_ROWS = 4096
_MEMORY = 2 << 30
"""Bytes of addresses that reading a stranger's table may take, beside what is there and 256 a
row; Arrow reserves half of them at its first step."""
_SECONDS = 60
"""Of computing that reading it may take."""


@dataclass(frozen=True)
class Known:
    """What is known of an earlier asset: `hashes` of its images, or their `digests`, or both.

    `sealed`: its owner discloses aggregates alone.
    """

    asset: int
    hashes: Hashes | None = None
    digests: Digests | None = None
    sealed: bool = False


@dataclass(frozen=True)
class Found:
    """For each image the earliest asset that has it, 0 where none has, and its row there."""

    asset: NDArray[np.int64]
    row: NDArray[np.int64]

    def counts(self, sealed: set[int]) -> dict[str, int]:
        """Return how many images each asset has, by its id as JSON writes it.

        Of an asset in `sealed` it is told only where at least `MIN_GROUP` of its images are
        matched: else whoever offers an image could ask whether the asset holds it.
        """
        told = {}
        for asset in np.unique(self.asset[self.asset > 0]).tolist():
            rows = self.row[self.asset == asset]
            if asset not in sealed or len(np.unique(rows)) >= MIN_GROUP:
                told[str(asset)] = len(rows)
        return told


def find(own: Hashes, digests: Digests, earlier: Iterable[Known]) -> Found:
    """Look for an asset's images in earlier ones, each once: in the earliest that has it."""
    asset, row = np.zeros(len(own), np.int64), np.full(len(own), -1)
    for group in _groups(earlier):
        for pair in (_by_digest(digests, group), _by_hash(own, group, asset == 0)):
            better = (pair.asset > 0) & ((asset == 0) | (pair.asset < asset))
            asset[better], row[better] = pair.asset[better], pair.row[better]
    return Found(asset, row)


def _groups(earlier: Iterable[Known]) -> Iterator[list[Known]]:
    """Gather assets, oldest first, until there are rows enough to be worth a search."""
    group: list[Known] = []
    for known in sorted(earlier, key=lambda one: one.asset):
        group.append(known)
        if sum(len(one.hashes) for one in group if one.hashes is not None) >= AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _by_hash(own: Hashes, group: Sequence[Known], wanted: NDArray[np.bool_]) -> Found:
    asset, place = np.zeros(len(own), np.int64), np.full(len(own), -1)
    parts = [(known.asset, known.hashes) for known in group if known.hashes is not None]
    asked = np.flatnonzero(wanted)
    if parts and len(asked):
        owner = np.repeat([number for number, _ in parts], [len(part) for _, part in parts])
        start = np.concatenate([[0], np.cumsum([len(part) for _, part in parts])])
        row = against(own.take(asked), Hashes.joined([part for _, part in parts]))
        hit = row >= 0
        asset[asked[hit]] = owner[row[hit]]
        place[asked[hit]] = row[hit] - start[np.searchsorted(start, row[hit], side="right") - 1]
    return Found(asset, place)


def _by_digest(digests: Digests, group: Sequence[Known]) -> Found:
    asset, place = np.zeros(len(digests), np.int64), np.full(len(digests), -1)
    for known in group:
        if known.digests is not None and len(known.digests):
            order = np.argsort(known.digests, kind="stable")
            near = np.searchsorted(known.digests[order], digests)
            row = order[np.minimum(near, len(order) - 1)]
            same = (known.digests[row] == digests) & (asset == 0)
            asset[same], place[same] = known.asset, row[same]
    return Found(asset, place)


def gather(
    inputs: Mapping[str, Path], samples: Mapping[str, int], seconds: float = inf
) -> tuple[list[Known], list[int]]:
    """Read what inputs say of earlier assets; return it, and the assets that could not be read.

    `samples` says how many images each has; after `seconds` no more is read. Prints are the
    provider's own. Tables are whatever strangers published: they are read in a process of its own,
    which may fail or end.
    """
    known: list[Known] = []
    unread: list[int] = []
    for asset, path in _of(inputs, PRINTS):
        hashes, digests = read_prints(path)
        known.append(Known(asset, hashes, digests, sealed=hashes is not None))
    tables = _of(inputs, TABLE)
    counts = [samples[str(asset)] for asset, _ in tables]
    found = read_strange([path for _, path in tables], counts, time.monotonic() + seconds)
    for (asset, _), hashes in zip(tables, found, strict=True):
        if hashes is None:
            unread.append(asset)
        else:
            known.append(Known(asset, hashes))
    return known, unread


def _of(inputs: Mapping[str, Path], kind: str) -> list[tuple[int, Path]]:
    """Return the earlier assets that there is such an input of, oldest first."""
    names = [name for name in inputs if name.startswith(kind)]
    return sorted((int(name.removeprefix(kind)), inputs[name]) for name in names)


def read_strange(
    paths: Sequence[Path], samples: Sequence[int], until: float = inf
) -> Iterator[Hashes | None]:
    """Yield what strangers' tables of so many rows hold, in order; None where one is broken.

    None too for all that are left when the clock (`time.monotonic`) has reached `until`.
    They are read in a process of its own, since reading may end it: then the next begins anew.
    """
    pool: Processes | None = None
    try:
        for table in zip(map(str, paths), samples, strict=True):
            if time.monotonic() >= until:
                yield None
                continue
            pool = pool or Processes(1)
            try:
                yield next(pool.map(_confined, [table]))
            except (ValueError, OSError):
                yield None
            except JobError:  # the process was lost
                pool.close()
                pool = None
                yield None
    finally:
        if pool is not None:
            pool.close()


def _confined(table: tuple[str, int]) -> Hashes:
    """Read a table with little memory and time; what goes wrong is a `ValueError`."""
    path, samples = table
    pages = int(_STATM.read_text(encoding="ascii").split()[0])
    _limit(resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + _MEMORY + 256 * samples)
    _limit(resource.RLIMIT_CPU, int(sum(os.times()[:2])) + _SECONDS)
    try:
        return read_table(path, samples)
    except MemoryError:
        raise ValueError("more than fits into memory") from None


_STATM = Path("/proc/self/statm")
"""Pages of this process."""


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, hard))  # the soft one: the next table gets as much again


def read_table(path: str, samples: int) -> Hashes:
    """Read a per-image table that has so many rows. Raises `ValueError` where it is broken."""
    parts = []
    try:
        table = pq.ParquetFile(path, pre_buffer=False)
        if table.metadata.num_rows != samples:
            raise ValueError("another number of rows")
        for batch in table.iter_batches(_ROWS, columns=list(COLUMNS), use_threads=False):
            parts.append(hashes_of(batch))
            if sum(map(len, parts)) > samples:
                raise ValueError("more rows than it says")
    except (pa.ArrowException, OSError) as error:
        raise ValueError("not a readable Parquet file") from error
    if sum(map(len, parts)) != samples:
        raise ValueError("fewer rows than it says")
    return Hashes.joined(parts)


def write_prints(path: Path, digests: Digests, found: Found, hashes: Hashes | None) -> None:
    """Write prints; with `hashes` where no public table has them."""
    columns = {
        "sha256": _packed(digests.view(np.uint8).reshape(-1, 32)),
        "copied": pa.array(found.asset),
    }
    for name in _ARRAYS if hashes is not None else ():
        array = np.ascontiguousarray(getattr(hashes, name))
        columns[name] = _packed(array.view(np.uint8).reshape(len(array), -1))
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_prints(path: Path) -> tuple[Hashes | None, Digests]:
    """Read prints. Raises `JobError` where they are not what `write_prints` wrote."""
    try:
        table = pq.read_table(path)
        digests = np.frombuffer(_unpacked(table["sha256"]), "S32")
        if "bits" not in table.column_names:
            return None, digests
        arrays = {
            name: np.frombuffer(_unpacked(table[name]), kind).reshape(len(digests), *shape)
            for name, (kind, shape) in _ARRAYS.items()
        }
    except (pa.ArrowException, OSError, KeyError, ValueError):
        raise JobError("the prints of an earlier asset cannot be read") from None
    return Hashes(**arrays), digests


# Of each of the arrays of `Hashes`, in its order, the type and the shape of a row.
_ARRAYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "bits": ("<u8", (4,)),
    "luma": ("<i2", (10,)),
    "greys": ("<i2", (16,)),
    "plain": ("?", ()),
    "flat": ("?", ()),
    "exact": ("<u8", ()),
}


def _packed(rows: NDArray[np.uint8]) -> Any:  # noqa: ANN401 - an Arrow array, untyped
    """Return rows of bytes as an Arrow array of that width."""
    rows = np.ascontiguousarray(rows)
    buffers = [None, pa.py_buffer(rows.tobytes())]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(rows.shape[1]), len(rows), buffers)


def _unpacked(column: Any) -> bytes:  # noqa: ANN401 - an Arrow array, untyped
    whole = column.combine_chunks()
    width = whole.type.byte_width
    buffer: bytes = (whole.buffers()[1] or pa.py_buffer(b"")).to_pybytes()
    return buffer[whole.offset * width :][: len(whole) * width]
