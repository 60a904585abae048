"""Decoding an image safely, and what pixels are the same picture."""

from __future__ import annotations

import hashlib
import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from visdm.compute.images import plain
from visdm.domain.packages import IMAGE_FORMATS, MAX_PIXELS


class UnusableImageError(Exception):
    """An image cannot be decoded; `problem` completes the sentence 'row 5 ...'."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def decode(encoded: bytes) -> Image.Image:
    """Return the decoded first frame of a JPEG, PNG or WebP image.

    The size is checked before any pixel is decoded. Raises `UnusableImageError`, whose
    words are ours: the decoder's own may quote the file.
    """
    return plain.decoded(encoded) or _by_pillow(encoded)


def _by_pillow(encoded: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata and of sizes, which are judged here
        try:
            image = Image.open(io.BytesIO(encoded), formats=IMAGE_FORMATS)
        except Image.DecompressionBombError:
            raise UnusableImageError(f"has more than {MAX_PIXELS} pixels") from None
        except UnidentifiedImageError:
            raise UnusableImageError("is not a JPEG, PNG or WebP image") from None
        except (OSError, ValueError, SyntaxError):
            raise UnusableImageError("is damaged") from None
        if image.width * image.height > MAX_PIXELS:
            raise UnusableImageError(f"has more than {MAX_PIXELS} pixels")
        try:
            image.load()
        except Exception as error:  # decoders raise anything on hostile bytes
            raise UnusableImageError("is truncated or damaged") from error
    return image


def converted(image: Image.Image, mode: str) -> Image.Image:
    """Return the image in `mode`; 16-bit greys lose their lower half on the way."""
    if image.mode == mode:
        return image
    if image.mode.startswith("I"):
        return converted(image.convert("L"), mode)
    if not image.mode.startswith("P"):
        return image.convert(mode)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of palettes with transparency
        return image.convert(mode)


def upright(image: Image.Image) -> Image.Image:
    """Return the image turned as its camera says; as it is where that cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata
        try:
            return ImageOps.exif_transpose(image)
        except Exception:  # noqa: BLE001 - EXIF is a format with failures of its own
            return image


def fingerprint(image: Image.Image) -> str:
    """Return SHA-256, in hex, of the decoded pixels as RGBA with their size.

    The same pixels give the same fingerprint whatever file format or mode they came in.
    """
    header = f"{image.width}x{image.height}:".encode()
    return hashlib.sha256(header + converted(image, "RGBA").tobytes()).hexdigest()
