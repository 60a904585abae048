"""Content-addressable archives: a blob's blocks in one file, for people and nodes to pass on.

Source: CARv1 (ipld.io/specs/transport/car/carv1): a header, then block after block, each with
its CID before it and its length before that. Only what this store can hold is ours: CIDs as
`cid.py` has them, blocks no longer than nodes exchange, a header as DAG-CBOR writes it. Reading
refuses the rest, and whatever does not fit its CID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.adapters.blocks.cid import Cid
from visdm.adapters.blocks.node import varint
from visdm.adapters.blocks.unixfs import MAX_LEAF
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from visdm.ports import Reader, Writer

MAX_ROOTS = 23
"""Roots of an archive: as many as a CBOR header counts in one byte."""

_CID = 36
_MAX_SECTION = _CID + MAX_LEAF
_MAX_HEADER = 1 << 12

# DAG-CBOR: a map of two, "roots" (an array of CIDs, tag 42, each after a zero byte) and "version".
_ROOTS = b"\xa2\x65roots"
_TAGGED = b"\xd8\x2a\x58\x25\x00"
_VERSION = b"\x67version\x01"
_HINT = "it must be a CARv1 of a UnixFS file, its CIDs of the form bafkrei or bafybei"


def header(roots: Iterable[Cid]) -> bytes:
    """Return the header of an archive with its length before it, for at most `MAX_ROOTS` roots."""
    tagged = [_TAGGED + bytes(root) for root in roots]
    body = _ROOTS + bytes([0x80 | len(tagged)]) + b"".join(tagged) + _VERSION
    return varint(len(body)) + body


def section(cid: Cid, block: bytes) -> bytes:
    """Return a block as it stands in an archive."""
    return varint(_CID + len(block)) + bytes(cid) + block


def write(root: Cid, blocks: Iterable[tuple[Cid, bytes]], sink: Writer) -> None:
    """Write an archive of `blocks`, each of them once."""
    sink.write(header([root]))
    seen: set[Cid] = set()
    for cid, block in blocks:
        if cid not in seen:
            seen.add(cid)
            sink.write(section(cid, block))


class Archive:
    """An archive that somebody else made: its `roots`, and its blocks by iterating.

    Each block fits its CID; whether they are all that the roots need is for the caller to see.
    One block is in memory at a time. Raises `InputError`, on construction for the header, while
    iterating for the rest.
    """

    def __init__(self, source: Reader) -> None:
        self._source = source
        self._place = 0
        length = self._length(_MAX_HEADER)
        if length is None:
            raise self._fault("is empty")
        self.roots = self._roots(self._exactly(length))

    def __iter__(self) -> Iterator[tuple[Cid, bytes]]:
        while (length := self._length(_MAX_SECTION)) is not None:
            if length < _CID:
                raise self._fault("holds a block without a CID")
            content = self._exactly(length)
            try:
                cid = Cid.from_bytes(content[:_CID])
            except ValueError as error:
                raise self._fault(f"holds a block whose CID {error}") from None
            block = content[_CID:]
            if not cid.fits(block):
                raise self._fault(f"holds another block than {cid} under that name")
            yield cid, block

    def _roots(self, body: bytes) -> tuple[Cid, ...]:
        count = len(_ROOTS)
        number = body[count] & 0x1F if len(body) > count else 0
        size = len(_TAGGED) + _CID
        places = range(count + 1 + len(_TAGGED), count + 1 + number * size, size)
        try:
            roots = tuple(Cid.from_bytes(body[place : place + _CID]) for place in places)
        except ValueError as error:
            raise self._fault(f"has a root that {error}") from None
        if not 0 < number <= MAX_ROOTS or header(roots) != varint(len(body)) + body:
            raise self._fault("does not begin as a CARv1 does")
        return roots

    def _length(self, most: int) -> int | None:
        """Read a length; None at the end."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self._read(1)
            if not byte:
                if shift:
                    raise self._fault("is cut off")
                return None
            value |= (byte[0] & 0x7F) << shift
            if byte[0] < 1 << 7:
                if value > most or (shift and not byte[0]):
                    break
                return value
        raise self._fault(f"holds something longer than {most} bytes")

    def _exactly(self, size: int) -> bytes:
        content = self._read(size)
        if len(content) < size:
            raise self._fault("is cut off")
        return content

    def _read(self, size: int) -> bytes:
        """Read `size` bytes, fewer only where the archive ends."""
        piece = self._source.read(size) if size else b""
        if len(piece) < size:
            whole = bytearray(piece)
            while piece and len(whole) < size:
                whole += (piece := self._source.read(size - len(whole)))
            piece = bytes(whole)
        self._place += len(piece)
        return piece

    def _fault(self, problem: str) -> InputError:
        return InputError(f"the archive {problem}, at byte {self._place}", hint=_HINT)
