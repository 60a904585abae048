from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unit.compute.fabricated import encoded
from unit.compute.images.pictures import picture
from visdm.compute.images import (
    UnusableImageError,
    converted,
    decode,
    fingerprint,
    measure,
    upright,
)
from visdm.domain.packages import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda _: b"", "is not a JPEG, PNG or WebP image"),
        (lambda _: b"hello", "is not a JPEG, PNG or WebP image"),
        (lambda file: file[: len(file) // 2], "is truncated or damaged"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_that_is_not_a_whole_image_is_told(
    kind: str, spoil: Callable[[bytes], bytes], problem: str
) -> None:
    with pytest.raises(UnusableImageError) as caught:
        decode(spoil(encoded(picture(), kind)))
    assert caught.value.problem == problem


def test_a_format_that_the_market_does_not_take_is_refused() -> None:
    with pytest.raises(UnusableImageError, match="is not a JPEG, PNG or WebP image"):
        decode(encoded(picture(), "BMP"))


@pytest.mark.parametrize("side", [9_500, 13_400, 60_000])
def test_a_bomb_is_judged_by_its_header_and_never_decoded(side: int) -> None:
    bomb = encoded(np.zeros((1, 1)))
    header = bomb.index(b"IHDR") + 4
    claimed = side.to_bytes(4, "big") * 2
    checked = b"IHDR" + claimed + bomb[header + 8 : header + 13]
    crc = zlib.crc32(checked).to_bytes(4, "big")
    bomb = bomb[: header - 4] + checked + crc + bomb[header + 17 :]
    many = side * side > MAX_PIXELS
    with pytest.raises(UnusableImageError) as caught:
        decode(bomb)
    expected = f"has more than {MAX_PIXELS} pixels" if many else "is truncated or damaged"
    assert caught.value.problem == expected


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.data())
def test_a_spoilt_file_is_decoded_or_told_and_never_crashes(kind: str, data: st.DataObject) -> None:
    file = bytearray(encoded(picture(height=16, width=16), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode(bytes(file))
    except UnusableImageError:
        return
    measure([image])
    fingerprint(image)


def test_the_same_pixels_have_one_fingerprint_in_every_lossless_file() -> None:
    grey = picture(channels=1)
    colour = np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
    same = [encoded(grey), encoded(colour), encoded(grey, "WEBP", lossless=True)]
    same.append(encoded(grey, compress_level=0))
    assert len(set(same)) == 4
    assert len({fingerprint(decode(file)) for file in same}) == 1


def test_one_pixel_or_another_shape_changes_the_fingerprint() -> None:
    grey = picture(channels=1).astype(np.uint8)
    other = grey.copy()
    other[3, 3] ^= 1
    files = [grey, other, grey.reshape(64, 48)]
    assert len({fingerprint(decode(encoded(pixels))) for pixels in files}) == 3


def test_a_photograph_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = decode(encoded(picture(), "JPEG", exif=exif))
    assert lying.size == (64, 48)
    assert upright(lying).size == (48, 64)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("wanted", ["L", "RGB", "RGBA"])
def test_every_mode_of_the_formats_can_be_converted(mode: str, wanted: str) -> None:
    assert converted(Image.new(mode, (5, 4)), wanted).mode == wanted


def test_a_palette_with_transparency_is_measured_without_a_warning() -> None:
    image = Image.fromarray(picture().astype(np.uint8)).quantize(16)
    target = io.BytesIO()
    image.save(target, "PNG", transparency=bytes(range(16)))
    decoded = decode(target.getvalue())
    assert decoded.mode == "P"
    assert measure([decoded])[0].entropy > 0
    assert len(fingerprint(decoded)) == 64
