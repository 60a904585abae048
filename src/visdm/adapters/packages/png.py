"""PNG without its metadata: chunks are left out, and what is coded stays as it is.

Format: https://www.w3.org/TR/png-3/ and its registered extensions
(https://w3c.github.io/png/extensions/Overview.html).
"""

from __future__ import annotations

import zlib

from visdm.adapters.packages import exif

MAGIC = b"\x89PNG\r\n\x1a\n"

_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_SHOWING = (
    *(b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI"),
    *(b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT"),
    *(b"oFFs", b"pCAL", b"sCAL", b"sTER"),
)
"""What says how the picture is to be shown or measured. All other chunks are somebody's
remark: Exif, XMP and comments, times, and what programs put there for themselves."""

_FRAME = 12
"""Bytes of a chunk beside its data: length, type, checksum."""


def without_metadata(content: bytes, turned: int) -> bytes | None:
    """Return a PNG with its orientation `turned` as the only metadata, None if it is broken.

    What follows the end of the image is left out too.
    """
    said = b"" if turned == exif.UPRIGHT else _chunk(b"eXIf", exif.saying(turned))
    pieces: list[bytes | memoryview] = [MAGIC]
    place, kind = len(MAGIC), b""
    while place < len(content) and kind != b"IEND":
        kind = content[place + 4 : place + 8]
        end = place + _FRAME + int.from_bytes(content[place : place + 4])
        # The last checksum may be cut off: whether that is an image, its decoder says.
        if (end > len(content) and kind != b"IEND") or not _is_known(kind):
            return None
        if kind == b"IDAT" and said:
            pieces.append(said)
            said = b""
        if kind in _CRITICAL + _SHOWING:
            pieces.append(memoryview(content)[place:end])
        place = end
    return b"".join(pieces)


def _is_known(kind: bytes) -> bool:
    """Whether a reader may pass over a chunk that it does not know, or knows it."""
    return kind in _CRITICAL or kind[:1].islower()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
