from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unit.compute.fabricated import encoded
from visdm.compute.images import (
    BASIS,
    STEP,
    Measures,
    UnusableImageError,
    converted,
    decode,
    fingerprint,
    measure,
    project,
    upright,
)
from visdm.domain.packages import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Callable


def picture(seed: int = 0, height: int = 48, width: int = 64, channels: int = 3) -> np.ndarray:
    """Return a smooth picture with some texture, as photographs are."""
    source = np.random.default_rng(seed)
    coarse = Image.fromarray(source.integers(0, 256, (6, 8, channels), dtype=np.uint8).squeeze())
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    return (smooth + source.normal(0, 6, smooth.shape)).clip(0, 255)


@pytest.mark.parametrize(
    ("kind", "channels"),
    [(kind, channels) for kind in ("PNG", "WEBP") for channels in (1, 3, 4)]
    + [("JPEG", 1), ("JPEG", 3)],
)
@pytest.mark.parametrize("seed", range(3))
def test_hashes_equal_those_of_the_imagehash_library(kind: str, channels: int, seed: int) -> None:
    file = encoded(picture(seed, channels=channels), kind)
    ours, theirs = measure(decode(file)), Image.open(io.BytesIO(file))
    assert ours.average_hash == str(imagehash.average_hash(theirs))
    assert ours.perceptual_hash == str(imagehash.phash(theirs))
    assert ours.difference_hash == str(imagehash.dhash(theirs))


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
    measure(image)
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


def test_a_flat_image_measures_as_flat() -> None:
    flat = measure(decode(encoded(np.full((20, 30), 77))))
    assert (flat.brightness, flat.contrast, flat.sharpness, flat.entropy) == (77.0, 0.0, 0.0, 0.0)
    assert flat.projection == [round(77 * 8 / STEP)] + [0] * (len(BASIS) - 1)


def test_measures_of_a_chessboard_are_those_computed_by_hand() -> None:
    board = np.indices((16, 16)).sum(axis=0) % 2 * 200
    found = measure(decode(encoded(board)))
    # Each Laplacian is 4 x 200 off, up or down: its variance is 800 squared.
    assert (found.brightness, found.contrast, found.entropy) == (100.0, 100.0, 1.0)
    assert found.sharpness == 640_000.0


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (1, 40)])
def test_images_too_small_to_have_edges_are_measured(shape: tuple[int, int]) -> None:
    assert measure(decode(encoded(np.full(shape, 9)))).sharpness == 0.0


def test_noise_is_sharper_than_a_picture_and_a_blur_less() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64))
    image = decode(encoded(picture(channels=1)))
    blurred = image.resize((16, 12)).resize((64, 48))
    sharpness = [measure(i).sharpness for i in (blurred, image, decode(encoded(noise)))]
    assert sharpness == sorted(sharpness)
    assert sharpness[0] * 4 < sharpness[1] < sharpness[2] / 4


@given(st.integers(0, 2**32))
def test_the_projection_is_the_nearest_whole_step_of_the_cosine_coefficients(seed: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (8, 8))
    found = project(Image.fromarray(grey.astype(np.uint8)))
    x = np.arange(8)
    for (v, u), steps in zip(BASIS, found, strict=True):
        wave = np.outer(np.cos(np.pi * (x + 0.5) * v / 8), np.cos(np.pi * (x + 0.5) * u / 8))
        scale = (1 / 8) * (1 if v == 0 else 2**0.5) * (1 if u == 0 else 2**0.5)
        assert abs(steps * STEP - scale * (grey * wave).sum()) <= STEP / 2 + 1e-6
        assert -128 <= steps <= 128


def test_fine_detail_does_not_enter_what_is_published() -> None:
    smooth = np.asarray(Image.fromarray(picture(channels=1).astype(np.uint8)).resize((128, 128)))
    fine = smooth.astype(int).clip(40, 215) + 40 * (-1) ** np.indices((128, 128)).sum(axis=0)
    plain, detailed = (measure(decode(encoded(p))) for p in (smooth.clip(40, 215), fine))
    assert plain.sharpness * 10 < detailed.sharpness
    assert max(np.abs(np.subtract(plain.projection, detailed.projection))) <= 1
    for name in ("average_hash", "perceptual_hash", "difference_hash"):
        one, two = (imagehash.hex_to_hash(getattr(m, name)) for m in (plain, detailed))
        assert one - two <= 4


def bits(measures: Measures) -> list[float]:
    """Return all that is published of an image's pixels, as numbers."""
    hashes = (measures.average_hash, measures.perceptual_hash, measures.difference_hash)
    scalars = (measures.brightness, measures.contrast, measures.entropy, measures.sharpness)
    signs = [float(b) for h in hashes for b in imagehash.hex_to_hash(h).hash.flatten()]
    return [*signs, *measures.projection, *scalars, 1.0]


def natural(seed: int) -> np.ndarray:
    """Return 32x32 greys whose power falls with frequency as that of natural images does."""
    source = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(32)[None, :])
    frequency[0, 0] = 1 / 32
    waves = np.fft.fft2(source.normal(size=(32, 32))) / frequency
    picture: np.ndarray = np.fft.ifft2(waves).real
    picture = (picture - picture.mean()) / picture.std() * 45 + source.uniform(90, 165)
    return np.asarray(picture.clip(0, 255), dtype=np.uint8)


def test_what_is_published_rebuilds_no_more_than_a_thumbnail_of_eight_by_eight() -> None:
    pictures = [Image.fromarray(natural(seed)) for seed in range(1600)]
    known = np.array([bits(measure(picture)) for picture in pictures])
    truth = np.array([np.asarray(picture, dtype=float).ravel() for picture in pictures])
    thumbnails = np.array(
        [
            np.asarray(p.resize((8, 8), Image.Resampling.BOX).resize((32, 32)), dtype=float).ravel()
            for p in pictures
        ]
    )
    seen, hidden = slice(0, 1200), slice(1200, None)
    gram = known[seen].T @ known[seen] + 10 * np.eye(known.shape[1])
    rebuilt = known[hidden] @ np.linalg.solve(gram, known[seen].T @ truth[seen])
    error = ((rebuilt - truth[hidden]) ** 2).mean()
    of_thumbnail = ((thumbnails[hidden] - truth[hidden]) ** 2).mean()
    assert error > of_thumbnail
    assert error < truth[hidden].var() / 2  # it does give away that much: the attack works


def test_colour_does_not_enter_what_is_published() -> None:
    grey = decode(encoded(np.full((16, 16), 76)))
    red = np.zeros((16, 16, 3))
    red[:, :, 0] = 254  # as bright as grey 76
    assert measure(grey) == measure(decode(encoded(red)))


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
    assert measure(decoded).entropy > 0
    assert len(fingerprint(decoded)) == 64
