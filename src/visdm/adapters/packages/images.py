"""Whether a file's bytes are one still image that every reader will decode (DESIGN section 6)."""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from visdm.domain.packages import IMAGE_FORMATS, MAX_PIXELS

MAX_IMAGE_BYTES = 1 << 26
"""Bytes of one image file: what a row group, and so a reader's memory, can grow by."""

HINT = "ViSDM takes whole still images: JPEG, PNG or WebP"

_OURS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF")
_OTHERS = (
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"%PDF", "PDF"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphei", "HEIC"),
)


def fault(content: bytes) -> str:
    """Return why `content` cannot be used as an image, '' where it can.

    Every pixel is decoded, and a warning of the decoder counts as a fault. The answer never
    quotes the decoder: its messages may hold bytes of the image.
    """
    return _judged(content, decoding=True)


def fault_undecoded(content: bytes) -> str:
    """Return what is wrong with an image as far as that shows before its pixels are decoded."""
    return _judged(content, decoding=False)


def _judged(content: bytes, *, decoding: bool) -> str:
    if not content:
        return "is empty"
    if len(content) > MAX_IMAGE_BYTES:
        return too_large(len(content))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Pillow warns at half of MAX_PIXELS; the limit is checked here.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return _decoded(content, decoding=decoding)


def too_large(size: int) -> str:
    """Say that a file of `size` bytes is above the limit."""
    return f"has {size} bytes; at most {MAX_IMAGE_BYTES} are taken"


def _decoded(content: bytes, *, decoding: bool) -> str:
    try:
        with Image.open(BytesIO(content), formats=IMAGE_FORMATS) as image:
            if shape := _shape(image):
                return shape
            image.verify()  # checksums, which loading skips; the image cannot be used after it
        if not decoding:
            return ""
        with Image.open(BytesIO(content), formats=IMAGE_FORMATS) as image:
            image.load()
    except Image.DecompressionBombError:
        return f"has more than {MAX_PIXELS} pixels"
    except UnidentifiedImageError:
        return _unrecognised(content)
    except Exception as error:  # noqa: BLE001 - decoders raise anything on hostile bytes
        return "is truncated" if "truncated" in str(error).lower() else "cannot be decoded"
    return ""


def _shape(image: Image.Image) -> str:
    width, height = image.size
    if width * height > MAX_PIXELS:
        return f"has {width * height} pixels; at most {MAX_PIXELS} are taken"
    frames = getattr(image, "n_frames", 1)
    return f"has {frames} frames; only still images are taken" if frames != 1 else ""


def _unrecognised(content: bytes) -> str:
    if content.startswith(_OURS):
        return "is damaged or cut off near its start"
    for start, magic, kind in _OTHERS:
        if content[start:].startswith(magic):
            return f"is {kind}, which is not supported"
    return "is not an image"
