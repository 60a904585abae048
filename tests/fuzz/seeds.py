"""What the fuzzers begin with: documents by our own writers, and some that are nearly such."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from memory.blobs import MemoryBlobs
from visdm.adapters.blocks.unixfs import Profile
from visdm.domain.grants import Grant, bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

GRANT = Grant(
    package="bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq",
    recipient="age1alice",
    giver="0xBob",
    digest="ab" * 32,
    key="AGE-SECRET-KEY-1X",
)


def archives() -> Iterator[bytes]:
    """Yield archives, and blocks alone: a leaf, nodes over leaves and over nodes."""
    for content in (b"", b"x", b"xy", b"x" * 4, bytes(range(80))):
        blobs = MemoryBlobs()
        blobs.profile = Profile(chunk=1 if len(content) < 10 else 16, links=3)
        sink = io.BytesIO()
        blobs.export(blobs.write(content), sink)
        whole = sink.getvalue()
        yield whole
        # The same length in two bytes where one does; a byte that nobody announced.
        yield bytes([whole[0] | 0x80, 0]) + whole[1:]
        end = 1 + whole[0]
        yield whole[:end] + bytes([whole[end] | 0x80, 0]) + whole[end + 1 :]
        yield whole + b"\0"
        for block in blobs.blocks.values():
            yield block
            yield block + b"\x1a\0"  # for a node, one more field


def grants() -> Iterator[bytes]:
    """Yield bundles and an opened grant."""
    yield bundle({})
    yield bundle({"age1alice": b"sealed", "age1\u00e9\U0001f600": b""})
    yield b'{"age1alice": "AB", "age1alice": "a b"}'
    yield GRANT.to_bytes()
    for name in asdict(GRANT):
        yield json.dumps(asdict(GRANT) | {name: 7}).encode()


SEEDS = {"car": archives, "grants": grants}
"""By the fuzzer's name."""
