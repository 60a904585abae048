"""The short way to the pixels of a JPEG file ends where Pillow's does, or is not taken."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unit.compute.images.pictures import picture
from visdm.compute.images import UnusableImageError, decode, plain, upright
from visdm.domain.packages import MAX_PIXELS

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


def saved(image: Image.Image, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, "JPEG", **options)
    return target.getvalue()


def coloured(width: int = 64, height: int = 48) -> Image.Image:
    return Image.fromarray(picture(3, height, width).astype(np.uint8))


def pillows(file: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(file))
    image.load()
    return image


def assert_same(found: Image.Image | None, expected: Image.Image) -> None:
    assert found is not None
    assert (found.mode, found.size) == (expected.mode, expected.size)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (32, 32), (63, 47), (1, 90), (500, 375)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("progressive", [False, True])
def test_plain_files_have_pillows_pixels(
    size: tuple[int, int], subsampling: str, *, progressive: bool
) -> None:
    for quality in (5, 75, 100):
        options = {"subsampling": subsampling, "progressive": progressive, "quality": quality}
        file = saved(coloured(*size), **options, restart_marker_rows=1, comment=b"a comment")
        assert_same(plain.decoded(file), pillows(file))
        grey = saved(coloured(*size).convert("L"), progressive=progressive, quality=quality)
        assert_same(plain.decoded(grey), pillows(grey))


def with_sampling(file: bytes, across: int, down: int) -> bytes:
    """Return a file of three times the same picture in which the first band has a sampling."""
    place = file.index(b"\xff\xc0") + 11
    return file[:place] + bytes([across << 4 | down]) + file[place + 1 :]


@pytest.mark.parametrize(("across", "down"), [(1, 2), (4, 1), (1, 4), (4, 2), (3, 1), (2, 4)])
def test_rare_samplings_have_pillows_pixels_or_are_left_to_it(across: int, down: int) -> None:
    flat = Image.new("RGB", (64, 64), (90, 140, 30))
    file = with_sampling(saved(flat, subsampling="4:4:4"), across, down)
    found = plain.decoded(file)
    if found is not None:
        assert_same(found, pillows(file))


@pytest.mark.parametrize("kind", ["exif", "xmp", "icc_profile"])
def test_a_file_that_says_more_than_its_pixels_is_left_to_pillow(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    said = {"exif": exif, "xmp": b"<x:xmpmeta/>", "icc_profile": b"a profile"}
    file = saved(coloured(), **{kind: said[kind]})
    assert plain.decoded(file) is None
    assert upright(decode(file)).size == ((48, 64) if kind == "exif" else (64, 48))


def test_other_colours_and_other_formats_are_left_to_pillow() -> None:
    inks = saved(coloured().convert("CMYK"))
    unconverted = saved(coloured(), keep_rgb=True)
    target = io.BytesIO()
    coloured().save(target, "PNG")
    for file in (inks, unconverted, target.getvalue(), b"", b"\xff\xd8\xff"):
        assert plain.decoded(file) is None
    assert decode(inks).mode == "CMYK"


def test_a_picture_too_large_for_two_copies_is_left_to_pillow() -> None:
    rows = -(-plain.MOST // 1000)
    assert plain.decoded(saved(Image.new("L", (1000, rows + 1)))) is None
    assert plain.decoded(saved(Image.new("L", (1000, rows - 1)))) is not None


def test_a_bomb_behind_plain_headers_is_judged_before_it_is_decoded() -> None:
    file = saved(coloured())
    place = file.index(b"\xff\xc0") + 5
    bomb = file[:place] + b"\xff\xdc" * 2 + file[place + 4 :]
    assert plain.decoded(bomb) is None
    with pytest.raises(UnusableImageError, match=f"has more than {MAX_PIXELS} pixels"):
        decode(bomb)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), progressive=st.booleans())
def test_a_spoilt_file_has_pillows_pixels_or_is_left_to_it(
    data: st.DataObject, *, progressive: bool
) -> None:
    file = bytearray(saved(coloured(24, 16), progressive=progressive, quality=90))
    for _ in range(data.draw(st.integers(0, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    spoilt = bytes(file[: data.draw(st.integers(0, len(file)) | st.just(len(file)))])
    found = plain.decoded(spoilt)
    if found is not None:
        assert_same(found, pillows(spoilt))
