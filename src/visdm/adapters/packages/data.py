"""Builds data packages: Parquet that Hugging Face `datasets` and pandas open (section 6)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.adapters.packages.images import HINT, MAX_IMAGE_BYTES, fault, too_large
from visdm.adapters.packages.tree import shown, survey
from visdm.adapters.packages.whole import whole
from visdm.domain.models import MAX_NAME, is_name
from visdm.domain.packages import IMAGE_COLUMN, LABEL_COLUMN, NAME_KEY, DataSummary
from visdm.errors import ImageError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from visdm.adapters.packages.whole import Sink
    from visdm.ports import Progress

GROUP_ROWS = 1024
GROUP_BYTES = 1 << 24
"""A row group ends with the image that reaches either: a function of the input alone."""

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


def build(folder: Path, target: Path, *, name: str, progress: Progress) -> DataSummary:
    """Pack a tree of images into `target`, reading each file once.

    Memory holds one row group and one decoded image. The same names and bytes give the same
    package wherever the folder lies; pyarrow's version stands in the footer, so another
    version may give another digest.

    Raises `InputError` for the name, `FolderError`, `ImageError` naming all files at fault,
    and `OutputError`.
    """
    if not is_name(name):
        hint = f"at most {MAX_NAME} printable characters"
        raise InputError(f"{shown(name[:MAX_NAME])!r} cannot be the name of a package", hint=hint)
    tree = survey(folder)
    bad = list(tree.strays)
    with whole(target) as sink:
        rows = _Rows(sink, described(name, tree.classes))
        for done, (label, path) in enumerate(tree.images, 1):
            content, problem = _read(path)
            if problem:
                bad.append((tree.name(path), problem))
            elif not bad:
                rows.add(content, label)
            progress(done, len(tree.images))
        rows.close()
        if bad:
            raise ImageError(bad, hint=f"mend or remove them: {HINT}")
    return DataSummary(name, len(tree.images), tree.classes, sink.digest, sink.size)


def described(name: str, classes: Sequence[str]) -> dict[str, str]:
    """Return the metadata of a package, its features as `datasets` writes them."""
    features = {
        IMAGE_COLUMN: {"_type": "Image"},
        LABEL_COLUMN: {"names": list(classes), "_type": "ClassLabel"},
    }
    return {FEATURES_KEY: json.dumps({"info": {"features": features}}), NAME_KEY: name}


def _read(path: Path) -> tuple[bytes, str]:
    try:
        if (size := path.stat().st_size) > MAX_IMAGE_BYTES:
            return b"", too_large(size)
        content = path.read_bytes()
    except OSError as error:
        return b"", f"cannot be read ({error.strerror})"
    return content, fault(content)


class _Rows:
    """Rows on their way into a package, at most one row group of them in memory."""

    def __init__(self, sink: Sink, metadata: Mapping[str, str]) -> None:
        self._writer = pq.ParquetWriter(sink, COLUMNS, **_WRITING)
        self._writer.add_key_value_metadata(metadata)
        self._images: list[bytes] = []
        self._labels: list[int] = []
        self._bytes = 0

    def add(self, content: bytes, label: int) -> None:
        self._images.append(content)
        self._labels.append(label)
        self._bytes += len(content)
        if len(self._images) == GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        if self._images:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        stored = pa.array(self._images, pa.binary())
        unnamed = pa.nulls(len(stored), pa.string())
        images = pa.StructArray.from_arrays([stored, unnamed], names=["bytes", "path"])
        labels = pa.array(self._labels, pa.int64())
        table = pa.Table.from_arrays([images, labels], schema=COLUMNS)
        self._writer.write_table(table, row_group_size=len(stored))
        self._images, self._labels, self._bytes = [], [], 0
