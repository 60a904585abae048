"""Builds data packages from labelled images, whatever form their owner keeps them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.adapters.packages import listing, privacy, table, tree
from visdm.adapters.packages.files import MISSING, shown
from visdm.adapters.packages.images import HINT, fault
from visdm.adapters.packages.poured import Poured
from visdm.adapters.packages.rows import Rows, described
from visdm.domain.models import MAX_NAME, is_name
from visdm.domain.packages import MAX_CLASSES, NAME_KEY, DataSummary
from visdm.errors import FolderError, ImageError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from visdm.adapters.packages.source import Source
    from visdm.domain.packages import Disclosure
    from visdm.ports import Progress, Writer

SOURCES = "name a folder with one folder per class, a .csv or a .parquet file"
UNCLEANED = "is put together so oddly that its metadata cannot be taken out"


def build(
    source: Path,
    sink: Writer,
    *,
    name: str,
    keep_exif: bool,
    disclosure: Disclosure,
    flat: bool,
    progress: Progress,
) -> DataSummary:
    """Pour a package of the images in `source` into `sink`, reading each image once.

    Memory holds one row group, one image file and its decoded form. The same input gives the
    same package wherever it lies; pyarrow's version stands in the footer, so another version
    may give another digest. Once anything is amiss, nothing more is written.

    Raises `InputError` for the name, `FolderError`, `ImageError` naming all images at fault,
    `OutputError`, and what `sink` raises.
    """
    if not is_name(name):
        hint = f"at most {MAX_NAME} printable characters"
        raise InputError(f"{shown(name[:MAX_NAME])!r} cannot be the name of a package", hint=hint)
    with opened(source, flat=flat) as found:
        _refuse_classes(source, found)
        poured = Poured(sink, name)
        metadata = described(name, found.classes, disclosure)
        stripped = _pour(found, poured, metadata, keep_exif=keep_exif, progress=progress)
        return DataSummary(
            name=name,
            samples=found.total,
            classes=tuple(found.classes),
            digest=poured.digest,
            size=poured.size,
            stripped=stripped,
            disclosure=disclosure,
        )


def opened(source: Path, *, flat: bool = False) -> AbstractContextManager[Source]:
    """Look into a source of labelled images. Raises `FolderError`, also for what is no source."""
    if source.is_dir():
        return tree.opened(source, flat=flat)
    suffix = source.suffix.lower()
    if suffix == ".csv":
        return listing.opened(source)
    if suffix == ".parquet":
        return table.opened(source)
    problem = "is not a folder" if source.exists() else MISSING
    raise FolderError(source, problem, hint=SOURCES)


def _refuse_classes(source: Path, found: Source) -> None:
    if len(found.classes) > MAX_CLASSES:
        raise FolderError(source, f"holds more than {MAX_CLASSES} classes", hint=SOURCES)
    if not found.total and not found.bad:
        raise FolderError(source, "holds no images", hint=SOURCES)


def _pour(
    found: Source,
    poured: Poured,
    metadata: Mapping[str, str],
    *,
    keep_exif: bool,
    progress: Progress,
) -> int:
    """Write what `found` holds; return how many images lost metadata on the way."""
    bad = list(found.bad)
    done = stripped = 0
    if bad:
        poured.stop()
    with Rows(poured, metadata) as rows:
        for done, sample in enumerate(found.samples(), 1):
            content, problem = sample.content, sample.problem
            if not problem:
                content, problem = _fit(sample.content, keep_exif=keep_exif)
            if problem:
                poured.stop()
                bad.append((sample.name, problem))
            elif not bad:
                stripped += content is not sample.content
                rows.add(content, sample.label)
            progress(done, found.total)
            del sample, content  # before the next is read: one may be large
        if bad:
            raise ImageError(bad, hint=f"mend or remove them: {HINT}")
        if done != found.total:
            raise FolderError(
                metadata[NAME_KEY], "changed while it was packed", hint="pack it again"
            )
        rows.flush()
    return stripped


def _fit(content: bytes, *, keep_exif: bool) -> tuple[bytes, str]:
    """Return an image as it may be packed, and why it may not."""
    bare = content if keep_exif else privacy.cleaned(content)
    if bare is None:
        return content, fault(content) or UNCLEANED
    return bare, fault(bare)
