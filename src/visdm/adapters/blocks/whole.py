"""Files that appear only when they are whole, and what is left of those that never did."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

PREFIX = ".visdm-"
SUFFIX = ".part"


@contextmanager
def whole_file(target: Path, beside: Path) -> Iterator[BinaryIO]:
    """Yield a file in the folder `beside` that becomes `target` when all went well.

    `beside` must be on the file system of `target`. After any failure `target` is as it
    was and the temporary file is gone; after a kill it stays, for `clear_parts`. Raises `OSError`.
    """
    handle, part = _begin(target, beside)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            # Before the file is closed, for with it goes the lock that keeps others off.
            part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def clear_parts(folder: Path, target: Path | None = None) -> None:
    """Remove what killed processes left in `folder` of files to be: of `target`, or of all.

    Parts that somebody is still writing stay. Tidying is no reason to fail: raises nothing.
    """
    with suppress(OSError):
        for part in folder.glob(f"{PREFIX}{_mark(target) if target else ''}*{SUFFIX}"):
            with suppress(OSError):
                _remove_abandoned(part)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` outlive a power cut. Raises `OSError`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def why(error: OSError) -> str:
    """Say in a few words what the system objected to."""
    return (error.strerror or type(error).__name__).lower()


def _mark(target: Path) -> str:
    # Not the name itself, which may be as long as a name can be, or hold what globs read.
    return hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16] + "-"


def _begin(target: Path, beside: Path) -> tuple[int, Path]:
    """Make a part and lock it; the kernel gives up the lock of a killed process."""
    while True:
        handle, name = tempfile.mkstemp(prefix=PREFIX + _mark(target), suffix=SUFFIX, dir=beside)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # somebody who tidies was faster, and is removing it
        except OSError:
            return handle, Path(name)  # no locks on this disk: nobody can tidy there either
        else:
            if os.fstat(handle).st_nlink:
                return handle, Path(name)
        os.close(handle)


def _remove_abandoned(part: Path) -> None:
    handle = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink()
    finally:
        os.close(handle)
