"""A store that tells what was stored through it, so that what nobody needs can be dropped."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from visdm.ports import BlobStore, Reader, Upload


@dataclass(frozen=True)
class Remembering:
    """`BlobStore` over another one; `note` gets the CID of each blob once it is stored.

    Of `files` only where told so: a file that is put may be the same as somebody else's.
    """

    store: BlobStore
    note: Callable[[str], None]
    files: bool = True

    @contextmanager
    def adding(self) -> Iterator[Upload]:
        """Yield what takes the bytes of a blob."""
        with self.store.adding() as upload:
            yield upload
        self.note(upload.cid)

    def put(self, source: Path) -> str:
        """Store a file."""
        cid = self.store.put(source)
        return self._noted(cid) if self.files else cid

    def write(self, content: bytes) -> str:
        """Store a small document."""
        return self._noted(self.store.write(content))

    def open(self, cid: str) -> Reader:
        """Return the blob as a stream."""
        return self.store.open(cid)

    def get(self, cid: str, target: Path) -> None:
        """Write the blob to a file."""
        self.store.get(cid, target)

    def read(self, cid: str, limit: int = 1 << 24) -> bytes:
        """Return a small document."""
        return self.store.read(cid, limit)

    def drop(self, cid: str) -> None:
        """Keep a blob no longer."""
        self.store.drop(cid)

    def _noted(self, cid: str) -> str:
        self.note(cid)
        return cid
