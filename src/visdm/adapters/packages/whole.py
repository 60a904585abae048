"""Files that appear under their final name only when whole."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from visdm.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader, BufferedWriter


class Sink:
    """A file being written under a temporary name."""

    def __init__(self, file: BufferedWriter, path: Path) -> None:
        self._file = file
        self._path = path

    def write(self, content: bytes) -> None:
        """Write all of `content`."""
        self._file.write(content)

    def reader(self) -> BufferedReader:
        """Open what was written so far."""
        self._file.flush()
        return self._path.open("rb")

    def sync(self) -> None:
        """Bring it to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def whole(target: Path) -> Iterator[Sink]:
    """Yield a sink that becomes `target` when the block ends well, and nothing otherwise.

    Raises `OutputError` when the file cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".visdm-", suffix=".part")
    except OSError as error:
        raise _unwritable(target, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            sink = Sink(file, temporary)
            yield sink
            sink.sync()
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(target: Path, error: OSError) -> OutputError:
    problem = f"cannot be written ({error.strerror or 'input or output failed'})"
    return OutputError(target, problem, hint="name a file in a folder that you may write to")
