"""WebP without its metadata: chunks are left out, and what is coded stays as it is.

Format: RFC 9649, section 2 (https://www.rfc-editor.org/rfc/rfc9649).
"""

from __future__ import annotations

from visdm.adapters.packages import exif

RIFF, WEBP = b"RIFF", b"WEBP"

_EXTENDED = b"VP8X"
_SHOWING = (_EXTENDED, b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")
"""What shows the picture. All other chunks are somebody's remark: Exif, XMP and unknown ones."""

_HAS_XMP, _HAS_EXIF = 0x04, 0x08
_HEADER, _CHUNK, _MIN_EXTENDED = 12, 8, 10


def is_webp(content: bytes) -> bool:
    """Whether `content` begins as a WebP file does."""
    return content[:4] == RIFF and content[8:_HEADER] == WEBP


def without_metadata(content: bytes, turned: int) -> bytes | None:
    """Return a WebP with its orientation `turned` as the only metadata, None if it is broken.

    What follows the end of the image is left out too.
    """
    pieces: list[bytes | memoryview] = []
    extended = False
    place, end = _HEADER, _CHUNK + _size(content, 4)
    while place < end:
        kind, size = content[place : place + 4], _size(content, place + 4)
        stop = place + _CHUNK + size
        if stop > min(end, len(content)):
            return None
        padded = min(stop + size % 2, end)
        if kind == _EXTENDED:
            if size < _MIN_EXTENDED:
                return None
            extended = True
            pieces.append(_flagged(content[place:padded], turned))
        elif kind in _SHOWING:
            pieces.append(memoryview(content)[place:padded])
        place = padded
    if turned != exif.UPRIGHT:
        if not extended:
            return None  # without that chunk no reader looks for an orientation
        said = exif.saying(turned)
        pieces += [b"\0"] * (len(pieces[-1]) % 2)
        pieces.append(b"EXIF" + len(said).to_bytes(4, "little") + said)
    length = len(WEBP) + sum(map(len, pieces))
    return b"".join([RIFF, length.to_bytes(4, "little"), WEBP, *pieces])


def _size(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 4], "little")


def _flagged(extended: bytes, turned: int) -> bytes:
    flags = extended[_CHUNK] & ~(_HAS_XMP | _HAS_EXIF)
    if turned != exif.UPRIGHT:
        flags |= _HAS_EXIF
    return extended[:_CHUNK] + bytes([flags]) + extended[_CHUNK + 1 :]
