"""Takes out of an image what it says beside the picture: where, when and with what it was taken.

Nothing is decoded and coded again: whole segments of the file are left out, so every pixel
stays. What stays beside them is what shows them rightly (colour profile, gamma, transparency,
size in print) and, where the picture would else lie on its side, its orientation alone.

Covered: Exif with its location, XMP, IPTC, comments, times, previews, segments of camera and
program makers, whatever lies behind the image. Not covered: what the picture itself shows,
what somebody hid in the coded picture or in its colour profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.adapters.packages import exif, jpeg, png, webp

if TYPE_CHECKING:
    from collections.abc import Callable

    _Cut = Callable[[bytes, int], bytes | None]


def cleaned(content: bytes) -> bytes | None:
    """Return an image without personal metadata: `content` itself where it has none.

    Bytes that are not JPEG, PNG or WebP come back as they are. None says that they look like
    one of these and cannot be followed to their end, so that nothing can be promised.
    """
    cut = _cut(content)
    if cut is None:
        return content
    bare = cut(content, exif.UPRIGHT)
    if bare is None:
        return None
    if bare == content:
        return content
    turned = exif.orientation(content)
    found = bare if turned == exif.UPRIGHT else cut(content, turned)
    return content if found == content else found


def _cut(content: bytes) -> _Cut | None:
    if content.startswith(jpeg.MAGIC):
        return jpeg.without_metadata
    if content.startswith(png.MAGIC):
        return png.without_metadata
    return webp.without_metadata if webp.is_webp(content) else None
