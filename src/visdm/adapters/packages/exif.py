"""Which way up a picture is, read from whatever says so, written as an Exif that says no more.

Format: TIFF 6.0, sections 2 and 8 (https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf),
in the frame of Exif 2.3 (https://www.cipa.jp/std/documents/e/DC-008-2012_E.pdf).
"""

from __future__ import annotations

import struct
import warnings
from io import BytesIO

from PIL import Image

from visdm.domain.packages import IMAGE_FORMATS

UPRIGHT = 1
"""The orientation of a picture that lies as its pixels do, and of one that says nothing."""

_ORIENTATION = 0x0112
_TURNED = range(2, 9)
_SHORT = 3


def orientation(content: bytes) -> int:
    """Return how an image is turned, from 1 to 8, as Exif counts; 1 where nothing can be read.

    Pillow reads it, for Pillow turns the picture when it is computed on: of several Exif,
    or of Exif and XMP, the same one must win here and there.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, which is about to be removed
        try:
            with Image.open(BytesIO(content), formats=IMAGE_FORMATS) as image:
                turned = image.getexif().get(_ORIENTATION)
        except Exception:  # noqa: BLE001 - decoders raise anything on hostile bytes
            return UPRIGHT
    return turned if isinstance(turned, int) and turned in _TURNED else UPRIGHT


def saying(turned: int) -> bytes:
    """Return a TIFF header whose one tag is the orientation `turned`: 26 bytes."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, _ORIENTATION, _SHORT, 1, turned, 0, 0)
