"""Reading a data package row by row (DESIGN section 6), trusting nothing in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from visdm.domain.models import is_name
from visdm.domain.packages import (
    DISCLOSURE_KEY,
    IMAGE_COLUMN,
    LABEL_COLUMN,
    MAX_CLASSES,
    NAME_KEY,
    Disclosure,
)
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike
    from typing import IO

BATCH = 256
"""Rows that are held in memory at once."""

BYTES = "bytes"
"""Field of an image where the column is the struct that `datasets` writes."""

MAX_NAMED = 5
"""Bad rows that a failure names before it counts the rest."""


@dataclass(frozen=True)
class Row:
    """One image as its owner has it: `label` is an index into the package's classes."""

    number: int
    image: bytes
    label: int


class DataPackage:
    """An opened data package; its name, classes, disclosure and number of samples are read.

    Raises `JobError` when this is no Parquet file with the columns and class names of a
    data package, or asks for a disclosure that there is not.
    """

    def __init__(self, source: str | PathLike[str] | IO[bytes], what: str = "package") -> None:
        self.what = what
        try:
            self._file = pq.ParquetFile(source)
            schema = self._file.schema_arrow
        except (pa.ArrowException, OSError, ValueError):
            raise JobError(f"the {what} is not a readable Parquet file") from None
        image, label = _type_of(schema, IMAGE_COLUMN), _type_of(schema, LABEL_COLUMN)
        self._nested = bool(pa.types.is_struct(image))
        if not _is_bytes(_inside(image)):
            raise JobError(f"the {what} needs one column `image` of bytes")
        if not pa.types.is_integer(label):
            raise JobError(f"the {what} needs one column `label` of integers")
        metadata = schema.metadata or {}
        self.classes = _classes(metadata.get(b"huggingface", b""), what)
        self.name = metadata.get(NAME_KEY.encode(), b"").decode("utf-8", "replace")
        if not all(is_name(text) for text in (self.name, *self.classes)):
            raise JobError(f"the {what} has a name or a class that cannot be shown")
        self.disclosure = _disclosure(metadata, what)
        self.samples = int(self._file.metadata.num_rows)
        if self.samples == 0:
            raise JobError(f"the {what} holds no images")

    def rows(self) -> Iterator[Row | Bad]:
        """Yield every row in order, numbered from 0; `Bad` where a row has no image or class."""
        number = -1
        for number, (image, label) in enumerate(self._cells()):
            if number >= self.samples:
                break
            if image is None:
                yield Bad(number, "holds no image")
            elif label is None or not 0 <= label < len(self.classes):
                yield Bad(number, "has a label that stands for no class")
            else:
                yield Row(number, image, label)
        if number + 1 != self.samples:
            raise JobError(f"the {self.what} is damaged: it holds more or fewer rows than it says")

    def _cells(self) -> Iterator[tuple[bytes | None, int | None]]:
        columns = [f"{IMAGE_COLUMN}.{BYTES}" if self._nested else IMAGE_COLUMN, LABEL_COLUMN]
        try:
            for batch in self._file.iter_batches(batch_size=BATCH, columns=columns):
                images, labels = batch.column(IMAGE_COLUMN), batch.column(LABEL_COLUMN)
                images = images.flatten()[0] if self._nested else images
                for image, label in zip(images, labels, strict=True):
                    yield image.as_py(), label.as_py()
        except (pa.ArrowException, OSError, ValueError):
            raise JobError(f"the {self.what} is damaged: its rows cannot be read") from None


@dataclass(frozen=True)
class Bad:
    """A row that cannot be used, and why, in words of ours."""

    number: int
    problem: str


def refuse_bad(bad: list[Bad], what: str) -> None:
    """Raise `JobError` naming the bad rows by number, if there are any."""
    if not bad:
        return
    named = "; ".join(f"row {one.number} {one.problem}" for one in bad[:MAX_NAMED])
    more = f"; and {len(bad) - MAX_NAMED} more" if len(bad) > MAX_NAMED else ""
    raise JobError(
        f"the {what} has bad rows: {named}{more}",
        hint="rows count from 0, in the order of the package",
    )


def _type_of(schema: pa.Schema, column: str) -> pa.DataType:
    """Return the type of the one column of this name; Arrow's null where there is no such one."""
    places = schema.get_all_field_indices(column)
    return schema.field(places[0]).type if len(places) == 1 else pa.null()


def _inside(kind: pa.DataType) -> pa.DataType:
    """Return what an image's bytes are stored as: in a column, or in a struct's field."""
    if not pa.types.is_struct(kind):
        return kind
    place = kind.get_field_index(BYTES)
    return kind.field(place).type if place >= 0 else kind


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _disclosure(metadata: Mapping[bytes, bytes], what: str) -> Disclosure:
    """Read what the owner discloses; packages from before there was a choice disclose all."""
    asked = metadata.get(DISCLOSURE_KEY.encode(), Disclosure.FULL.encode())
    for known in Disclosure:
        if asked == known.encode():
            return known
    raise JobError(
        f"the {what} asks for a disclosure that there is not",
        hint=f"{DISCLOSURE_KEY} in its schema is one of {', '.join(Disclosure)}",
    )


def _classes(document: bytes, what: str) -> tuple[str, ...]:
    """Read the class names where the `datasets` library keeps them."""
    try:
        names = json.loads(document)["info"]["features"][LABEL_COLUMN]["names"]
    except (ValueError, KeyError, TypeError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise JobError(f"the {what} names no classes in its schema")
    if not 0 < len(set(names)) == len(names) <= MAX_CLASSES:
        raise JobError(f"the {what} needs 1 to {MAX_CLASSES} classes, each named once")
    return tuple(names)
