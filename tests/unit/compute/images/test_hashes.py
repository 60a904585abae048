"""Every hash must be the library's in every bit, whatever image it is of."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unit.compute.fabricated import encoded
from unit.compute.images.pictures import MODES, in_mode, picture
from visdm.compute.images import HASHES, decode, measure
from visdm.compute.images.hashes import _wavelet_hash
from visdm.compute.images.hashing import hashed
from visdm.compute.images.pixels import Bands

REFERENCE: dict[str, Any] = dict(
    zip(
        HASHES,
        (
            *(imagehash.average_hash, imagehash.phash, imagehash.dhash, imagehash.whash),
            *(imagehash.colorhash, imagehash.crop_resistant_hash),
        ),
        strict=True,
    )
)
QUICK = HASHES[:5]
SLOW = HASHES[5:]
"""The library takes a third of a second for it."""

DATA = Path(__file__).parents[5] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the photographs of ../shared/data")


def expected(image: Image.Image, names: tuple[str, ...]) -> dict[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of palettes with transparency
        return {name: str(REFERENCE[name](image)) for name in names}


def found(images: list[Image.Image], names: tuple[str, ...]) -> list[dict[str, str]]:
    columns = hashed(Bands.of(images), names)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize(
    ("kind", "channels"),
    [(kind, channels) for kind in ("PNG", "WEBP") for channels in (1, 3, 4)]
    + [("JPEG", 1), ("JPEG", 3)],
)
def test_hashes_equal_those_of_the_imagehash_library(kind: str, channels: int) -> None:
    file = encoded(picture(channels=channels), kind)
    ours = vars(measure([decode(file)])[0])
    theirs = expected(Image.open(io.BytesIO(file)), HASHES)
    assert {name: ours[name] for name in HASHES} == theirs


@st.composite
def pixels(draw: st.DrawFn) -> Any:  # noqa: ANN401 - of numpy's many types of array
    """Draw pictures of all kinds: few levels make ties, edges make ringing."""
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    source = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["noise", "flat", "two tones", "gradient", "few levels", "blobs"]))
    shape = (height, width, 3)
    if kind == "flat":
        return np.full(shape, source.integers(0, 256, 3)).astype(np.uint8)
    if kind == "gradient":
        slope = source.integers(-6, 7, (2, 3))
        y, x = np.indices((height, width))
        plane = y[:, :, None] * slope[0] + x[:, :, None] * slope[1] + 128
        return plane.clip(0, 255).astype(np.uint8)
    if kind == "blobs":
        coarse = source.integers(0, 2, (6, 6)).repeat(-(-height // 6), 0).repeat(-(-width // 6), 1)
        return (coarse[:height, :width, None] * source.integers(0, 256, 3)).astype(np.uint8)
    levels = {"noise": 256, "two tones": 2, "few levels": 5}[kind]
    return (source.integers(0, levels, shape) * (255 // (levels - 1))).astype(np.uint8)


@settings(max_examples=500, deadline=None)
@given(pixels(), st.sampled_from(MODES))
def test_five_hashes_equal_the_librarys_on_pictures_of_all_kinds(
    drawn: np.ndarray, mode: str
) -> None:
    image = in_mode(drawn, mode)
    assert found([image], QUICK)[0] == expected(image, QUICK)


@settings(max_examples=20, deadline=None)
@given(pixels(), st.sampled_from(MODES))
def test_the_crop_resistant_hash_equals_the_librarys_on_pictures_of_all_kinds(
    drawn: np.ndarray, mode: str
) -> None:
    image = in_mode(drawn, mode)
    try:
        wanted = expected(image, SLOW)
    except IndexError:
        return  # the library's own: it looks for one region more than there are
    assert found([image], SLOW)[0] == wanted


@settings(max_examples=40, deadline=None)
@given(st.lists(pixels(), min_size=2, max_size=6), st.data())
def test_a_batch_of_any_sizes_is_hashed_as_its_images_are_one_by_one(
    drawn: list[np.ndarray], data: st.DataObject
) -> None:
    images = [in_mode(one, data.draw(st.sampled_from(MODES))) for one in drawn * 2]
    together = measure(images)
    alone = [measure([image])[0] for image in images]
    assert together == alone


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 3), (7, 9), (31, 33), (1, 300), (5000, 3)])
def test_tiny_and_narrow_pictures_are_hashed_as_by_the_library(size: tuple[int, int]) -> None:
    source = np.random.default_rng(size[0])
    image = Image.fromarray(source.integers(0, 256, (*size[::-1], 3)).astype(np.uint8))
    assert found([image], HASHES)[0] == expected(image, HASHES)


@pytest.mark.parametrize("size", [(700, 3000), (3000, 700), (2049, 2050), (2048, 2047)])
def test_large_pictures_are_hashed_as_by_the_library(size: tuple[int, int]) -> None:
    image = Image.fromarray(picture(1, size[1], size[0]).astype(np.uint8))
    assert found([image], QUICK)[0] == expected(image, QUICK)


@pytest.mark.parametrize(("levels", "side"), [(1, 2048), (2, 2048), (3, 2048), (3, 16)])
def test_ties_in_large_pictures_fall_as_in_the_library(levels: int, side: int) -> None:
    source = np.random.default_rng(levels + side)
    coarse = source.integers(0, levels, (8, 8), dtype=np.uint8) * 90 + 30
    tied = coarse.repeat(side // 8, 0).repeat(side // 8, 1)
    assert _wavelet_hash(tied) == str(imagehash.whash(Image.fromarray(tied)))


@needs_data
def test_the_hashes_of_every_photograph_equal_the_librarys() -> None:
    files = sorted((DATA / "photos").iterdir())
    assert len(files) == 160
    for file in files:
        image = Image.open(file)
        assert found([image], QUICK)[0] == expected(image, QUICK), file.name


@needs_data
def test_the_crop_resistant_hashes_of_photographs_equal_the_librarys() -> None:
    for file in sorted((DATA / "photos").iterdir())[::16]:
        image = Image.open(file)
        assert found([image], SLOW)[0] == expected(image, SLOW), file.name


@needs_data
def test_the_hashes_of_thousands_of_cifar_images_equal_the_librarys() -> None:
    table = pq.read_table(DATA / "cifar10" / "test.parquet", columns=["image"])
    files = table.column("image").slice(0, 4000).to_pylist()
    images = [decode(file) for file in files]
    ours = found(images, QUICK)
    for image, one in zip(images, ours, strict=True):
        assert one == expected(image, QUICK)
    assert found(images[:12], SLOW) == [expected(image, SLOW) for image in images[:12]]
