"""Figure 2 at a small size: noise stands apart, cats and dogs do not, the same each time."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from visdm.compute.features import NAMES
from visdm.errors import FolderError, InputError
from visdm.experiments.figure2 import (
    CAT,
    JPEG,
    METADATA,
    PIXELS,
    PNG,
    PROJECTION,
    SIZELESS,
    _features,
    _real,
    measure_figure2,
    noise,
)
from visdm.experiments.figure2_page import write_figure2

if TYPE_CHECKING:
    from visdm.experiments.figure2 import Figure2

DATA = Path(__file__).parents[4] / "shared" / "data"
EACH, FEW = 60, 20

needs_data = pytest.mark.skipif(
    not (DATA / "cifar10").is_dir(), reason="needs CIFAR-10 in ../shared/data"
)


@pytest.fixture(scope="module")
def found() -> Figure2:
    return measure_figure2(DATA, each=EACH)


@needs_data
@pytest.mark.parametrize("encoding", [JPEG, PNG])
@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_line_tells_noise_from_photographs_by_metadata(
    found: Figure2, encoding: str, method: str
) -> None:
    apart = found.row(encoding, METADATA, method).noise
    assert apart.linear >= 0.95
    assert apart.silhouette >= 0.4


@needs_data
def test_metadata_tells_more_than_the_projection_and_the_pixels_in_a_plane(
    found: Figure2,
) -> None:
    ours = found.row(JPEG, METADATA, "pca").noise
    for kind in (PROJECTION, PIXELS):
        other = found.row(JPEG, kind, "pca").noise
        assert ours.linear >= other.linear + 0.05
        assert ours.silhouette >= other.silhouette + 0.2


@needs_data
def test_metadata_does_not_tell_cats_from_dogs(found: Figure2) -> None:
    for method in ("pca", "tsne"):
        cats = found.row(JPEG, METADATA, method).cats
        assert 0.3 <= cats.linear <= 0.7
        assert abs(cats.silhouette) <= 0.1


@needs_data
def test_it_is_drawn_and_its_numbers_are_kept(found: Figure2, tmp_path: Path) -> None:
    files = write_figure2(found, tmp_path)
    assert {path.name for path in files} == {path.name for path in tmp_path.iterdir()}
    assert json.loads((tmp_path / "figure2.json").read_text()) == found.to_json()
    page = (tmp_path / "figure2.html").read_text()
    assert f"{found.row(JPEG, METADATA, 'pca').noise.silhouette:.3f}" in page


@needs_data
def test_the_same_seed_gives_the_same_numbers_and_another_others() -> None:
    first = measure_figure2(DATA, each=FEW)
    assert measure_figure2(DATA, each=FEW).to_json() == first.to_json()
    assert measure_figure2(DATA, each=FEW, seed=1).rows != first.rows


def test_too_few_images_and_a_folder_without_them_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too few"):
        measure_figure2(DATA, each=3)
    with pytest.raises(FolderError) as caught:
        measure_figure2(tmp_path, each=EACH)
    assert "train.parquet" in caught.value.message
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "train.parquet").write_bytes(b"no table")
    with pytest.raises(FolderError, match="not the CIFAR-10"):
        measure_figure2(tmp_path, each=EACH)


def test_rows_without_compression_are_the_same_features_but_for_that_one() -> None:
    chance = np.random.default_rng(0)
    table, pixels = chance.normal(size=(60, len(NAMES))), chance.random((60, 12))
    kinds = _features((table, pixels))
    place = NAMES.index("compression")
    assert (kinds[SIZELESS] == np.delete(kinds[METADATA], place, axis=1)).all()
    table[:, place] = chance.normal(size=60)
    again = _features((table, pixels))
    assert (again[SIZELESS] == kinds[SIZELESS]).all()
    assert (again[METADATA] != kinds[METADATA]).any()
    assert kinds[PROJECTION].shape[1] == 16


@needs_data
def test_noise_as_jpeg_is_encoded_like_the_real_files() -> None:
    real = _real(DATA, 1, 0)[CAT][0]
    made = noise(2, 0, JPEG, real)
    assert made[0] != made[1]
    opened = [JpegImagePlugin.JpegImageFile(io.BytesIO(file)) for file in (real, made[0])]
    assert opened[0].quantization == opened[1].quantization
    assert opened[0].size == opened[1].size
    assert len({JpegImagePlugin.get_sampling(image) for image in opened}) == 1
    assert Image.open(io.BytesIO(noise(1, 0, PNG, real)[0])).format == "PNG"
