"""Files as blocks: the UnixFS profile `unixfs-v1-2025`, written and read as a stream.

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

    from visdm.ports import Bytes

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


class Builder:
    """Cuts what is written into blocks and hands each to `keep`.

    One chunk is in memory at a time, and at most `profile.links` links per level.
    """

    def __init__(self, keep: Keep, profile: Profile | None = None) -> None:
        self._keep = keep
        self._profile = profile or Profile()
        self._levels: list[list[Link]] = [[]]
        self._rest = bytearray()
        self.size = 0

    @property
    def chunk(self) -> int:
        """Bytes of a leaf: what is best written at once."""
        return self._profile.chunk

    def write(self, content: Bytes, /) -> int:
        """Take all of `content`; return its length in bytes."""
        view = memoryview(content).cast("B")
        chunk, at = self._profile.chunk, 0
        # Two rules of speed: a chunk in one piece is copied once, a rest in pieces is gathered.
        while at < len(view):
            if not self._rest and len(view) - at >= chunk:
                self._leaf(bytes(view[at : at + chunk]))
                at += chunk
                continue
            part = view[at : at + chunk - len(self._rest)]
            self._rest += part
            at += len(part)
            if len(self._rest) == chunk:
                self._leaf(bytes(self._rest))
                self._rest.clear()
        self.size += len(view)
        return len(view)

    def finish(self) -> Cid:
        """Hand over what is left; return the root's CID. An empty file is one empty leaf."""
        if self._rest or not self.size:
            self._leaf(bytes(self._rest))
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            self._close(level)
            level += 1
        return self._levels[level][0].cid

    def _leaf(self, chunk: bytes) -> None:
        cid = Cid.of(RAW, chunk)
        self._keep(cid, chunk)
        self._add(0, Link(cid, len(chunk), len(chunk)))

    def _add(self, level: int, link: Link) -> None:
        if level == len(self._levels):
            self._levels.append([])
        if len(self._levels[level]) == self._profile.links:
            self._close(level)
        self._levels[level].append(link)

    def _close(self, level: int) -> None:
        node = Node(tuple(self._levels[level]))
        self._levels[level] = []
        block = node.encode()
        cid = Cid.of(DAG_PB, block)
        self._keep(cid, block)
        self._add(level + 1, Link(cid, node.size, node.tsize(block)))


def build(source: BinaryIO, keep: Keep, profile: Profile | None = None) -> Cid:
    """Cut all of `source` into blocks; return the root's CID."""
    builder = Builder(keep, profile)
    while piece := source.read(builder.chunk):
        builder.write(piece)
    return builder.finish()


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
        for cid, block in self.blocks():
            if cid.codec == RAW:
                yield block

    def blocks(self) -> Iterator[tuple[Cid, bytes]]:
        """Yield every block, a node before what is below it, leaves in the file's order.

        A block that the file repeats is repeated here.
        """
        if isinstance(self._root, Node):
            yield self.cid, self._root.encode()
            yield from self._below(self._root, 1)
        else:
            yield self.cid, self._root

    def each(self) -> Iterator[tuple[Cid, bytes]]:
        """Yield every block as `blocks` does, but once, or once more where it stands deeper.

        A few small ones that link to the same child a thousand times each, level below level,
        can stand for more than the world holds.
        """
        if isinstance(self._root, Node):
            yield self.cid, self._root.encode()
            yield from self._below(self._root, 1, {})
        else:
            yield self.cid, self._root

    def names(self) -> Iterator[Cid]:
        """Yield the CID of every block, as `each` does, without fetching a leaf below a node."""
        yield self.cid
        if isinstance(self._root, Node):
            for link, _ in self._links(self._root, 1, {}):
                yield link.cid

    def _below(
        self, node: Node, depth: int, seen: dict[Link, int] | None = None
    ) -> Iterator[tuple[Cid, bytes]]:
        for link, child in self._links(node, depth, seen):
            yield link.cid, self._leaf(link) if child is None else child.encode()

    def _links(
        self, node: Node, depth: int, seen: dict[Link, int] | None = None
    ) -> Iterator[tuple[Link, Node | None]]:
        """Yield every link below a node, with the node that it leads to where it is no leaf.

        With `seen`, which holds how deep each link was met, those met as deep are passed over.
        """
        for link in node.links:
            if seen is not None:
                if seen.get(link, 0) >= depth:
                    continue
                seen[link] = depth
            if link.cid.codec == RAW:
                yield link, None
                continue
            if depth == MAX_DEPTH:
                raise self._fault(self.cid, f"is nested more than {MAX_DEPTH} nodes deep")
            child, tsize = self._node(link.cid)
            self._match(link, child.size, tsize)
            yield link, child
            yield from self._links(child, depth + 1, seen)

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
