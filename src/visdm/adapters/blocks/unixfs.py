"""Files as blocks: the UnixFS profile `unixfs-v1-2025`, built and read as a stream.

Source: IPIP-499 (specs.ipfs.tech/ipips/ipip-0499). A file of at most one chunk is a bare
raw block; a longer one is a balanced tree of nodes whose leaves are raw blocks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.adapters.blocks.cid import DAG_PB, RAW, Cid
from visdm.adapters.blocks.node import MAX_LINKS, MAX_NODE, Link, Node
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

Keep = Callable[[Cid, bytes], None]
"""Stores a block under its CID."""

Fetch = Callable[[Cid, int], bytes | None]
"""Returns a block, None where it is missing. Called with a CID and the most bytes that are
of use: of a longer block one byte more is enough. What comes is checked here, so it may be
from anywhere. Raises `BlobError` when it cannot say whether the block is there."""

MAX_LEAF = 1 << 21
"""Bytes of a leaf: what IPFS nodes exchange at most. Ours are half of it."""

MAX_DEPTH = 8
"""Nodes from root to leaf: three already hold a pebibyte."""


@dataclass(frozen=True)
class Profile:
    """How a file is cut: bytes in a chunk, links in a node. The default is everybody's."""

    chunk: int = 1 << 20
    links: int = MAX_LINKS


def build(source: BinaryIO, keep: Keep, profile: Profile | None = None) -> Cid:
    """Cut `source` into blocks, hand each to `keep` and return the root's CID.

    One chunk is in memory at a time, and at most `profile.links` links per level.
    """
    profile = profile or Profile()
    levels: list[list[Link]] = [[]]

    def add(level: int, link: Link) -> None:
        if level == len(levels):
            levels.append([])
        if len(levels[level]) == profile.links:
            close(level)
        levels[level].append(link)

    def close(level: int) -> None:
        node = Node(tuple(levels[level]))
        levels[level] = []
        block = node.encode()
        cid = Cid.of(DAG_PB, block)
        keep(cid, block)
        add(level + 1, Link(cid, node.size, node.tsize(block)))

    for chunk in _chunks(source, profile.chunk):
        cid = Cid.of(RAW, chunk)
        keep(cid, chunk)
        add(0, Link(cid, len(chunk), len(chunk)))
    level = 0
    while level < len(levels) - 1 or len(levels[level]) > 1:
        close(level)
        level += 1
    return levels[level][0].cid


def _chunks(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield chunks of `size` bytes, the last one shorter; one empty chunk for an empty file."""
    chunk = source.read(size)
    yield chunk
    while chunk and (chunk := source.read(size)):
        yield chunk


class Blob:
    """A stored file: `size` is known once its root is read, its bytes come by iterating.

    Every block is checked against its CID, every declared size against what is there.
    At most one leaf and one node per level are in memory.

    Raises `BlobError`, on construction for `text`, the root and `limit`, while iterating
    for all that is below.
    """

    def __init__(self, text: str, fetch: Fetch, limit: int = sys.maxsize) -> None:
        self.cid = Cid.parse(text)
        self._fetch = fetch
        if self.cid.codec == RAW:
            self._root: bytes | Node = self._block(self.cid, min(MAX_LEAF, limit))
            self.size = len(self._root)
        else:
            self._root, _ = self._node(self.cid)
            self.size = self._root.size
        if self.size > limit:
            raise self._fault(self.cid, f"is {self.size} bytes; at most {limit} are wanted")

    def __iter__(self) -> Iterator[bytes]:
        if isinstance(self._root, Node):
            yield from self._below(self._root, 1)
        else:
            yield self._root

    def _below(self, node: Node, depth: int) -> Iterator[bytes]:
        for link in node.links:
            if link.cid.codec == RAW:
                yield self._leaf(link)
                continue
            if depth == MAX_DEPTH:
                raise self._fault(self.cid, f"is nested more than {MAX_DEPTH} nodes deep")
            child, tsize = self._node(link.cid)
            self._match(link, child.size, tsize)
            yield from self._below(child, depth + 1)

    def _leaf(self, link: Link) -> bytes:
        if link.size > MAX_LEAF:
            raise self._fault(link.cid, f"is declared as {link.size} bytes, above {MAX_LEAF}")
        block = self._block(link.cid, MAX_LEAF)
        self._match(link, len(block), len(block))
        return block

    def _node(self, cid: Cid) -> tuple[Node, int]:
        block = self._block(cid, MAX_NODE)
        try:
            node = Node.decode(block)
        except ValueError as error:
            raise self._fault(cid, str(error)) from None
        return node, node.tsize(block)

    def _block(self, cid: Cid, most: int) -> bytes:
        try:
            block = self._fetch(cid, most)
        except BlobError as error:
            raise self._fault(cid, error.problem, hint=error.hint) from error
        if block is None:
            raise self._fault(cid, "is missing", hint="ask its owner to upload it again")
        if len(block) > most:
            raise self._fault(cid, f"is more than {most} bytes")
        if not cid.fits(block):
            raise self._fault(
                cid, "is false: its bytes have another digest", hint="fetch or upload it again"
            )
        return block

    def _match(self, link: Link, size: int, tsize: int) -> None:
        if (link.size, link.tsize) != (size, tsize):
            raise self._fault(
                link.cid,
                f"is {size} bytes ({tsize} in blocks), declared as {link.size} ({link.tsize})",
            )

    def _fault(self, cid: Cid, problem: str, *, hint: str = "") -> BlobError:
        part = "" if cid == self.cid else f"its block {cid} "
        return BlobError(str(self.cid), part + problem, hint=hint)
