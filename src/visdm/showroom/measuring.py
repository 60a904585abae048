"""The work on one batch of images: what a pool's workers do.

A batch is bounded in rows and in bytes of files, and its images are decoded a few at a time,
so that neither many images nor large ones fill a worker's memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from visdm.adapters.packages.images import fault, fault_undecoded
from visdm.compute.images import SCHEMA, UnusableImageError, decode, fingerprint, measure, record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL import Image

    from visdm.adapters.packages.source import Source

ROWS = 256
BYTES = 1 << 22
PIXELS = 1 << 22
"""Pixels that are decoded at once, unless one image alone has more."""

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
    prints: tuple[bytes, ...]
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
    rows: list[dict[str, Any]] = []
    prints: list[bytes] = []
    bad: list[tuple[str, str]] = []
    for some in _decoded(batch, bad):
        for (given, image), found in zip(some, measure([image for _, image in some]), strict=True):
            row = record(found, size=len(given.content), label=given.label)
            rows.append({"path": given.path, **row})
            prints.append(bytes.fromhex(fingerprint(image)))
    return Measured(pa.RecordBatch.from_pylist(rows, schema=TABLE), tuple(prints), tuple(bad))


def _decoded(
    batch: Sequence[Given], bad: list[tuple[str, str]]
) -> Iterator[list[tuple[Given, Image.Image]]]:
    """Yield the usable images a few at a time; add the others to `bad`."""
    some: list[tuple[Given, Image.Image]] = []
    pixels = 0
    for given in batch:
        image, problem = _opened(given)
        if image is None:
            bad.append((given.path, problem))
            continue
        pixels += image.width * image.height
        if some and pixels > PIXELS:
            yield some
            some, pixels = [], image.width * image.height
        some.append((given, image))
        del image
    if some:
        yield some


def _opened(given: Given) -> tuple[Image.Image | None, str]:
    if problem := given.problem or fault_undecoded(given.content):
        return None, problem
    try:
        return decode(given.content), ""
    except UnusableImageError as error:
        return None, fault(given.content) or error.problem
