"""Whatever is handed in is measured, or refused in a sentence of ours, in bounded memory."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from unit.compute.images.pictures import picture
from visdm.compute.images import HASHES, UnusableImageError, decode, fingerprint, measure, record
from visdm.domain.packages import MAX_PIXELS

if TYPE_CHECKING:
    from visdm.compute.images import Measures

PICTURE = Image.fromarray(picture().astype(np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def measured(file: bytes) -> Measures:
    """Measure a file; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = decode(file)
        assert len(fingerprint(image)) == 64
        found = measure([image])[0]
    assert all(getattr(found, name) for name in HASHES)
    assert sum(found.histogram) == found.width * found.height
    return found


def png(width: int, height: int, rows: bytes) -> bytes:
    """Return a grey PNG whose compressed rows are `rows`."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checked = name + body
        return len(body).to_bytes(4, "big") + checked + zlib.crc32(checked).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_real_bomb_is_refused_before_it_goes_off() -> None:
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(20_001)) for _ in range(20_000)) + packer.flush()
    bomb = png(20_000, 20_000, rows)
    assert len(bomb) < 1 << 20
    with pytest.raises(UnusableImageError, match=f"has more than {MAX_PIXELS} pixels"):
        decode(bomb)


@pytest.mark.parametrize("spoilt", [b"", b"\0" * 100, b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_image_is_refused_in_our_words(spoilt: bytes) -> None:
    with pytest.raises(UnusableImageError, match=r"^(is not a JPEG, PNG or WebP image|is damaged)"):
        decode(spoilt)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_file_cut_off_anywhere_is_refused_or_measured(kind: str) -> None:
    file = saved(PICTURE, kind)
    for length in range(0, len(file), 97):
        with pytest.raises(UnusableImageError) as caught:
            decode(file[:length])
        assert caught.value.problem.startswith(("is ", "has "))


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        *((kind, (20_000, 3)) for kind in ("PNG", "JPEG")),  # WebP's sides end at 16,383
        *(
            (kind, size)
            for kind in ("PNG", "JPEG", "WEBP")
            for size in ((1, 1), (1, 2), (16_000, 1), (3, 9000))
        ),
    ],
)
def test_the_smallest_and_the_narrowest_pictures_are_measured(
    kind: str, size: tuple[int, int]
) -> None:
    found = measured(saved(Image.new("RGB", size, (200, 10, 30)), kind))
    assert (found.width, found.height) == size
    assert found.contrast <= 1


def test_other_modes_are_measured_as_what_they_are() -> None:
    deep = Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * np.uint16(21))
    palette = saved(PICTURE.quantize(16), "PNG", transparency=bytes(range(0, 256, 16)))
    files = {
        "CMYK": saved(PICTURE.convert("CMYK"), "JPEG"),
        "I;16": saved(deep, "PNG"),
        "P": palette,
        "1": saved(PICTURE.convert("1"), "PNG"),
        "LA": saved(PICTURE.convert("LA"), "PNG"),
        "RGBA": saved(Image.new("RGBA", (20, 20), (9, 99, 200, 70)), "WEBP"),
    }
    for mode, file in files.items():
        assert measured(file).mode == mode


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_measured(kind: str) -> None:
    frames = [Image.new("RGB", (32, 24), (shade, 0, 0)) for shade in (250, 0, 90)]
    options = {"lossless": True} if kind == "WEBP" else {}
    film = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert measured(film).histogram_red[250] == 32 * 24


def test_an_animated_gif_is_refused_as_the_market_does_not_take_gif() -> None:
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 255)]
    film = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(UnusableImageError, match="is not a JPEG, PNG or WebP image"):
        decode(film)


def test_a_row_of_the_table_has_what_the_file_adds() -> None:
    row = record(measure([PICTURE])[0], size=1536, label="dog")
    assert (row["bytes"], row["class"], row["compression"]) == (1536, "dog", 4.0)


LARGE = """
import resource, sys
import numpy as np
from PIL import Image
from visdm.compute.images import measure
measure([Image.new("RGB", (40, 40), 9)])
image = Image.new(sys.argv[1], (9000, 9000), sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
measure([image])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 9000**2)
"""


@pytest.mark.parametrize(("mode", "colour"), [("RGB", "#ff8000"), ("L", "gray")])
def test_a_picture_of_81_million_pixels_takes_few_bytes_a_pixel(mode: str, colour: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LARGE, mode, colour], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 12
