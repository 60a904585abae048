"""The folder that is written to: all of it whole, or as it was."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from visdm.domain.croissant import TABLE
from visdm.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

CROISSANT = "croissant.json"
PAGE = "index.html"
FILES = (TABLE, CROISSANT, PAGE)

GENERATOR = "visdm metadata"
"""What the page says that it was made by, and by which a folder of ours is known."""

_STAGING = re.compile(r"\.visdm-[a-z0-9_]{8}\.part")
_LOCK, _MADE = "lock", "made"
_HEAD = 1024
_ELSEWHERE = "name a new folder with -o"
_WRITABLE = "name a folder in a place that you may write to"


def check(out: Path) -> None:
    """Raise `OutputError` unless nothing is at `out`, an empty folder, or one of ours."""
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir():
        raise OutputError(out, "is in the way and no folder", hint=_ELSEWHERE)
    try:
        there = {entry.name for entry in out.iterdir()}
        ours = not there or (there <= set(FILES) and PAGE in there and _is_ours(out / PAGE))
    except OSError as error:
        raise _unwritable(out, error) from error
    if not ours:
        raise OutputError(out, "holds what visdm metadata did not write", hint=_ELSEWHERE)


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Yield a folder to write `FILES` into; they are at `out` when the block ends well.

    Otherwise, and when interrupted, nothing is left of it and `out` is as it was. What a killed
    process left beside `out` is removed. Raises `OutputError`.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100 - `resolve` would follow a link that is named
    beside = next(folder for folder in out.parents if folder.is_dir())
    _clear(beside)
    with writing(out):
        staging = Path(tempfile.mkdtemp(dir=beside, prefix=".visdm-", suffix=".part"))
    lock = -1
    try:
        with writing(out):
            lock = _marked(staging)
            made = staging / _MADE
            made.mkdir()
        yield made
        with writing(out):
            _publish(made, out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if lock >= 0:
            os.close(lock)


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn what the system says of a write into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise _unwritable(out, error) from error


def write(path: Path, text: str) -> None:
    """Write a file of text and bring it to the disk."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _marked(staging: Path) -> int:
    """Mark a folder as a living process's; return the descriptor that holds the mark.

    It is a locked file, and appears locked: the kernel drops the lock with the process. Where a
    file system knows no locks it does not appear, and nobody takes the folder for a dead one's.
    """
    fresh = staging / f"{_LOCK}.new"
    lock = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh.rename(staging / _LOCK)
    return lock


def _clear(beside: Path) -> None:
    """Remove the folders of this account's that killed processes left; what fails stays."""
    with suppress(OSError):
        for left in beside.iterdir():
            if _STAGING.fullmatch(left.name):
                with suppress(OSError):
                    _remove_dead(left)


def _remove_dead(staging: Path) -> None:
    found = staging.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return
    lock = os.open(staging / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused as long as its process lives
        shutil.rmtree(staging)
    finally:
        os.close(lock)


def _publish(made: Path, out: Path) -> None:
    check(out)  # once more: the work took a while
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        made.rename(out)
        return
    for name in FILES:  # the page last: a folder is known as ours by it
        (made / name).replace(out / name)


def _is_ours(page: Path) -> bool:
    with page.open("rb") as file:
        return f'name="generator" content="{GENERATOR}"'.encode() in file.read(_HEAD)


def _unwritable(out: Path, error: OSError) -> OutputError:
    problem = f"cannot be written ({error.strerror or 'input or output failed'})"
    return OutputError(out, problem, hint=_WRITABLE)
