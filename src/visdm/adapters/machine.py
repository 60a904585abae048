"""This machine's scratch space and clock: `visdm.ports.Scratch` and `Clock`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from visdm.errors import JobError, OutputError
from visdm.ports import Poured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from visdm.ports import Writer

_OURS = re.compile(r"visdm-\d+-[0-9a-f]{16}")
_GATE = ".visdm-gate"
_LOCK = "lock"
_FILES = "files"
_PIECE = 1 << 20


class MachineClock:
    """The machine's monotonic clock."""

    def seconds(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()


class MachineScratch:
    """Private folders under `root`, which is made where it is missing.

    Each folder stands in one named `visdm-PID-RANDOM` beside a file that is locked while its
    process lives; the kernel drops the lock with the process, so a new start can tell what a
    killed one left and wipes it. Nothing else under `root` is touched.

    Wiping unlinks. On SSDs and journalling file systems overwriting would promise no more:
    put `root` on a memory or encrypted file system where the disk itself may be stolen.

    Raises `OutputError` where `root` cannot be made or others may write to it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_shared(root)
            with _locked(root / _GATE):
                for entry in root.iterdir():
                    if _OURS.fullmatch(entry.name) and not _is_alive(entry):
                        _wipe(entry)
        except OSError as error:
            raise _unusable(root, error) from error

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield a new folder that only this account can read; it is wiped on exit.

        Raises `OutputError` when it cannot be made, or cannot be wiped: plaintext may then
        be left, under the name in the message.
        """
        place = self._root / f"visdm-{os.getpid()}-{secrets.token_hex(8)}"
        try:
            # The gate keeps a process that starts now from taking this for a left-over.
            with _locked(self._root / _GATE):
                place.mkdir(mode=0o700)
                (place / _FILES).mkdir(mode=0o700)
                lock = os.open(place / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
                fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)  # what of it was made holds nothing yet
            raise _unusable(self._root, error) from error
        try:
            yield place / _FILES
        finally:
            try:
                _wipe(place)
            except OSError as error:
                raise OutputError(
                    place, f"could not be wiped ({error.strerror})", hint="remove it by hand"
                ) from error
            finally:
                os.close(lock)

    def size(self, path: Path) -> int:
        """Return the bytes of a file in such a folder. Raises `JobError` where there is none."""
        with self._opened(path) as file:
            return os.fstat(file.fileno()).st_size

    def read(self, path: Path, limit: int) -> bytes:
        """Return the first `limit` bytes of such a file, or all. Raises `JobError` as `size`."""
        with self._opened(path) as file:
            return file.read(limit)

    @contextmanager
    def writing(self, path: Path) -> Iterator[BinaryIO]:
        """Yield what writes a new file in such a folder. Raises `OutputError`."""
        try:
            with path.open("xb") as file:
                yield file
        except OSError as error:
            raise _unwritable(path, error) from error

    def pour(self, path: Path, sink: Writer) -> Poured:
        """Write a file of such a folder into `sink`. Raises `JobError` as `size`."""
        digest, size = hashlib.sha256(), 0
        with self._opened(path) as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += sink.write(piece)
        return Poured(digest.hexdigest(), size)

    def keep(self, source: Path, target: Path) -> None:
        """Copy a file out of such a folder, to appear whole at `target`, readable by its owner.

        Raises `JobError` as `size`, and `OutputError` when it cannot be written there.
        """
        with self._opened(source) as file:
            try:
                descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".visdm-")
            except OSError as error:
                raise _unwritable(target, error) from error
            try:
                with open(descriptor, "wb") as copy:  # noqa: PTH123 - a descriptor, not a path
                    shutil.copyfileobj(file, copy)
                    copy.flush()
                    os.fsync(descriptor)
                Path(name).replace(target)
            except OSError as error:
                raise _unwritable(target, error) from error
            finally:
                Path(name).unlink(missing_ok=True)

    @contextmanager
    def _opened(self, path: Path) -> Iterator[BinaryIO]:
        """Open a file that a computation may have left: never through a link of its making."""
        try:
            inside = path.parent.resolve(strict=True).relative_to(self._root.resolve())
            ours = bool(inside.parts) and _OURS.fullmatch(inside.parts[0])
            # Without waiting: the other end of a named pipe may never come.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (OSError, RuntimeError, ValueError):
            raise JobError(f"there is no file {path.name} in its output") from None
        if not ours or not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise JobError(f"{path.name} in its output is not a plain file")
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            yield file


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of `path`, waiting for it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_alive(place: Path) -> bool:
    """Whether the process that made `place` still holds its lock."""
    try:
        descriptor = os.open(place / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False  # killed before it could lock, or while it wiped
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _wipe(place: Path) -> None:
    """Remove a folder with all that is in it, folders made unwritable included."""
    if place.is_symlink() or not place.is_dir():
        return
    for parent, folders, _ in os.walk(place):
        for folder in (Path(parent, name) for name in folders):
            if not folder.is_symlink():
                folder.chmod(0o700)
    # The lock goes last: as long as there is plaintext, a start elsewhere sees who lives.
    if (place / _FILES).is_dir():
        shutil.rmtree(place / _FILES)
    with suppress(FileNotFoundError):
        shutil.rmtree(place)


def _refuse_shared(root: Path) -> None:
    found = root.stat()
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if others or found.st_uid != os.geteuid():
        problem = "is not a folder that only you may write to"
        raise OutputError(root, problem, hint="choose a folder of your own, with mode 700")


def _unwritable(target: Path, error: OSError) -> OutputError:
    problem = f"cannot be written ({error.strerror})"
    return OutputError(target, problem, hint="name a file in a folder that you may write to")


def _unusable(root: Path, error: OSError) -> OutputError:
    problem = f"cannot hold private folders ({error.strerror})"
    return OutputError(root, problem, hint="choose a folder of your own on a disk with space")
