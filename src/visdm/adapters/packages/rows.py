"""Writes the rows of a data package: Parquet as `datasets` and pandas open it (section 6)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.domain.packages import (
    DISCLOSURE_KEY,
    IMAGE_COLUMN,
    LABEL_COLUMN,
    NAME_KEY,
    Disclosure,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.adapters.packages.poured import Poured

GROUP_ROWS = 1024
GROUP_BYTES = 1 << 24
"""A row group ends with the image that reaches either, or before one that would take it above
`GROUP_BYTES`, so that an image larger than that is alone: a function of the input."""

FEATURES_KEY = "huggingface"

# `datasets` takes the features from the metadata only where the column types are exactly
# these (measured with datasets 5.2). `path` stays null: file names are the owner's.
COLUMNS = pa.schema(
    [
        (IMAGE_COLUMN, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        (LABEL_COLUMN, pa.int64()),
    ]
)

# Images are compressed already, and a codec's version would show in the digest. Statistics
# would repeat image bytes in the footer.
_WRITING = {
    "compression": "none",
    "use_dictionary": [LABEL_COLUMN],
    "write_statistics": [LABEL_COLUMN],
    "store_schema": False,
    "version": "2.6",
    "data_page_version": "1.0",
    "data_page_size": 1 << 20,
}


def described(
    name: str, classes: Sequence[str], disclosure: Disclosure = Disclosure.FULL
) -> dict[str, str]:
    """Return the metadata of a package, its features as `datasets` writes them.

    Full disclosure is not written, so that a package is the same as before there was a choice.
    """
    features = {
        IMAGE_COLUMN: {"_type": "Image"},
        LABEL_COLUMN: {"names": list(classes), "_type": "ClassLabel"},
    }
    found = {FEATURES_KEY: json.dumps({"info": {"features": features}}), NAME_KEY: name}
    if disclosure is Disclosure.FULL:
        return found
    return {**found, DISCLOSURE_KEY: disclosure.value}


class Rows:
    """Rows on their way into a package, at most one row group of them in memory.

    `metadata` is what the package says of itself (`described`).

    A block of rows ends with `flush`, and when left with the footer; when it is left by an
    exception, nothing more is written.
    """

    def __init__(self, poured: Poured, metadata: Mapping[str, str]) -> None:
        self._poured = poured
        self._writer = pq.ParquetWriter(poured, COLUMNS, **_WRITING)
        self._writer.add_key_value_metadata(metadata)
        self._images: list[bytes] = []
        self._labels: list[int] = []
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._poured.stop()  # for pyarrow writes a footer whenever its writer goes
        self._writer.close()

    def add(self, content: bytes, label: int) -> None:
        """Append a row."""
        if self._bytes + len(content) > GROUP_BYTES:
            self.flush()
        self._images.append(content)
        self._labels.append(label)
        self._bytes += len(content)
        if len(self._images) == GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait, if any, as a row group."""
        if not self._images:
            return
        stored = _binary(self._images)
        unnamed = pa.nulls(len(stored), pa.string())
        images = pa.StructArray.from_arrays([stored, unnamed], names=["bytes", "path"])
        labels = pa.array(self._labels, pa.int64())
        self._images, self._labels, self._bytes = [], [], 0
        table = pa.Table.from_arrays([images, labels], schema=COLUMNS)
        self._writer.write_table(table, row_group_size=len(stored))
        pa.default_memory_pool().release_unused()  # which pyarrow keeps for the next group


def _binary(images: Sequence[bytes]) -> pa.Array:
    """Return a column of images; a large one, which is alone, is not copied."""
    ends = np.cumsum([0, *map(len, images)], dtype=np.int32)
    joined = images[0] if len(images) == 1 else b"".join(images)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(joined)]
    return pa.Array.from_buffers(pa.binary(), len(images), buffers)
