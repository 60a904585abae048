"""The files of a key folder: private, whole, never overwritten by mistake."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from visdm.errors import KeyFileError

if TYPE_CHECKING:
    from types import TracebackType

LIMIT = 1 << 16
"""Bytes beyond which a file is none of ours."""
_READ = 0o077
_WRITE = 0o022
_PART = ".part"


def make_private(folder: Path) -> None:
    """Make a folder for this user alone where there is none. Raises `KeyFileError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        problem = f"{folder} cannot be made ({error.strerror})"
        raise KeyFileError(problem, hint="name a folder that you may write to") from None


def read_secret(path: Path, others: int = _READ) -> bytes:
    """Return what is in a file of this user's, which `others` must not be able to do.

    Raises `KeyFileError`.
    """
    try:
        # Never blocks: the name may be that of a pipe.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - of a descriptor
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise KeyFileError(f"{path} is not a file", hint="name a file")
            _require_ours(path, found, others, "600")
            return file.read(LIMIT)
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror})"
        raise KeyFileError(problem, hint="restore it from a copy") from None


def _require_ours(path: Path, found: os.stat_result, others: int, mode: str) -> None:
    if found.st_uid != os.geteuid():
        raise KeyFileError(f"{path} belongs to another user", hint="use one of your own")
    if found.st_mode & others:
        raise KeyFileError(f"{path} is open to others", hint=f"chmod {mode} {path}")


class FolderLock:
    """A key folder, for the length of a block in which no other process changes it.

    Raises `KeyFileError`, also where others can look into the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        try:
            self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            problem = f"{self._folder} cannot be read ({error.strerror})"
            raise KeyFileError(problem, hint="name another folder with --keys") from None
        try:
            _require_ours(self._folder, os.fstat(self._descriptor), _READ, "700")
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
        if isinstance(error, OSError):
            problem = f"{self._folder} cannot be written ({error.strerror})"
            raise KeyFileError(problem, hint="check its owner and the disk's space") from None

    def has(self, name: str) -> bool:
        """Say whether there is such a file."""
        return (self._folder / name).exists()

    def read(self, name: str) -> bytes:
        """Return what is in a file that others must not read."""
        return read_secret(self._folder / name)

    def read_public(self, name: str) -> bytes:
        """Return what is in a file that others must not write."""
        return read_secret(self._folder / name, _WRITE)

    def write_new(self, name: str, content: bytes) -> None:
        """Write a file that is not there yet."""
        part = self._part(content)
        try:
            # A link, unlike a rename, never replaces what somebody relies on.
            (self._folder / name).hardlink_to(part)
        finally:
            part.unlink()
        os.fsync(self._descriptor)

    def replace(self, name: str, content: bytes) -> None:
        """Write a file, in place of an older one if there is any."""
        self._part(content).replace(self._folder / name)
        os.fsync(self._descriptor)

    def rename(self, name: str, to: str) -> None:
        """Give a file the name of another."""
        (self._folder / name).replace(self._folder / to)
        os.fsync(self._descriptor)

    def put_aside(self, name: str) -> None:
        """Give a file that is in the way, if there is one, a name that is free."""
        if self.has(name):
            number = next(n for n in range(1, LIMIT) if not self.has(f"{name}.left-{n}"))
            self.rename(name, f"{name}.left-{number}")

    def _part(self, content: bytes) -> Path:
        """Write `content` to a new file; where a process was killed amid this, remove its own."""
        for left in self._folder.glob(f".visdm-*{_PART}"):
            left.unlink()
        descriptor, part = tempfile.mkstemp(dir=self._folder, prefix=".visdm-", suffix=_PART)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        return Path(part)
