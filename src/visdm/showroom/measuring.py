"""The work on one batch of images: what a pool's workers do.

A batch is bounded in rows and in bytes of files, so that neither many images nor large ones fill
a worker's memory (`visdm.compute.portions` decodes them a few at a time).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from visdm.adapters.packages.images import fault, fault_undecoded
from visdm.compute import portions
from visdm.compute.images import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from visdm.adapters.packages.source import Source

ROWS = 64
BYTES = 1 << 22

TABLE = pa.schema([("path", pa.string()), *(column for column in SCHEMA if column.name != "row")])
"""The per-image table as it is offline: a path where a package has the row's number."""


class Given(NamedTuple):
    """An image on its way to a worker; where `problem` says something, it cannot be used."""

    path: str
    label: str
    content: bytes
    problem: str


@dataclass(frozen=True)
class Measured:
    """What came of a batch: rows of `TABLE`, a digest of each row's pixels, and what is bad."""

    rows: Any
    prints: tuple[str, ...]
    bad: tuple[tuple[str, str], ...]


def batches(source: Source) -> Iterator[list[Given]]:
    """Cut what a source holds into batches."""
    batch: list[Given] = []
    size = 0
    for sample in source.samples():
        label = "" if sample.problem else source.classes[sample.label]
        batch.append(Given(sample.path or sample.name, label, sample.content, sample.problem))
        size += len(sample.content)
        if len(batch) == ROWS or size >= BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def measured(batch: Sequence[Given]) -> Measured:
    """Measure the images of a batch; those that cannot be used are named with the reason."""
    problems = [given.problem or fault_undecoded(given.content) for given in batch]
    found = portions.measured(
        [
            portions.Given(number, given.content, given.label)
            for number, given in enumerate(batch)
            if not problems[number]
        ]
    )
    for one in found.bad:
        problems[one.number] = fault(batch[one.number].content) or one.problem
    paths = [batch[number].path for number in found.rows.column("row").to_pylist()]
    columns = [found.rows.column(name) for name in TABLE.names[1:]]
    rows = pa.RecordBatch.from_arrays([pa.array(paths, pa.string()), *columns], schema=TABLE)
    bad = [(given.path, text) for given, text in zip(batch, problems, strict=True) if text]
    return Measured(rows, found.prints, tuple(bad))
