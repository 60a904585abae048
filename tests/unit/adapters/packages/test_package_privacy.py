"""What an image says beside its picture stays with its owner, and the picture stays as it is."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from memory.building import build
from memory.photographs import (
    OWNER,
    PROFILE,
    XMP,
    exif,
    jpeg_segment,
    jpegs,
    personal,
    png_chunk,
    pngs,
    seen,
    webp_chunk,
    webps,
)
from memory.pictures import PETS, animation, fill, picture
from visdm.adapters.packages import images, privacy, webp
from visdm.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)

KINDS = {"JPEG": jpegs, "PNG": pngs, "WEBP": webps}
STARTS = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0", b""]


def photograph(kind: str, orientation: int | None = None) -> bytes:
    content = BytesIO()
    with Image.open(BytesIO(picture(size=(24, 16)))) as image:
        image.save(content, kind, exif=exif(orientation).tobytes(), xmp=XMP)
    return content.getvalue()


def orientation_of(content: bytes) -> int | None:
    with Image.open(BytesIO(content)) as image:
        found: int | None = image.getexif().get(ExifTags.Base.Orientation)
        return found


def cleaned(content: bytes) -> bytes:
    found = privacy.cleaned(content)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data(), orientation=st.sampled_from([None, *range(10)]))
def test_nothing_but_the_picture_is_left(
    kind: str, data: st.DataObject, orientation: int | None
) -> None:
    content = data.draw(KINDS[kind](orientation))
    found = cleaned(content)
    assert seen(found) == seen(content)
    assert personal(found) == {}
    assert OWNER.encode() not in found
    turned = orientation if orientation in range(2, 9) else None
    assert orientation_of(found) == turned
    assert images.fault(found) == ""
    assert cleaned(found) is found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_keeps_its_orientation_alone(kind: str, orientation: int) -> None:
    content = photograph(kind, orientation)
    found = cleaned(content)
    assert personal(content)
    assert orientation_of(found) == orientation
    with Image.open(BytesIO(found)) as image:
        assert dict(image.getexif()) == {ExifTags.Base.Orientation: orientation}
    assert seen(found) == seen(content)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_without_metadata_stays_the_very_same(kind: str) -> None:
    plain = picture(kind)
    assert cleaned(plain) is plain
    content = BytesIO()
    with Image.open(BytesIO(plain)) as image:
        image.save(content, kind, icc_profile=PROFILE)
    profiled = content.getvalue()
    assert cleaned(profiled) is profiled


@settings(max_examples=500, deadline=None)
@given(content=st.binary(max_size=300), start=st.sampled_from(STARTS))
def test_arbitrary_bytes_raise_nothing(content: bytes, start: bytes) -> None:
    found = privacy.cleaned(start + content)
    if found is not None:
        assert privacy.cleaned(found) == found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_photograph_raises_nothing_and_never_leaks(
    kind: str, data: st.DataObject
) -> None:
    """Whatever is damaged: what is still taken as an image says nothing personal."""
    whole = bytearray(data.draw(KINDS[kind](6)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    content = bytes(whole[:cut])
    found = privacy.cleaned(content)
    if found is not None and images.fault(found) == "":
        assert personal(found) == {}
        assert cleaned(found) == found


def test_bytes_of_another_format_come_back_as_they_are() -> None:
    for content in (b"", b"words", picture("GIF"), b"RIFF", b"RIFF\4\0\0\0WAVE"):
        assert privacy.cleaned(content) is content


def test_every_exif_segment_goes() -> None:
    plain = picture("JPEG")
    second = Image.Exif()
    second[ExifTags.Base.Artist] = OWNER
    segments = jpeg_segment(0xE1, exif(8).tobytes()) + jpeg_segment(0xE1, second.tobytes())
    found = cleaned(plain[:20] + segments + plain[20:])
    assert orientation_of(found) == 8
    assert OWNER.encode() not in found


def test_bytes_between_segments_that_decoders_pass_over_go() -> None:
    plain = picture("JPEG")
    content = plain[:20] + b"\0" + OWNER.encode() + b"\xff\0" + plain[20:]
    assert images.fault(content) == ""
    assert cleaned(content) == plain


def test_jfif_stays_in_front_of_the_orientation() -> None:
    plain = picture("JPEG")
    found = cleaned(plain[:2] + jpeg_segment(0xE1, exif(6).tobytes()) + plain[2:])
    assert found.index(b"JFIF") < found.index(b"Exif")
    assert len(found) == len(plain) + 36


def test_a_turn_that_stands_in_xmp_alone_is_kept() -> None:
    """Pillow looks there too, and so do those who compute."""
    plain = picture("JPEG")
    said = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'
    content = plain[:20] + jpeg_segment(0xE1, said) + plain[20:]
    assert orientation_of(content) == 6
    assert orientation_of(cleaned(content)) == 6


def test_metadata_between_the_scans_of_a_progressive_jpeg_goes() -> None:
    content = BytesIO()
    with Image.open(BytesIO(picture(size=(64, 64)))) as image:
        image.save(content, "JPEG", progressive=True)
    plain = content.getvalue()
    scan = plain.rindex(b"\xff\xda")
    said = jpeg_segment(0xFE, OWNER.encode()) + jpeg_segment(0xE1, exif(3).tobytes())
    assert plain.count(b"\xff\xda") > 3
    assert cleaned(plain[:scan] + said + plain[scan:]) == plain


def test_coded_data_that_looks_like_markers_is_left_alone() -> None:
    """Noise of the best quality is full of stuffed bytes; every block ends with a restart."""
    content = BytesIO()
    with Image.open(BytesIO(picture(size=(200, 200)))) as image:
        image.save(content, "JPEG", quality=100, restart_marker_blocks=1)
    plain = content.getvalue()
    assert plain.count(b"\xff\x00") > 100
    assert plain.count(b"\xff\xd3") > 10
    assert cleaned(plain) is plain


def test_the_video_of_a_motion_photo_goes() -> None:
    plain = picture("JPEG")
    assert cleaned(plain + b"\0\0\0\x18ftypmp42" + OWNER.encode()) == plain


def test_a_jpeg_without_its_end_mark_says_nothing_either() -> None:
    content = photograph("JPEG")[:-2]
    assert OWNER.encode() not in cleaned(content)


def test_a_camera_that_stores_two_sizes_gives_its_first_picture() -> None:
    content = animation("MPO")
    assert images.fault(content) == "has 2 frames; only still images are taken"
    assert images.fault(cleaned(content)) == ""


def test_a_preview_in_a_jfif_segment_goes() -> None:
    plain = picture("JPEG")
    assert plain[2:4] == b"\xff\xe0"
    preview = plain[6:18] + b"\2\1" + b"RGBRGB"
    assert cleaned(plain[:2] + jpeg_segment(0xE0, preview) + plain[20:]) == plain


def test_text_before_and_behind_the_pixels_of_a_png_goes() -> None:
    plain = picture("PNG")
    said = png_chunk(b"tEXt", b"Author\0" + OWNER.encode())
    assert cleaned(plain[:33] + said + plain[33:-12] + said + plain[-12:] + b"tail") == plain


def test_a_png_keeps_what_shows_it() -> None:
    plain = picture("PNG")
    shown = png_chunk(b"gAMA", struct.pack(">I", 45455)) + png_chunk(
        b"pHYs", b"\0\0\1\0" * 2 + b"\1"
    )
    content = plain[:33] + shown + plain[33:]
    assert cleaned(content) is content


def test_a_webp_forgets_that_it_had_metadata() -> None:
    found = cleaned(photograph("WEBP"))
    assert found[12:16] == b"VP8X"
    assert found[20] & 0x0C == 0
    assert int.from_bytes(found[4:8], "little") == len(found) - 8
    assert b"EXIF" not in found
    assert b"XMP " not in found


def test_an_unknown_chunk_of_a_webp_goes() -> None:
    plain = photograph("WEBP", 6)
    body = plain[8:] + webp_chunk(b"junk", OWNER.encode() + b"!")
    assert cleaned(b"RIFF" + len(body).to_bytes(4, "little") + body) == cleaned(plain)


def test_a_webp_whose_last_chunk_lacks_its_padding_gets_it_before_the_orientation() -> None:
    body = b"WEBP" + webp_chunk(b"VP8X", bytes(10)) + webp_chunk(b"VP8L", b"odd")[:-1]
    found = webp.without_metadata(b"RIFF" + len(body).to_bytes(4, "little") + body, 6)
    assert found is not None
    assert found.index(b"EXIF") == 8 + len(body) + 1
    assert webp.without_metadata(found, 6) == found


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain[:20] + b"\xff\x02" + plain[20:],
        lambda plain: plain[:20] + jpeg_segment(0xF0, OWNER.encode()) + plain[20:],
    ],
)
def test_a_jpeg_that_cannot_be_followed_is_never_called_clean(
    change: Callable[[bytes], bytes],
) -> None:
    assert privacy.cleaned(change(picture("JPEG"))) is None


def test_a_package_holds_no_place_and_counts_what_it_lost(
    packages: Packages, tmp_path: Path, target: Path
) -> None:
    taken = {f"cats/{kind}.jpg": photograph(kind, 6) for kind in KINDS}
    folder = fill(tmp_path / "pets", {**PETS, **taken})
    summary = build(packages, folder, target)
    assert summary.samples == 7
    assert summary.stripped == 3
    assert OWNER.encode() not in target.read_bytes()
    assert packages.inspect_data(target) == summary


def test_an_owner_may_keep_it_all(packages: Packages, tmp_path: Path, target: Path) -> None:
    content = photograph("JPEG", 6)
    folder = fill(tmp_path / "pets", {"cats/a.jpg": content})
    summary = build(packages, folder, target, keep_exif=True)
    assert summary.stripped == 0
    assert content in target.read_bytes()


def test_an_image_that_cannot_be_cleaned_is_named_unless_all_is_kept(
    packages: Packages, tmp_path: Path, target: Path
) -> None:
    """Pillow shows a PNG with a chunk that it must know and does not."""
    plain = picture("PNG")
    odd = plain[:33] + png_chunk(b"ABCD", OWNER.encode()) + plain[33:]
    assert images.fault(odd) == ""
    folder = fill(tmp_path / "pets", {"cats/odd.png": odd})
    with pytest.raises(ImageError, match=r"cats/odd.png: is put together so oddly"):
        build(packages, folder, target)
    assert build(packages, folder, target, keep_exif=True).samples == 1
