"""The work on a portion of a package's rows: what `describe` gives a pool's workers.

A portion is bounded in rows and in bytes, and its images are decoded a few at a time, so that
neither many images nor large ones fill a worker's memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.images import SCHEMA, UnusableImageError, decode, fingerprint, measure, record
from visdm.compute.rows import Bad

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from PIL import Image

    from visdm.compute.rows import Row

ROWS = 50
BYTES = 1 << 22
PIXELS = 1 << 22
"""Pixels that are decoded at once, unless one image alone has more."""


class Given(NamedTuple):
    """An image on its way to a worker, with its row's number and the name of its class."""

    number: int
    image: bytes
    label: str


@dataclass(frozen=True)
class Measured:
    """What came of a portion: rows of `SCHEMA`, each row's fingerprint, and the rows at fault.

    `seen` counts all rows of the portion.
    """

    rows: Any
    prints: tuple[str, ...]
    bad: tuple[Bad, ...]
    seen: int


def portions(rows: Iterable[Row | Bad], classes: Sequence[str]) -> Iterator[list[Given | Bad]]:
    """Cut rows into portions, in order."""
    portion: list[Given | Bad] = []
    size = 0
    for row in rows:
        if isinstance(row, Bad):
            portion.append(row)
        else:
            portion.append(Given(row.number, row.image, classes[row.label]))
            size += len(row.image)
        if len(portion) == ROWS or size >= BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def measured(portion: Sequence[Given | Bad]) -> Measured:
    """Measure the images of a portion; name the rows that cannot be used."""
    rows: list[dict[str, Any]] = []
    prints: list[str] = []
    bad: list[Bad] = []
    for some in _decoded(portion, bad):
        for (given, image), found in zip(some, measure([image for _, image in some]), strict=True):
            row = record(found, size=len(given.image), label=given.label)
            rows.append({"row": given.number, **row})
            prints.append(fingerprint(image))
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
    return Measured(batch, tuple(prints), tuple(bad), len(portion))


def _decoded(
    portion: Sequence[Given | Bad], bad: list[Bad]
) -> Iterator[list[tuple[Given, Image.Image]]]:
    """Yield the usable images a few at a time; add the rows at fault to `bad`, in order."""
    some: list[tuple[Given, Image.Image]] = []
    pixels = 0
    for given in portion:
        if isinstance(given, Bad):
            bad.append(given)
            continue
        try:
            image = decode(given.image)
        except UnusableImageError as error:
            bad.append(Bad(given.number, error.problem))
            continue
        pixels += image.width * image.height
        if some and pixels > PIXELS:
            yield some
            some, pixels = [], image.width * image.height
        some.append((given, image))
        del image  # before the next is decoded: one may be large
    if some:
        yield some
