"""The archive of a model package: plain ustar, in the one form that `pack` writes.

A reader that accepts a single form of each archive leaves nothing for two readers to
disagree on: no links, devices, folders, extensions, duplicates or hidden bytes.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.domain.models import is_module
from visdm.domain.packages import MODEL_FILE, VALIDATION_FILE, WEIGHTS_FILE
from visdm.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedIOBase
    from pathlib import Path

    from visdm.adapters.packages.whole import Sink

BLOCK = 512
MAX_FILES = 256
MAX_FILE_NAME = 100
"""What a ustar header holds without splitting."""

MAX_TEXT = 1 << 20
MAX_VALIDATION = 1 << 30
MAX_WEIGHTS = 1 << 30
REPACK = "it must be packed by ViSDM"
CONTENTS = (
    f"a model package holds {MODEL_FILE}, Python files, {VALIDATION_FILE} and, to be tested, "
    f"{WEIGHTS_FILE}, no folders"
)
_END = bytes(2 * BLOCK)
_PIECE = 1 << 20


@dataclass(frozen=True)
class Entry:
    """Where a file's bytes lie in the archive."""

    start: int
    size: int


def belongs(name: str) -> bool:
    """Whether a model package may hold a file of this name."""
    stem, dot, suffix = name.partition(".")
    python = dot + suffix == ".py" and is_module(stem) and len(name) <= MAX_FILE_NAME
    return python or name in (MODEL_FILE, VALIDATION_FILE, WEIGHTS_FILE)


def limit(name: str) -> int:
    """Return how many bytes the file of this name may have."""
    return {VALIDATION_FILE: MAX_VALIDATION, WEIGHTS_FILE: MAX_WEIGHTS}.get(name, MAX_TEXT)


def pack(files: Sequence[Path], sink: Sink) -> None:
    """Write `files` by name, without owners, modes or times. Raises `ModelError`."""
    for path in sorted(files, key=lambda path: path.name):
        try:
            with path.open("rb") as source:
                _append(path.name, source, sink)
        except OSError as error:
            raise ModelError(f"{path.name}: cannot be read ({error.strerror})") from error
    sink.write(_END)


def _append(name: str, source: BufferedIOBase, sink: Sink) -> None:
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    _refuse_size(name, size)
    sink.write(_header(name, size))
    left = size
    while left:
        piece = source.read(min(left, _PIECE))
        if not piece:
            raise ModelError(f"{name}: changed while it was packed", hint="pack it again")
        sink.write(piece)
        left -= len(piece)
    sink.write(bytes(-size % BLOCK))


def entries(file: BufferedIOBase) -> dict[str, Entry]:
    """Return the files in an archive that somebody else made, by name.

    Nothing is extracted. Raises `ModelError` naming the first fault.
    """
    size = file.seek(0, io.SEEK_END)
    found: dict[str, Entry] = {}
    place = 0
    while block := _block(file, place):
        name, length = _named(block, found)
        found[name] = Entry(place + BLOCK, length)
        end = place + BLOCK + length
        place = end + -length % BLOCK
        if place > size:
            raise ModelError(f"{name}: the package is cut off inside it", hint=REPACK)
        file.seek(end)
        if any(file.read(place - end)):
            raise ModelError(f"{name}: the package hides bytes behind it", hint=REPACK)
    if size != place + len(_END):
        raise ModelError("the package has bytes after its end", hint=REPACK)
    return found


def opened(file: BufferedIOBase, entry: Entry) -> io.BufferedReader:
    """Return a file in the archive as one that stands alone; no copy is made."""
    return io.BufferedReader(_Window(file, entry))


class _Window(io.RawIOBase):
    """The bytes of one entry."""

    def __init__(self, file: BufferedIOBase, entry: Entry) -> None:
        super().__init__()
        self._file = file
        self._entry = entry
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._entry.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - as io declares it: any buffer
        view = memoryview(buffer).cast("B")
        self._file.seek(self._entry.start + self._place)
        done = self._file.readinto(view[: max(0, self._entry.size - self._place)])
        self._place += done
        return done


def content(file: BufferedIOBase, entry: Entry) -> bytes:
    """Return the bytes of a small file in the archive."""
    file.seek(entry.start)
    return file.read(entry.size)


def _block(file: BufferedIOBase, place: int) -> bytes:
    """Return the header at `place`, nothing where the archive ends."""
    file.seek(place)
    block = file.read(BLOCK)
    if len(block) != BLOCK:
        raise ModelError("the package is cut off or is not a model package", hint=REPACK)
    if any(block):
        return block
    if any(rest := file.read(BLOCK)) or len(rest) != BLOCK:
        raise ModelError("the package does not end as it should", hint=REPACK)
    return b""


def _named(block: bytes, found: dict[str, Entry]) -> tuple[str, int]:
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        raise ModelError("the package is damaged or is not a model package") from None
    name = info.name
    if kind := _kind(info):
        raise ModelError(f"{name[:100]!r} is {kind} in a package", hint=CONTENTS)
    if not belongs(name):
        raise ModelError(f"{name[:100]!r} does not belong in a model package", hint=CONTENTS)
    if name in found:
        raise ModelError(f"{name}: the package holds it twice", hint=REPACK)
    if any(name < before for before in found):
        raise ModelError(f"{name}: the package holds it out of order", hint=REPACK)
    if len(found) == MAX_FILES:
        raise ModelError(f"the package holds more than {MAX_FILES} files")
    _refuse_size(name, info.size)
    if block != _header(name, info.size):
        raise ModelError(f"{name}: was not packed by ViSDM", hint=REPACK)
    return name, info.size


def _kind(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link"
    if info.isdev():
        return "a device"
    if info.isdir():
        return "a folder"
    return "" if info.type == tarfile.REGTYPE else "something other than a file"


def _refuse_size(name: str, size: int) -> None:
    if not 0 <= size <= limit(name):
        problem = f"{name}: has {size} bytes; at most {limit(name)} are taken"
        raise ModelError(problem, hint="weights and data do not belong in Python source")


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
