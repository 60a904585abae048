"""A Parquet file of labelled images, as Hugging Face `datasets` writes them, as a source.

It is the owner's own, and may be compressed: a file made to fill the memory of whoever
reads it does so. Files of strangers are for `visdm.adapters.packages.opened`.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.adapters.packages.files import IRREGULAR, MISSING, shown
from visdm.adapters.packages.images import MAX_IMAGE_BYTES, too_large
from visdm.adapters.packages.rows import FEATURES_KEY
from visdm.adapters.packages.source import Sample
from visdm.domain.models import is_name
from visdm.domain.packages import MAX_CLASSES
from visdm.errors import FolderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Label = int | str | None

IMAGES = ("image", "img")
LABELS = ("label", "class")
HINT = "it needs a column `image` (bytes, or a struct with them) and a column `label`"

_Item = TypeVar("_Item")
_BATCH_BYTES = 1 << 24
_BATCH_ROWS = 256
_LABEL_ROWS = 1024
_BUFFER = 1 << 20
_BROKEN = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError)
"""What pyarrow raises on files that are not what they claim to be."""


@dataclass(frozen=True)
class Table:
    """Samples in the order of the rows, which messages count from 0.

    `names` are those that the file gives to the numbers of its labels, None where it gives
    none; a class that no row has is left out.
    """

    path: Path
    parquet: Any
    image: str
    label: str
    names: tuple[str, ...] | None
    classes: tuple[str, ...]
    total: int
    bad: tuple[tuple[str, str], ...] = ()
    ignored: int = 0

    def samples(self) -> Iterator[Sample]:
        """Read the rows in batches of bounded size.

        No cell is larger than its row group, so rows x group bounds a batch. Beside it
        pyarrow holds a page of the file, packed and unpacked: those that `datasets` writes
        are small, and a writer may put a whole row group of images into one.
        """
        numbers = {name: number for number, name in enumerate(self.classes)}
        for row, (content, label) in enumerate(_whole(self.path, self._cells())):
            name, problem = _named(label, self.names)
            if not content.is_valid:
                problem = "holds no image bytes"
            elif (size := content.as_buffer().size) > MAX_IMAGE_BYTES:
                problem = too_large(size)
            path = shown(f"{self.path.name}#{row}")
            if problem:
                yield Sample(f"row {row}", 0, b"", problem, path)
            else:
                yield Sample(f"row {row}", numbers[name], content.as_py(), "", path)

    def _cells(self) -> Iterator[tuple[Any, Label]]:
        is_struct = pa.types.is_struct(self.parquet.schema_arrow.field(self.image).type)
        wanted = [f"{self.image}.bytes" if is_struct else self.image, self.label]
        for group in range(self.parquet.num_row_groups):
            size = self.parquet.metadata.row_group(group).total_byte_size
            rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, size)))
            for batch in self.parquet.iter_batches(rows, row_groups=[group], columns=wanted):
                images = batch.column(self.image)
                if is_struct:
                    images = images.flatten()[0]
                for content, label in zip(images, batch.column(self.label), strict=True):
                    yield content, label.as_py()


@contextmanager
def opened(path: Path) -> Iterator[Table]:
    """Read the labels, but no image. Raises `FolderError` for a file of another form."""
    if not path.is_file():
        raise FolderError(path, IRREGULAR if path.exists() else MISSING, hint="check the path")
    try:
        file = pa.OSFile(os.fsencode(path))  # reads into pyarrow's memory, with no copy in Python's
    except OSError as error:
        problem = f"cannot be read ({os.strerror(error.errno or 0)})"
        raise FolderError(path, problem) from error
    with file:
        yield _looked_at(path, file)


def _looked_at(path: Path, file: Any) -> Table:  # noqa: ANN401 - pyarrow has no types
    try:
        parquet = pq.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER)
        image, label = _columns(path, parquet.schema_arrow)
        names = _names(path, parquet.schema_arrow, label)
    except _BROKEN:
        raise FolderError(path, "is damaged or is not Parquet", hint=HINT) from None
    classes = _classes(path, parquet, label, names)
    return Table(path, parquet, image, label, names, classes, parquet.metadata.num_rows)


def _columns(path: Path, schema: Any) -> tuple[str, str]:  # noqa: ANN401 - as above
    found = []
    for known, fits in ((IMAGES, _holds_bytes), (LABELS, _holds_labels)):
        named = [field for field in schema if field.name in known]
        if len(named) != 1:
            several = "has more than one column called" if named else "has no column called"
            raise FolderError(path, f"{several} {' or '.join(known)}", hint=HINT)
        if not fits(named[0].type):
            problem = f"its column {named[0].name} is of another type"
            raise FolderError(path, problem, hint=HINT)
        found.append(named[0].name)
    return found[0], found[1]


def _holds_bytes(kind: Any) -> bool:  # noqa: ANN401 - as above
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _holds_bytes(kind.field(place).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _holds_labels(kind: Any) -> bool:  # noqa: ANN401 - as above
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(text or pa.types.is_integer(kind))


def _names(path: Path, schema: Any, label: str) -> tuple[str, ...] | None:  # noqa: ANN401 - as above
    """Return the names of a ClassLabel, None where the labels are words or have no names."""
    features = (schema.metadata or {}).get(FEATURES_KEY.encode())
    if features is None or not pa.types.is_integer(schema.field(label).type):
        return None
    try:
        names = json.loads(features)["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    if len(names) != len(set(names)):
        raise FolderError(path, f"its column {label} names one class twice", hint=HINT)
    return tuple(names)


def _classes(
    path: Path,
    parquet: Any,  # noqa: ANN401 - as above
    label: str,
    names: Sequence[str] | None,
) -> tuple[str, ...]:
    """Return the classes that rows have: by number where they are numbers, else as text."""
    seen: dict[Label, str] = {}
    for batch in _whole(path, parquet.iter_batches(_LABEL_ROWS, columns=[label])):
        for found in batch.column(label).unique().to_pylist():
            name, problem = _named(found, names)
            if not problem:
                seen[found] = name
        if len(seen) > MAX_CLASSES:
            break
    return _sorted(seen)


def _sorted(seen: Mapping[Label, str]) -> tuple[str, ...]:
    return tuple(seen[label] for label in sorted(seen))  # type: ignore[type-var]  # None is no name


def _named(label: Label, names: Sequence[str] | None) -> tuple[str, str]:
    """Return (name of the class, '') for a label, or ('', problem)."""
    if label is None or label == "":
        return "", "has no label"
    if names is None:
        name = str(label)
    elif isinstance(label, int) and 0 <= label < len(names):
        name = names[label]
    else:
        return "", f"label {label} has no class (there are {len(names)})"
    if not is_name(name):
        return "", "has a label that cannot be the name of a class"
    return name, ""


def _whole(path: Path, found: Iterator[_Item]) -> Iterator[_Item]:
    try:
        yield from found
    except _BROKEN:
        raise FolderError(path, "is damaged", hint="see whether pandas opens it") from None
