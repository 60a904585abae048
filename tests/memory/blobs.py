"""A blob store in a dictionary: the real importer and reader, over memory."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from visdm.adapters.blocks import Blobs
from visdm.adapters.blocks.blobs import Removed
from visdm.adapters.blocks.cid import Cid
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from visdm.adapters.blocks.unixfs import Keep


class MemoryBlobs(Blobs):
    """A `BlobStore` with the CIDs of any other; tests may lose or falsify what it holds."""

    def __init__(self) -> None:
        self.blocks: dict[Cid, bytes] = {}
        self.pinned: set[Cid] = set()

    def pins(self) -> list[Cid]:
        """Return the roots of all blobs that are kept."""
        return sorted(self.pinned, key=str)

    def drop(self, cid: str) -> None:
        """Keep a blob no longer, nor its blocks where no other has them."""
        root = Cid.parse(cid)
        if root not in self.pinned:
            return
        self.pinned.remove(root)
        with suppress(BlobError):
            mine = set(self.blob(cid).names())
            needed = {name for pin in self.pinned for name in self.blob(str(pin)).names()}
            for name in mine - needed:
                self.blocks.pop(name, None)

    def collect(self, *, everything: bool = False) -> Removed:
        """Forget every block that no pinned blob needs."""
        needed = {name for pin in self.pinned for name in self.blob(str(pin)).names()}
        if not needed and self.blocks and not everything:
            raise OutputError("memory", "nothing is pinned")
        gone = [self.blocks.pop(name) for name in set(self.blocks) - needed]
        return Removed(len(gone), sum(map(len, gone)))

    def pin(self, root: Cid) -> None:
        self.pinned.add(root)

    def fetch(self, cid: Cid, most: int) -> bytes | None:
        del most  # what is in memory already needs no cutting
        return self.blocks.get(cid)

    @contextmanager
    def keeping(self) -> Iterator[Keep]:
        yield self.blocks.__setitem__

    def lose(self, cid: str) -> None:
        """Forget the root block of a blob: reading it is a `BlobError` until it is put again."""
        del self.blocks[Cid.parse(cid)]

    def falsify(self, cid: str) -> None:
        """Flip a bit of the root block of a blob, with the same effect."""
        root = Cid.parse(cid)
        block = self.blocks[root] or b"\x00"
        self.blocks[root] = bytes([block[0] ^ 1]) + block[1:]
