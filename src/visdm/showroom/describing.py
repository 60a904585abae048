"""From a source of images to the three files that describe it, in one pass over the images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.compute.images import QUALITY
from visdm.compute.pools import open_pool
from visdm.compute.summary import Summing
from visdm.domain import croissant
from visdm.domain.columns import OFFLINE
from visdm.domain.metadata import evenness
from visdm.domain.models import MAX_NAME, is_name
from visdm.domain.packages import IMAGE_SUFFIXES, MAX_CLASSES
from visdm.errors import FolderError, ImageError, InputError
from visdm.ports import silent
from visdm.showroom.extremes import Extremes
from visdm.showroom.measuring import batches, measured
from visdm.showroom.page import Shown, page
from visdm.showroom.pictured import pictured
from visdm.showroom.place import CROISSANT, PAGE, check, replacing, write, writing
from visdm.showroom.repeats import Repeats
from visdm.showroom.table import digest, writing_rows
from visdm.wiring import images_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from visdm.adapters.packages.source import Source
    from visdm.ports import Progress
    from visdm.showroom.measuring import Measured
    from visdm.showroom.table import Rows

_PRINT = 16
"""Bytes of a digest by which the same pixels are known again: by chance never."""

HINT = "ViSDM takes whole still images: JPEG, PNG or WebP"


@dataclass(frozen=True)
class Described:
    """What was written: the summary of the images, and how many were left out, or no images."""

    summary: dict[str, Any]
    left_out: int
    ignored: int
    size: int
    """Bytes of the per-image table."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        counts = self.summary["class_counts"].values()
        return {
            **self.summary,
            "balance": evenness(counts),
            "left_out": self.left_out,
            "ignored": self.ignored,
            "table_bytes": self.size,
        }


def describe(  # one parameter per option
    source: Path,
    out: Path,
    *,
    name: str,
    workers: int = 1,
    ray: str = "",
    strict: bool = False,
    about: croissant.About = croissant.About(),  # noqa: B008 - it cannot be changed
    named: Callable[[str, str], None] = lambda path, problem: None,  # noqa: ARG005 - tells nobody
    progress: Progress = silent,
) -> Described:
    """Measure the images of `source` and write `images.parquet`, `croissant.json`, `index.html`.

    `source` is a folder, or a CSV or Parquet file (`visdm.wiring.images_in`). Images that cannot
    be used are `named` with the problem and left out. `workers` processes measure, or the Ray
    cluster at the address `ray`. All of `out` appears when it is whole.

    Raises `FolderError` when the source cannot be read or has no image that can be used,
    `ImageError` naming each that cannot when `strict`, `InputError` for the name and the cluster,
    `OutputError`.
    """
    if not is_name(name):
        raise InputError(f"the name {name[:MAX_NAME]!r} cannot be shown", hint="say --name TEXT")
    check(out)
    with images_in(source, without=out) as found:
        _refuse(source, found)
        with replacing(out) as made, open_pool(workers, ray) as pool:
            taken = _Taken(found, named, strict=strict)
            with writing(out), writing_rows(made / croissant.TABLE, name) as rows:
                for done in pool.map(measured, batches(found)):
                    taken.take(done, rows)
                    progress(taken.seen, found.total)
            taken.refuse_bad(source)
            with writing(out):
                return _written(made, taken, name, about)


def _refuse(source: Path, found: Source) -> None:
    if len(found.classes) > MAX_CLASSES:
        raise FolderError(source, f"holds more than {MAX_CLASSES} classes", hint="describe a part")
    if not found.total and not found.bad:
        problem = f"holds no images ({', '.join(IMAGE_SUFFIXES)})"
        raise FolderError(source, problem, hint="name a folder with images in it")


class _Taken:
    """What is kept of the images while they pass by: sums, ends, digests; no pixels."""

    def __init__(self, found: Source, named: Callable[[str, str], None], *, strict: bool) -> None:
        self.ignored = found.ignored
        self._strict = strict
        self._named = named
        self._bad: list[tuple[str, str]] = []
        self._prints: set[bytes] = set()
        self.summing = Summing(found.classes)
        self.extremes = Extremes(QUALITY)
        self.repeats = Repeats()
        self.seen = self.left_out = 0
        for path, problem in found.bad:
            self._leave_out(path, problem)

    def take(self, done: Measured, rows: Rows) -> None:
        """Take in what came of a batch."""
        self.seen += done.rows.num_rows + len(done.bad)
        for path, problem in done.bad:
            self._leave_out(path, problem)
        self._prints.update(bytes.fromhex(text)[:_PRINT] for text in done.prints)
        if done.rows.num_rows:
            rows.add(done.rows)
            self.summing.add(done.rows)
            self.extremes.add(done.rows)
            self.repeats.add(done.rows)

    def summary(self, name: str) -> dict[str, Any]:
        """Return the summary of all that was taken in."""
        repeated = self.summing.samples - len(self._prints)
        return self.summing.summary(name=name, duplicates=repeated)

    def refuse_bad(self, source: Path) -> None:
        """Raise where nothing may be written: an image is bad and none may be, or none is good."""
        if self._bad:
            raise ImageError(self._bad, hint=f"mend or remove them, or leave out --strict: {HINT}")
        if not self.summing.samples:
            problem = f"none of its images can be used ({self.left_out} named above)"
            raise FolderError(source, problem, hint=HINT)

    def _leave_out(self, path: str, problem: str) -> None:
        self.left_out += 1
        if self._strict:
            self._bad.append((path, problem))
        else:
            self._named(path, problem)


def _written(made: Path, taken: _Taken, name: str, about: croissant.About) -> Described:
    """Write the document and the page beside the table."""
    near, groups = taken.repeats.found(made / croissant.TABLE)
    summary = taken.summary(name)
    summary["near_duplicates"] = near
    sha256, size = digest(made / croissant.TABLE)
    table = croissant.Table(croissant.TABLE, sha256, size, OFFLINE)
    document = croissant.document(summary, name=name, table=table, about=about)
    write(made / CROISSANT, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    described = Described(summary, taken.left_out, taken.ignored, size)
    shown = Shown(
        described.to_json(),
        taken.extremes.found(),
        pictured(made / croissant.TABLE, summary),
        groups,
    )
    write(made / PAGE, page(shown))
    return described
