"""A CSV file that lists images and their labels, as a source.

Format: RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180) in UTF-8, with a header. Only the
columns of paths and labels are read; paths start at the file's own folder and stay in it.
"""

from __future__ import annotations

import csv
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, TextIO

from visdm.adapters.packages import order
from visdm.adapters.packages.files import IRREGULAR, MISSING, leads_out, read, shown
from visdm.adapters.packages.order import Place
from visdm.adapters.packages.source import Sample
from visdm.domain.models import is_name
from visdm.domain.packages import MAX_CLASSES
from visdm.errors import FolderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from visdm.adapters.packages.order import Order

PATHS = ("path", "file_name", "image", "filename")
LABELS = ("label", "class")
HINT = "begin it with a line of names, such as: path,label"
OUT = "leads out of the folder that the list is in"

_MAX_LINE = 1 << 20


@dataclass(frozen=True)
class Listing:
    """Samples by class, then path: as a tree gives them that has them in these places."""

    folder: Path
    places: Order
    classes: tuple[str, ...]
    total: int
    bad: tuple[tuple[str, str], ...]
    ignored: int = 0

    def samples(self) -> Iterator[Sample]:
        """Read the images one by one."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        for place in self.places:
            found = _read(self.folder, place.path)
            yield Sample(_name(place), numbers[place.label], *found, shown(place.path))


@contextmanager
def opened(path: Path) -> Iterator[Listing]:
    """Read the list, but no image. Raises `FolderError` when it cannot be read as CSV."""
    if not path.is_file():
        raise FolderError(path, IRREGULAR if path.exists() else MISSING, hint="check the path")
    with order.kept() as places:
        bad = _taken_in(path, places)
        for place, first in places.repeated():
            bad.append((place.line, _name(place), f"stands in line {first} already"))
        named = tuple((name, problem) for _, name, problem in sorted(bad))
        classes = places.labels(MAX_CLASSES + 1)
        yield Listing(path.parent.resolve(), places, classes, places.count(), named)


def _taken_in(path: Path, places: Order) -> list[tuple[int, str, str]]:
    """Take in the rows that may be right; return (line, name, problem) of the others."""
    bad: list[tuple[int, str, str]] = []
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = _rows(path, file)
            _, header = next(rows, (1, []))
            where, what = _columns(path, header)
            for line, cells in rows:
                if len(cells) != len(header):
                    bad.append((line, f"line {line}", "has not as many cells as the first line"))
                    continue
                path_ = cells[where] and os.path.normpath(cells[where])
                place = Place(cells[what], path_, line)
                if problem := _problem(place):
                    bad.append((line, _name(place), problem))
                else:
                    places.add(place)
    except OSError as error:
        raise FolderError(path, f"cannot be read ({error.strerror})") from error
    return bad


def _rows(path: Path, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Yield (line where it begins, cells) of each row that is not blank."""
    rows = csv.reader(_lines(path, file), strict=True, skipinitialspace=True)
    line = 1
    try:
        for cells in rows:
            if cells:
                yield line, cells
            line = rows.line_num + 1
    except csv.Error:
        raise FolderError(path, f"line {line} is not CSV", hint="see its quotes") from None


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE), ""), 1):
        if len(line) == _MAX_LINE:
            raise FolderError(path, f"line {number} is longer than a line of CSV", hint=HINT)
        yield line


def _columns(path: Path, header: Sequence[str]) -> tuple[int, int]:
    names = [name.strip().lower() for name in header]
    places = []
    for known in (PATHS, LABELS):
        found = [place for place, name in enumerate(names) if name in known]
        if len(found) != 1:
            several = "has more than one column called" if found else "has no column called"
            raise FolderError(path, f"{several} {' or '.join(known)}", hint=HINT)
        places += found
    return places[0], places[1]


def _problem(place: Place) -> str:
    if not place.path:
        return "has no path"
    if "\0" in place.path:
        return "has a path that cannot be one"
    if PurePath(place.path).is_absolute():
        return "starts at the root: paths start at the folder that the list is in"
    if PurePath(place.path).parts[:1] == (os.pardir,):
        return OUT
    if not place.label:
        return "has no label"
    return "" if is_name(place.label) else "has a label that cannot be the name of a class"


def _name(place: Place) -> str:
    return f"line {place.line} ({shown(place.path)})" if place.path else f"line {place.line}"


def _read(folder: Path, path: str) -> tuple[bytes, str]:
    with suppress(OSError, RuntimeError):  # whatever is wrong with it, reading says so
        if leads_out(folder, folder / path):
            return b"", OUT
    return read(folder / path)
