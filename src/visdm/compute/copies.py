"""Which images of an asset earlier assets have: tables of strangers, prints of one's own.

*Prints* are what a provider keeps, sealed, of every asset that it opened: the SHA-256 of each
image's pixels, and for an asset without a public table what its images are compared by. They are
a Parquet file with a row per image.

An image counts for the earliest asset that has it: the same pixels, or a near-duplicate
(`visdm.compute.duplicates`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.compute.acceptance import confined, rows
from visdm.compute.duplicates import Hashes, against
from visdm.compute.looks import hashes_of
from visdm.domain.summaries import MIN_GROUP
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from visdm.domain.tables import Registered

    Digests = NDArray[np.bytes_]
    """SHA-256, type `S32`."""

TABLE, PRINTS = "table-", "prints-"
"""What the inputs of `describe` are called, before an earlier asset's id."""

AT_ONCE = 1 << 20
"""Rows of earlier assets that are compared at once: bounds memory."""


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
    inputs: Mapping[str, Path], registered: Mapping[int, Registered], seconds: float = inf
) -> tuple[list[Known], list[int]]:
    """Read what inputs say of earlier assets; return it, and the assets whose tables do not count.

    After `seconds` no more is read. Prints are the provider's own. Tables are whatever strangers
    published: `visdm.compute.acceptance` says which count.
    """
    known: list[Known] = []
    unread: list[int] = []
    for asset, path in _of(inputs, PRINTS):
        hashes, digests = read_prints(path)
        known.append(Known(asset, hashes, digests, sealed=hashes is not None))
    tables = _of(inputs, TABLE)
    jobs = [(path, registered[asset]) for asset, path in tables]
    found = confined(hashes_in, jobs, time.monotonic() + seconds)
    for (asset, _), read in zip(tables, found, strict=True):
        if isinstance(read, str):
            unread.append(asset)
        else:
            known.append(Known(asset, read))
    return known, unread


def hashes_in(path: Path, registered: Registered) -> Hashes:
    """Return what the images of a public table are compared by. Raises `UnacceptableError`."""
    return Hashes.joined([hashes_of(batch) for batch in rows(path, registered)])


def _of(inputs: Mapping[str, Path], kind: str) -> list[tuple[int, Path]]:
    """Return the earlier assets that there is such an input of, oldest first."""
    names = [name for name in inputs if name.startswith(kind)]
    return sorted((int(name.removeprefix(kind)), inputs[name]) for name in names)


def write_prints(path: Path, digests: Digests, hashes: Hashes | None) -> None:
    """Write prints; with `hashes` where no public table has them."""
    columns = {"sha256": _packed(digests.view(np.uint8).reshape(-1, 32))}
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
