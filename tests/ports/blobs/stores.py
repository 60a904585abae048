"""Stores, with power over the blocks that they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from memory.blobs import MemoryBlobs
from visdm.adapters.blocks import BlockFolder
from visdm.adapters.blocks.cid import Cid
from visdm.adapters.blocks.several import Several
from visdm.adapters.blocks.unixfs import Profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from visdm.adapters.blocks import Blobs

SMALL = Profile(chunk=64, links=4)


class Held(Protocol):
    """A store and the power over its blocks."""

    @property
    def blobs(self) -> Blobs: ...
    def cids(self) -> set[Cid]: ...
    def place(self, cid: Cid, block: bytes) -> None: ...
    def remove(self, cid: Cid) -> None: ...
    def collect(self) -> None: ...


@dataclass
class HeldMemory:
    blobs: MemoryBlobs

    def cids(self) -> set[Cid]:
        return set(self.blobs.blocks)

    def place(self, cid: Cid, block: bytes) -> None:
        self.blobs.blocks[cid] = block

    def remove(self, cid: Cid) -> None:
        del self.blobs.blocks[cid]

    def collect(self) -> None:
        self.blobs.collect(everything=True)


@dataclass
class HeldFolder:
    blobs: BlockFolder

    def cids(self) -> set[Cid]:
        return {Cid.parse(path.name) for path in (self.blobs.root / "blocks").glob("*/*")}

    def place(self, cid: Cid, block: bytes) -> None:
        self.blobs.path(cid).write_bytes(block)

    def remove(self, cid: Cid) -> None:
        self.blobs.path(cid).unlink()

    def collect(self) -> None:
        self.blobs.collect(everything=True)


@dataclass
class HeldSeveral:
    """A folder and a dictionary as one; what is done to blocks is done in both."""

    blobs: Several
    parts: tuple[Held, ...]

    def cids(self) -> set[Cid]:
        return set().union(*(part.cids() for part in self.parts))

    def place(self, cid: Cid, block: bytes) -> None:
        for part in self.parts:
            part.place(cid, block)

    def remove(self, cid: Cid) -> None:
        for part in self.parts:
            part.remove(cid)

    def collect(self) -> None:
        for part in self.parts:
            part.collect()


def memory(root: Path) -> HeldMemory:
    del root
    return HeldMemory(MemoryBlobs())


def folder(root: Path) -> HeldFolder:
    return HeldFolder(BlockFolder(root))


def several(root: Path) -> HeldSeveral:
    parts = (folder(root), memory(root))
    return HeldSeveral(Several([part.blobs for part in parts]), parts)


KINDS: dict[str, Callable[[Path], Held]] = {
    "memory": memory,
    "folder": folder,
    "several": several,
}
"""Makes an empty store of each kind at a path."""


def small(kind: str, root: Path) -> Held:
    """Return an empty store that cuts so small that a text has many blocks."""
    held = KINDS[kind](root)
    held.blobs.profile = SMALL
    return held


def cid_of(content: bytes) -> str:
    """Return the CID of `content`, cut small, by a store of its own."""
    blobs = MemoryBlobs()
    blobs.profile = SMALL
    return blobs.write(content)


def blocks_of(content: bytes) -> set[Cid]:
    """Return the CIDs of all blocks of `content`, cut small."""
    blobs = MemoryBlobs()
    blobs.profile = SMALL
    blobs.write(content)
    return set(blobs.blocks)
