"""Reads data packages that somebody else made, and believes nothing of them (section 6).

Covered: another schema, columns that are not ours, labels without a class, images that do
not decode, compression and repetition that would make a small file large in memory. Not
covered: faults of the Parquet and image decoders themselves, which run in this process.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.adapters.packages import footer
from visdm.adapters.packages.images import HINT, MAX_IMAGE_BYTES, fault
from visdm.adapters.packages.rows import (
    COLUMNS,
    FEATURES_KEY,
    GROUP_BYTES,
    GROUP_ROWS,
    described,
)
from visdm.domain.models import is_name
from visdm.domain.packages import (
    DISCLOSURE_KEY,
    IMAGE_COLUMN,
    LABEL_COLUMN,
    MAX_CLASSES,
    NAME_KEY,
    DataSummary,
    Disclosure,
)
from visdm.errors import FolderError, ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import BufferedIOBase
    from pathlib import Path

    _Cells = tuple[bytes | None, int | None]

_HINT = "its owner can build it again from the images"
_MAX_CHUNK = max(GROUP_BYTES, MAX_IMAGE_BYTES) + (1 << 20)
_BATCH_BYTES = 1 << 27
_MAX_BAD = 1000
_TEXT = r'"(?:[^"\\]++|\\.)*+"'
_NAMES = re.compile(rf"\[(?:{_TEXT}(?:, {_TEXT})*+)?\]")
"""A list of words in JSON and nothing else: a deeply nested document ends the process where a
library has raised the recursion limit."""

_BROKEN = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError)
"""What pyarrow raises on files that are not what they claim to be."""


def inspect(package: Path) -> DataSummary:
    """Check the data package at `package`.

    Raises `FolderError` or `ImageError`. They name the file without its folders, for a
    provider makes public why it refuses an asset.
    """
    try:
        with package.open("rb") as file:
            return inspect_file(file, package.name)
    except OSError as error:
        raise FolderError(package.name, f"cannot be read ({error.strerror})") from error


def inspect_file(file: BufferedIOBase, path: str) -> DataSummary:
    """Check the data package in `file`, which messages call `path`.

    Rows are counted from 0, as pandas and `datasets` count them. Raises `FolderError` when
    it is not such a package and `ImageError` naming the rows at fault, the first 1000.
    """
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        chunks = footer.chunks(file)
        if any(chunk > _MAX_CHUNK for chunk in chunks):
            raise FolderError(path, f"has a row group above {_MAX_CHUNK} bytes", hint=_HINT)
        file.seek(0)
        with pq.ParquetFile(file, pre_buffer=False) as parquet:
            name, classes, disclosure = _described(path, parquet.schema_arrow)
            counts = _counted(path, _rows(parquet, chunks), len(classes), size)
            if (parquet.num_row_groups, parquet.metadata.num_rows) != (len(chunks), sum(counts)):
                raise FolderError(path, "holds other rows than it says", hint=_HINT)
    except footer.CompressedError:
        raise FolderError(path, "is compressed, and may hide any size", hint=_HINT) from None
    except _BROKEN:
        raise FolderError(path, "is damaged or is not a data package", hint=_HINT) from None
    if not sum(counts):
        raise FolderError(path, "holds no images", hint=_HINT)
    if 0 in counts:
        problem = f"no images of the class {classes[counts.index(0)]}"
        raise FolderError(path, problem, hint=_HINT)
    return DataSummary(name, sum(counts), classes, digest, size, disclosure=disclosure)


def _described(path: str, found: Any) -> tuple[str, tuple[str, ...], Disclosure]:  # noqa: ANN401 - no types
    if not found.remove_metadata().equals(COLUMNS):
        problem = f"does not have exactly the columns {IMAGE_COLUMN} and {LABEL_COLUMN}"
        raise FolderError(path, problem, hint=_HINT)
    metadata = found.metadata or {}
    try:
        name = metadata[NAME_KEY.encode()].decode()
        classes = _classes(metadata[FEATURES_KEY.encode()].decode())
    except (KeyError, ValueError):
        problem = "does not say its name and classes as it should"
        raise FolderError(path, problem, hint=_HINT) from None
    if not all(is_name(text) for text in (name, *classes)):
        raise FolderError(path, "has a name or class that cannot be shown", hint=_HINT)
    if not 0 < len(classes) == len(set(classes)) <= MAX_CLASSES:
        problem = f"names no class, one class twice, or more than {MAX_CLASSES}"
        raise FolderError(path, problem, hint=_HINT)
    return name, classes, _disclosure(path, metadata)


def _disclosure(path: str, metadata: Mapping[bytes, bytes]) -> Disclosure:
    """Return what the owner discloses: all, unless it says so."""
    try:
        return Disclosure(metadata.get(DISCLOSURE_KEY.encode(), Disclosure.FULL.encode()).decode())
    except ValueError:
        raise FolderError(path, "asks for a disclosure that there is not", hint=_HINT) from None


def _classes(features: str) -> tuple[str, ...]:
    """Return the classes in the metadata if it is written as `rows.described` writes it."""
    before, after = described("", ["?"])[FEATURES_KEY].split('["?"]')
    names = features.removeprefix(before).removesuffix(after)
    if len(names) != len(features) - len(before) - len(after) or not _NAMES.fullmatch(names):
        raise ValueError("other features")
    return tuple(json.loads(names))


def _counted(path: str, rows: Iterator[_Cells], classes: int, size: int) -> list[int]:
    """Return the images of each class, every one of them decoded."""
    counts = [0] * classes
    bad: list[tuple[str, str]] = []
    read = 0
    for row, (content, label) in enumerate(rows):
        read += 4 + len(content or b"")
        if read > size:  # one value that stands for many rows: a bomb, or not built by us
            raise FolderError(path, "holds more image bytes than it has bytes", hint=_HINT)
        problem = _row_fault(content, label, classes)
        if problem:
            bad.append((f"row {row}", problem))
        else:
            counts[int(label or 0)] += 1
        if len(bad) == _MAX_BAD:
            break
    if bad:
        raise ImageError(bad, hint=f"its owner must mend these rows: {HINT}")
    return counts


def _row_fault(content: bytes | None, label: int | None, classes: int) -> str:
    if content is None:
        return "has no image"
    if label is None:
        return "has no label"
    if not 0 <= label < classes:
        return f"label {label} has no class (there are {classes})"
    return fault(content)


def _rows(parquet: Any, chunks: Sequence[int]) -> Iterator[_Cells]:  # noqa: ANN401 - as above
    """Yield rows in batches small enough that the worst encoding stays within the budget.

    No value of a column is larger than its column chunk, so rows x chunk bounds a batch.
    """
    wanted = [f"{IMAGE_COLUMN}.bytes", LABEL_COLUMN]
    for number, chunk in enumerate(chunks):
        rows = max(1, min(GROUP_ROWS, _BATCH_BYTES // max(1, chunk)))
        for batch in parquet.iter_batches(rows, row_groups=[number], columns=wanted):
            images = batch.column(IMAGE_COLUMN).flatten()[0]
            for content, label in zip(images, batch.column(LABEL_COLUMN), strict=True):
                yield content.as_py(), label.as_py()
