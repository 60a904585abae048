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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.compute.duplicates import Hashes, against
from visdm.compute.looks import COLUMNS, hashes_of
from visdm.compute.pools import Processes
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Digests = NDArray[np.bytes_]
    """SHA-256, type `S32`."""

TABLE, PRINTS = "table-", "prints-"
"""What the inputs of `describe` are called, before an earlier asset's id."""

AT_ONCE = 1 << 20
"""Rows of earlier assets that are compared at once: bounds memory."""
_ROWS = 4096
_MEMORY = 1 << 30
"""Bytes that reading a stranger's table may take, beside what is there and 256 a row."""
_SECONDS = 60
"""Of computing that reading it may take."""


@dataclass(frozen=True)
class Known:
    """What is known of an earlier asset: `hashes` of its images, or their `digests`, or both."""

    asset: int
    hashes: Hashes | None = None
    digests: Digests | None = None


def copied(own: Hashes, digests: Digests, earlier: Iterable[Known]) -> NDArray[np.int64]:
    """Return for each image the earliest asset that has it, 0 where none has."""
    found = np.zeros(len(own), np.int64)
    for group in _groups(earlier):
        rows = np.flatnonzero(found == 0)
        by_hash = _by_hash(own.take(rows), group)
        by_digest = _by_digest(digests[rows], group)
        both = np.minimum(by_hash, by_digest)
        found[rows] = np.where(both == _NONE, 0, both)
    return found


_NONE = np.iinfo(np.int64).max


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


def _by_hash(own: Hashes, group: Sequence[Known]) -> NDArray[np.int64]:
    compared = [known for known in group if known.hashes is not None]
    parts = [known.hashes for known in compared if known.hashes is not None]
    if not parts:
        return np.full(len(own), _NONE)
    owner = np.repeat([known.asset for known in compared], [len(part) for part in parts])
    row = against(own, Hashes.joined(parts))
    return np.where(row >= 0, owner[row] if len(owner) else 0, _NONE)


def _by_digest(digests: Digests, group: Sequence[Known]) -> NDArray[np.int64]:
    found = np.full(len(digests), _NONE)
    for known in group:
        if known.digests is not None:
            same = np.isin(digests, known.digests) & (found == _NONE)
            found[same] = known.asset
    return found


def counted(found: NDArray[np.int64]) -> dict[str, int]:
    """Return how many images each earlier asset has, by its id as JSON writes it."""
    assets, images = np.unique(found[found > 0], return_counts=True)
    return {str(asset): int(count) for asset, count in zip(assets, images, strict=True)}


def gather(inputs: Mapping[str, Path], samples: Mapping[str, int]) -> tuple[list[Known], list[int]]:
    """Read what inputs say of earlier assets; return it, and the assets that could not be read.

    `samples` says how many images each has. Prints are the provider's own. Tables are whatever
    strangers published: each is read in a process of its own, which may fail or end.
    """
    known: list[Known] = []
    unread: list[int] = []
    for name, path in sorted(inputs.items()):
        if name.startswith(PRINTS):
            hashes, digests = read_prints(path)
            known.append(Known(int(name.removeprefix(PRINTS)), hashes, digests))
        elif name.startswith(TABLE):
            asset = int(name.removeprefix(TABLE))
            found = read_strange(path, samples[str(asset)])
            if found is None:
                unread.append(asset)
            else:
                known.append(Known(asset, found))
    return known, sorted(unread)


def read_strange(path: Path, samples: int) -> Hashes | None:
    """Read a stranger's table of so many rows in a process of its own; None where it is broken."""
    pool = Processes(1)
    try:
        return next(pool.map(_confined, [(str(path), samples)]))
    except (ValueError, OSError, JobError):
        return None
    finally:
        pool.close()


def _confined(table: tuple[str, int]) -> Hashes:
    """Read a table with little memory and time; what goes wrong is a `ValueError`."""
    path, samples = table
    with open("/proc/self/statm", encoding="ascii") as counts:  # noqa: PTH123 - no Path for it
        here = int(counts.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    most = here + _MEMORY + 256 * samples
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    spent = int(sum(os.times()[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (spent + _SECONDS, spent + _SECONDS))
    try:
        return read_table(path, samples)
    except MemoryError:
        raise ValueError("more than fits into memory") from None


def read_table(path: str, samples: int) -> Hashes:
    """Read a per-image table that has so many rows. Raises `ValueError` where it is broken."""
    parts = []
    try:
        table = pq.ParquetFile(path)
        if table.metadata.num_rows != samples:
            raise ValueError("another number of rows")
        for batch in table.iter_batches(batch_size=_ROWS, columns=list(COLUMNS)):
            parts.append(hashes_of(batch))
            if sum(map(len, parts)) > samples:
                raise ValueError("more rows than it says")
    except (pa.ArrowException, OSError) as error:
        raise ValueError("not a readable Parquet file") from error
    if sum(map(len, parts)) != samples:
        raise ValueError("fewer rows than it says")
    return Hashes.joined(parts)


def write_prints(
    path: Path, digests: Digests, found: NDArray[np.int64], hashes: Hashes | None
) -> None:
    """Write prints; with `hashes` where no public table has them."""
    columns = {"sha256": _packed(digests.view(np.uint8).reshape(-1, 32)), "copied": pa.array(found)}
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
