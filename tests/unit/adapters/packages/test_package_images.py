"""Images that a data package refuses."""

from __future__ import annotations

import os
import re
import warnings
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from memory.building import build
from memory.pictures import animation, fill, picture
from visdm.adapters.packages import images
from visdm.errors import (
    ImageError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)


def faults(packages: Packages, folder: Path, target: Path) -> dict[str, str]:
    """Check that a folder is refused and nothing written; return the files named."""
    with pytest.raises(ImageError) as caught:
        build(packages, folder, target, name="pets")
    assert list(target.parent.iterdir()) == []
    assert caught.value.hint
    return dict(caught.value.bad)


def test_every_bad_image_is_named_in_one_go(packages: Packages, pets: Path, target: Path) -> None:
    bad = {
        "cats/cut.jpg": picture("JPEG")[:-100],
        "cats/text.png": b"these are words",
        "dogs/empty.png": b"",
        "dogs/gif.png": picture("GIF"),
        "dogs/moving.webp": animation("WEBP"),
        "dogs/notes.txt": b"notes",
        "readme.md": b"read me",
    }
    fill(pets, bad)
    found = faults(packages, pets, target)
    assert found.keys() == bad.keys()
    assert found["cats/cut.jpg"] == "is truncated"
    assert found["cats/text.png"] == "is not an image"
    assert found["dogs/empty.png"] == "is empty"
    assert found["dogs/gif.png"] == "is GIF, which is not supported"
    assert found["dogs/moving.webp"] == "has 2 frames; only still images are taken"
    assert found["dogs/notes.txt"].startswith("is not named as an image")


def test_a_truncated_jpeg_is_named_and_refused(
    packages: Packages, tmp_path: Path, target: Path
) -> None:
    whole = picture("JPEG")
    cuts = {f"cats/{cut:04}.jpg": whole[:-cut] for cut in (3, 50, len(whole) // 2)}
    folder = fill(tmp_path / "pets", {"cats/whole.jpg": whole, **cuts})
    assert faults(packages, folder, target).keys() == cuts.keys()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_cut_anywhere_is_refused(kind: str) -> None:
    whole = picture(kind)
    assert images.fault(whole) == ""
    # A JPEG's end mark and the checksum of a PNG's hold nothing of the image: whether a file
    # without them is taken is the decoder's choice, for every pixel is there.
    mark = {"JPEG": 2, "PNG": 4, "WEBP": 0}[kind]
    assert all(images.fault(whole[:cut]) for cut in range(len(whole) - mark))


def test_a_png_with_a_flipped_bit_is_refused() -> None:
    whole = bytearray(picture("PNG"))
    whole[len(whole) // 2] ^= 1
    assert images.fault(bytes(whole)) == "cannot be decoded"


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PDF", "AVIF"])
def test_an_unsupported_format_is_named(kind: str) -> None:
    assert images.fault(picture(kind)) == f"is {kind}, which is not supported"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "MPO"])
def test_more_than_one_frame_is_refused(kind: str) -> None:
    assert images.fault(animation(kind)) == "has 2 frames; only still images are taken"


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = bytearray(picture("PNG"))
    bomb[16:24] = (20_000).to_bytes(4) + (10_000).to_bytes(4)
    bomb[29:33] = _crc(bytes(bomb[12:29]))
    assert images.fault(bytes(bomb)) == "has more than 178956970 pixels"


def test_the_pixel_limit_stands_where_pillow_was_told_to_have_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(images, "MAX_PIXELS", 16 * 12 - 1)
    assert images.fault(picture()) == "has 192 pixels; at most 191 are taken"
    monkeypatch.setattr(images, "MAX_PIXELS", 16 * 12)
    assert images.fault(picture()) == ""


def test_an_image_that_pillow_only_warns_of_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between half of the pixel limit and the limit Pillow warns."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 16 * 12 - 1)
    assert images.fault(picture()) == ""


def _crc(chunk: bytes) -> bytes:
    return zlib.crc32(chunk).to_bytes(4)


def test_a_file_larger_than_any_image_is_not_read(
    packages: Packages, tmp_path: Path, target: Path
) -> None:
    folder = fill(tmp_path / "pets", {"cats/a.png": picture(), "cats/b.png": b""})
    os.truncate(folder / "cats" / "b.png", images.MAX_IMAGE_BYTES + 1)
    assert faults(packages, folder, target) == {
        "cats/b.png": "has 67108865 bytes; at most 67108864 are taken"
    }


@settings(max_examples=200, deadline=None)
@given(
    content=st.binary(max_size=200),
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF"]),
)
def test_arbitrary_bytes_are_judged_and_never_quoted(content: bytes, start: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = images.fault(start + content)
    assert re.fullmatch(
        "is (empty|not an image|truncated|damaged or cut off near its start)"
        "|cannot be decoded|is [A-Z]+, which is not supported|has [0-9]+ frames; .*",
        found,
    )
