"""Files that appear whole or not at all, and that this account alone can read."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from visdm.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def whole(target: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write to, which becomes `target` when the block ends well.

    Raises `OutputError`; nothing is then left, and what was at `target` before still is.
    """
    with temporary(target) as (file, path):
        yield file
        sync(file, target)
        try:
            path.replace(target)
        except OSError as error:
            raise _unwritable(target, error) from None


@contextmanager
def temporary(target: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Yield a new file beside `target` and its path; remove it at the end.

    Raises `OutputError`, also for an `OSError` of the block: it is for writing to the file only.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".visdm-", suffix=".part")
    except OSError as error:
        raise _unwritable(target, error) from None
    # Unbuffered: a file that holds something back when the disk is full fails again on closing.
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - of a descriptor
        try:
            yield file, Path(name)
        except OSError:
            raise _cut_short(target) from None
        finally:
            Path(name).unlink(missing_ok=True)


def write_all(file: IO[bytes], content: bytes) -> None:
    """Write all of `content`, however little the system takes at a time. Raises `OSError`."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def sync(file: IO[bytes], target: Path) -> None:
    """Wait until the file is on the disk. Raises `OutputError`."""
    try:
        os.fsync(file.fileno())
    except OSError:
        raise _cut_short(target) from None


def _unwritable(target: Path, error: OSError) -> OutputError:
    problem = f"cannot be written ({error.strerror or 'input or output failed'})"
    return OutputError(target, problem, hint="name a file in a folder that you may write to")


def _cut_short(target: Path) -> OutputError:
    hint = "check the disk's free space and try again"
    return OutputError(target, "could not be written whole", hint=hint)
