"""A short way to the pixels of plain JPEG files: small ones come in a third of Pillow's time.

Pillow reads the headers of a file in Python, which takes longer than to decode a small
picture. `simplejpeg` has the same libjpeg-turbo do it. Whatever is not plain, or not without
a fault, is left to Pillow, which judges it.
"""

from __future__ import annotations

import simplejpeg  # type: ignore[import-untyped]  # its stub lacks the marker of typed packages
from PIL import Image

MARKERS = frozenset(
    (
        *(0xDB, 0xC4, 0xDD),  # tables of quantization, of codes; intervals
        *(0xC0, 0xC1, 0xC2),  # frames of Huffman codes: baseline, extended, progressive
        *(0xE0, 0xFE),  # JFIF and comments
    )
)
"""Segments of a plain file (ITU-T T.81, table B.1): none can turn or recolour the picture."""

MOST = 1 << 20
"""Pixels up to here: above, there is little to win and two copies would take memory."""

_START = b"\xff\xd8\xff"
_SCAN = 0xDA
_KINDS = {"Gray": "GRAY", "YCbCr": "RGB"}
_SAMPLINGS = ("Gray", "444", "422", "420")


def decoded(encoded: bytes) -> Image.Image | None:
    """Return the picture in a plain JPEG file as Pillow would decode it, None where it should."""
    if not _plain(encoded):
        return None
    try:
        height, width, colours, sampling = simplejpeg.decode_jpeg_header(encoded)
        if colours not in _KINDS or sampling not in _SAMPLINGS or height * width > MOST:
            return None
        pixels = simplejpeg.decode_jpeg(encoded, _KINDS[colours])
    except Exception:  # noqa: BLE001 - decoders raise anything on hostile bytes
        return None
    return Image.fromarray(pixels[:, :, 0] if colours == "Gray" else pixels)


def _plain(encoded: bytes) -> bool:
    """Tell whether all segments before the first scan are of `MARKERS`."""
    if not encoded.startswith(_START):
        return False
    place = 2
    while encoded[place : place + 1] == b"\xff" and len(encoded) > place + 3:
        marker = encoded[place + 1]
        if marker not in MARKERS:
            return marker == _SCAN
        place += 2 + int.from_bytes(encoded[place + 2 : place + 4])
    return False
