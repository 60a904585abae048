"""What go-car refuses, read from its sources and not through our own reader.

Source: github.com/ipld/go-car, v2/block_reader.go and v2/internal/carv1: a header of DAG-CBOR
with version and roots, then sections of a varint, a CID and a block that fits it; at most 8 MiB
each. And what Kubo refuses then: blocks above its limit, dag-pb that does not decode.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SECTION = 8 << 20
MAX_HEADER = 32 << 20
SHA2_256 = 0x12
LINK = 42


class RefusedError(Exception):
    """The words of go-car."""


class Cursor:
    """Bytes, read from the front."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.content):
            raise RefusedError("unexpected EOF")
        self.at += count
        return self.content[self.at - count : self.at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if byte == 0 and shift > 7:
                    raise RefusedError("varint not minimally encoded")
                return value
            if shift >= 63:
                raise RefusedError("varints larger than uint63 not supported")

    def cbor(self) -> Any:  # noqa: ANN401 (whatever was encoded)
        head = self.take(1)[0]
        major, value = head >> 5, head & 0x1F
        if value >= 24:
            value = int.from_bytes(self.take(1 << (value - 24)))
        match major:
            case 0:
                return value
            case 2:
                return self.take(value)
            case 3:
                return self.take(value).decode()
            case 4:
                return [self.cbor() for _ in range(value)]
            case 5:
                return {self.cbor(): self.cbor() for _ in range(value)}
            case 6 if value == LINK:
                return self.cbor()[1:]
        raise RefusedError("invalid header: unexpected CBOR")


def read(content: bytes, most: int) -> tuple[list[bytes], Iterator[tuple[bytes, bytes]]]:
    """Return roots and blocks of an archive by their binary CIDs."""
    cursor = Cursor(content)
    length = cursor.varint()
    if length > MAX_HEADER:
        raise RefusedError("invalid header data, length of read beyond allowable maximum")
    header = Cursor(cursor.take(length))
    match header.cbor():
        case {"version": 1, "roots": list(roots)} if header.at == length:
            return roots, blocks(cursor, most)
    raise RefusedError("invalid car version")


def blocks(cursor: Cursor, most: int) -> Iterator[tuple[bytes, bytes]]:
    while cursor.at < len(cursor.content):
        length = cursor.varint()
        if length == 0:
            raise RefusedError("invalid zero-length section")
        if length > MAX_SECTION:
            raise RefusedError("invalid section data, length of read beyond allowable maximum")
        section = Cursor(cursor.take(length))
        version, codec = section.varint(), section.varint()
        code, size = section.varint(), section.varint()
        digest = section.take(size)
        cid, block = section.content[: section.at], section.content[section.at :]
        if (version, code) != (1, SHA2_256) or hashlib.sha256(block).digest() != digest:
            raise RefusedError("mismatch in content integrity")
        if len(block) > most:
            raise RefusedError("produced block is over 2MiB: big blocks can't be exchanged")
        if codec == 0x70:
            decode_dag_pb(block)
        yield cid, block


def decode_dag_pb(block: bytes) -> list[bytes]:
    """Return the CIDs that a node links to. Source: ipld.io/specs/codecs/dag-pb."""
    cursor, links = Cursor(block), []
    while cursor.at < len(block):
        key, value = cursor.varint(), cursor.take(cursor.varint())
        if key == 0x12:
            link = Cursor(value)
            if link.varint() != 0x0A:
                raise RefusedError("protobuf: (PBLink) invalid Hash field found, expected")
            links.append(link.take(link.varint()))
        elif key != 0x0A:
            raise RefusedError("protobuf: (PBNode) invalid fieldnumber, expected 1 or 2")
    return links
