"""Nodes of a file's DAG: dag-pb that holds a UnixFS `File`, written and read by hand.

Sources: the DAG-PB specification (ipld.io/specs/codecs/dag-pb) and the UnixFS specification
(specs.ipfs.tech/unixfs). Only one of the forms that they allow is ours: links first, no
names, no inline data, no mode or time. Reading refuses whatever writing would not give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.adapters.blocks.cid import Cid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_LINKS = 1024
MAX_NODE = 1 << 17
"""Bytes of a node's block: 1024 links of the longest kind are half of it."""

_FILE = 2
_UINT64 = 1 << 64

# Protobuf keys, field number and wire type (0: varint, 2: bytes) in one byte.
_NODE_DATA, _NODE_LINK = 0x0A, 0x12
_LINK_HASH, _LINK_NAME, _LINK_TSIZE = 0x0A, 0x12, 0x18
_FILE_TYPE, _FILE_SIZE, _FILE_BLOCKSIZE = 0x08, 0x18, 0x20


@dataclass(frozen=True, slots=True)
class Link:
    """A child: `size` bytes of the file are below it, in blocks of `tsize` bytes together."""

    cid: Cid
    size: int
    tsize: int


@dataclass(frozen=True, slots=True)
class Node:
    """A list of children whose bytes, one after the other, are the file's."""

    links: tuple[Link, ...]

    @property
    def size(self) -> int:
        """Bytes of the file below this node."""
        return sum(link.size for link in self.links)

    def tsize(self, block: bytes) -> int:
        """Bytes of this node's own `block` and of all blocks below it."""
        return len(block) + sum(link.tsize for link in self.links)

    def encode(self) -> bytes:
        """Return the node's block."""
        sizes = [_number(_FILE_BLOCKSIZE, link.size) for link in self.links]
        file = _number(_FILE_TYPE, _FILE) + _number(_FILE_SIZE, self.size) + b"".join(sizes)
        links = [_bytes(_NODE_LINK, _encode_link(link)) for link in self.links]
        return b"".join(links) + _bytes(_NODE_DATA, file)

    @classmethod
    def decode(cls, block: bytes) -> Node:
        """Read a node's block. Raises `ValueError` saying what is wrong with it."""
        fields = list(_fields(block))
        links = [_decode_link(value) for key, value in fields if key == _NODE_LINK]
        data = [value for key, value in fields if key == _NODE_DATA]
        if len(data) != 1 or not isinstance(data[0], bytes):
            raise ValueError("is not a file: it holds no UnixFS data")
        size, sizes = _decode_file(data[0])
        if not 0 < len(links) <= MAX_LINKS:
            raise ValueError(f"has {len(links)} links, not 1 to {MAX_LINKS}")
        if len(sizes) != len(links):
            raise ValueError(f"declares {len(sizes)} sizes for {len(links)} links")
        # An empty child adds nothing: chains of them would cost time without end.
        if 0 in sizes:
            raise ValueError("has a link to nothing")
        node = cls(
            tuple(Link(cid, part, tsize) for (cid, tsize), part in zip(links, sizes, strict=True))
        )
        if node.size != size:
            raise ValueError(f"declares {size} bytes, its links {node.size}")
        if node.encode() != block:
            raise ValueError("is not written in canonical form")
        return node


def _encode_link(link: Link) -> bytes:
    return (
        _bytes(_LINK_HASH, bytes(link.cid))
        + _bytes(_LINK_NAME, b"")
        + _number(_LINK_TSIZE, link.tsize)
    )


def _decode_link(value: int | bytes) -> tuple[Cid, int]:
    fields = dict(_fields(value)) if isinstance(value, bytes) else {}
    match fields.get(_LINK_HASH), fields.get(_LINK_TSIZE):
        case bytes(target), int(tsize):
            try:
                return Cid.from_bytes(target), tsize
            except ValueError as error:
                raise ValueError(f"has a link whose target {error}") from None
    raise ValueError("has a link without target or size")


def _decode_file(data: bytes) -> tuple[int, Sequence[int]]:
    fields = list(_fields(data))
    if (_FILE_TYPE, _FILE) not in fields:
        raise ValueError("is not a file: its UnixFS type is another")
    size = [value for key, value in fields if key == _FILE_SIZE and isinstance(value, int)]
    if len(size) != 1:
        raise ValueError("does not declare its size once")
    sizes = [value for key, value in fields if key == _FILE_BLOCKSIZE and isinstance(value, int)]
    return size[0], sizes


def _bytes(key: int, value: bytes) -> bytes:
    return bytes([key]) + varint(len(value)) + value


def _number(key: int, value: int) -> bytes:
    return bytes([key]) + varint(value)


def varint(value: int) -> bytes:
    """Write a number as protobuf, CIDs and archives do: seven bits in a byte, lowest first."""
    out = bytearray()
    while value >= 1 << 7:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield key and value of each protobuf field."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
        if key & 7 == 0:
            yield key, value
        elif key & 7 == 2:  # noqa: PLR2004 - a wire type of protobuf: length and bytes
            if value > len(data) - at:
                raise ValueError("is cut short")
            yield key, data[at : at + value]
            at += value
        else:
            raise ValueError("is not dag-pb")


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("is cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 1 << 7:
            if value >= _UINT64:
                break
            return value, at
    raise ValueError("holds a number beyond 64 bits")
