"""JPEG without its metadata: segments are left out, and what is coded stays as it is.

Format: ITU-T T.81, Annex B (https://www.w3.org/Graphics/JPEG/itu-t81.pdf), JFIF 1.02
(https://www.w3.org/Graphics/JPEG/jfif3.pdf).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from visdm.adapters.packages import exif

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"\xff\xd8\xff"

_SOI = b"\xff\xd8"
_SOS, _EOI, _COM = 0xDA, 0xD9, 0xFE
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_CODING = frozenset((*range(0xC0, 0xD0), *range(0xDA, 0xDE)))
"""Frames, scans and their tables."""

_ALONE = frozenset((0x01, *range(0xD0, 0xD8), _EOI))
"""Markers without a length behind them."""

_METADATA = frozenset((*range(0xE0, 0xF0), _COM))
_SHOWING = ((_APP0, b"JFIF\0"), (_APP2, b"ICC_PROFILE\0"), (_APP14, b"Adobe"))
"""What a decoder needs to show the right colours. All else in APPn is somebody's remark:
Exif, XMP, IPTC, previews of the uncropped picture, other pictures' places, makers' notes."""

_JFIF = 14
"""Bytes of a JFIF segment's payload without a preview, whose width and height end it."""

_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
"""A marker may have any number of fill bytes before it."""

_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""FF 00 is a stuffed byte of coded data, D0 to D7 are its restart markers."""


class _BrokenError(ValueError):
    """This is no JPEG that can be followed from segment to segment."""


def without_metadata(content: bytes, turned: int) -> bytes | None:
    """Return a JPEG with its orientation `turned` as the only metadata, None if it is broken.

    What follows the end of the image is left out too: a motion photo carries its video there.
    """
    kept: list[bytes | memoryview] = []
    jfif_leads = False
    try:
        for code, start, end in _segments(content):
            piece = _shown(code, content, start, end)
            if piece:
                jfif_leads = jfif_leads or (code == _APP0 and not kept)
                kept.append(piece)
    except _BrokenError:
        return None
    if turned != exif.UPRIGHT:  # both JFIF and Exif want to be first
        kept.insert(int(jfif_leads), _segment(_APP1, b"Exif\0\0" + exif.saying(turned)))
    return b"".join([_SOI, *kept])


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of each segment; a scan's coded data belongs to it.

    Bytes between segments that are none are passed over, as decoders pass over them.
    """
    place, code = len(_SOI), 0
    while code != _EOI and (marker := _MARKER.search(content, place)):
        code = marker[1][0]
        place = marker.end() if code in _ALONE else _end(content, code, marker.end())
        yield code, marker.start(), place


def _end(content: bytes, code: int, start: int) -> int:
    size = int.from_bytes(content[start : start + 2])
    end = start + size
    if code not in _CODING | _METADATA or size < 2 or end > len(content):  # noqa: PLR2004 - itself
        raise _BrokenError
    if code != _SOS:
        return end
    following = _MARKER_IN_SCAN.search(content, end)
    return following.start() if following else len(content)


def _shown(code: int, content: bytes, start: int, end: int) -> bytes | memoryview:
    """Return what stays of a segment: all, nothing, or a JFIF without its preview."""
    whole = memoryview(content)[start:end]
    if code not in _METADATA:
        return whole
    payload = content[start:end].lstrip(b"\xff")[3:]
    if not any(code == ours and payload.startswith(word) for ours, word in _SHOWING):
        return b""
    if code == _APP0 and (len(payload) > _JFIF or any(payload[_JFIF - 2 :])):
        return _segment(_APP0, payload[: _JFIF - 2].ljust(_JFIF, b"\0"))
    return whole


def _segment(code: int, payload: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(payload) + 2).to_bytes(2) + payload
