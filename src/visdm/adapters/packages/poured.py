"""A package on its way into somebody's sink."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

from visdm.errors import OutputError

if TYPE_CHECKING:
    from visdm.ports import Writer


class Poured(io.RawIOBase):
    """What passes into `sink`, its size and SHA-256 kept; `name` is the package's, for messages."""

    def __init__(self, sink: Writer, name: str) -> None:
        super().__init__()
        self._sink = sink
        self._name = name
        self._hash = hashlib.sha256()
        self._stopped = False
        self.size = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of all that was written, in hex."""
        return self._hash.hexdigest()

    def stop(self) -> None:
        """Let nothing more into the sink; what is written from now on is lost."""
        self._stopped = True

    def writable(self) -> bool:
        """Say that this can be written to."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.size

    def write(self, content: Any, /) -> int:  # noqa: ANN401 - as io declares it: any buffer
        """Write all of `content`; return its length in bytes. Raises `OutputError`."""
        view = memoryview(content).cast("B")
        left = view[len(view) :] if self._stopped else view
        while left:
            left = left[self._written(left) :]
        self._hash.update(view)
        self.size += len(view)
        return len(view)

    def _written(self, piece: memoryview) -> int:
        try:
            done = self._sink.write(piece)
        except OSError as error:
            problem = f"cannot be written ({error.strerror or 'input or output failed'})"
            raise OutputError(self._name, problem, hint="see whether its disk is full") from error
        if not 0 < done <= len(piece):
            raise OutputError(self._name, "cannot be written (its sink takes nothing)")
        return done
