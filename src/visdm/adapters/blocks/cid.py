"""Content identifiers: CIDv1 of sha2-256, base32 lower case, for `raw` and `dag-pb` blocks.

Source: the CID and multibase specifications (github.com/multiformats/cid). Everything else
that a CID may be is refused, so that one content has one name on the market.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from visdm.errors import BlobError

RAW = 0x55
"""Codec of a leaf: the block is the content."""

DAG_PB = 0x70
"""Codec of a node: the block is a list of links."""

_VERSION = 1
_SHA2_256 = b"\x12\x20"
_BINARY_LENGTH = 4 + 32
_TEXT_LIMIT = 128


@dataclass(frozen=True, slots=True)
class Cid:
    """The name of a block: its codec and the 32 bytes of its SHA-256."""

    codec: int
    digest: bytes

    @classmethod
    def of(cls, codec: int, block: bytes) -> Cid:
        """Return the CID of `block`."""
        return cls(codec, hashlib.sha256(block).digest())

    @classmethod
    def from_bytes(cls, binary: bytes) -> Cid:
        """Read the 36 bytes of a binary CID. Raises `ValueError` saying what is wrong."""
        if binary[:1] != bytes([_VERSION]):
            raise ValueError("is not a CIDv1")
        if binary[1:2] not in (bytes([RAW]), bytes([DAG_PB])):
            raise ValueError("is of an unknown codec: neither raw nor dag-pb")
        if binary[2:4] != _SHA2_256:
            raise ValueError("is of an unknown hash: not a whole sha2-256")
        if len(binary) != _BINARY_LENGTH:
            raise ValueError(f"is {len(binary)} bytes, not {_BINARY_LENGTH}")
        return cls(binary[1], binary[4:])

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Read a base32 CID. Raises `BlobError` for every other string."""
        try:
            return cls.from_bytes(_from_base32(text))
        except ValueError as error:
            raise BlobError(
                _shown(text), str(error), hint="ViSDM's CIDs begin with bafkrei or bafybei"
            ) from None

    def fits(self, block: bytes) -> bool:
        """Say whether `block` is the one that this names."""
        return hashlib.sha256(block).digest() == self.digest

    def __bytes__(self) -> bytes:
        return bytes([_VERSION, self.codec]) + _SHA2_256 + self.digest

    def __str__(self) -> str:
        return _to_base32(bytes(self))


def _to_base32(binary: bytes) -> str:
    return "b" + base64.b32encode(binary).decode().rstrip("=").lower()


def _from_base32(text: str) -> bytes:
    if not text.startswith("b") or len(text) > _TEXT_LIMIT:
        raise ValueError("is not a base32 CID")
    digits = text[1:].upper()
    try:
        binary = base64.b32decode(digits + "=" * (-len(digits) % 8))
    except (binascii.Error, ValueError):
        raise ValueError("is not a base32 CID") from None
    # Capitals, padding and stray last bits would be second names for the same bytes.
    if _to_base32(binary) != text:
        raise ValueError("is not in the one form that a base32 CID has here")
    return binary


def _shown(text: str) -> str:
    # Whoever registers an asset chooses this string: no line breaks, no book in a message.
    plain = text.isascii() and text.isalnum() and len(text) <= _TEXT_LIMIT
    return text if plain else ascii(text[:_TEXT_LIMIT])
