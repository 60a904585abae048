"""Files that appear under their final name only when whole."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from visdm.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Sink(io.RawIOBase):
    """A file being written, which knows the size and SHA-256 of what passed."""

    def __init__(self, descriptor: int, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file = io.FileIO(descriptor, "wb")
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of all that was written, in hex."""
        return self._hash.hexdigest()

    def writable(self) -> bool:
        """Say that this can be written to."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.size

    def write(self, content: Any, /) -> int:  # noqa: ANN401 - as io declares it: any buffer
        """Write all of `content`; return its length in bytes."""
        view = memoryview(content).cast("B")
        done = 0
        while done < len(view):
            done += self._file.write(view[done:])
        self._hash.update(view)
        self.size += len(view)
        return len(view)

    def reader(self) -> io.BufferedIOBase:
        """Open what was written so far."""
        return self._path.open("rb")

    def sync(self) -> None:
        """Bring it to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


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
        with Sink(descriptor, temporary) as sink:
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
