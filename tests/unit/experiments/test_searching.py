"""The measurement of the search for copies, in small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest
from PIL import Image

from memory.pictures import picture
from visdm.compute.duplicates import Hashes, within
from visdm.errors import FolderError
from visdm.experiments.metadata.alterations import ALTERATIONS
from visdm.experiments.metadata.duplicates import (
    digits,
    looked,
    measure,
    random,
    recall,
    search,
    uneven,
)

if TYPE_CHECKING:
    from pathlib import Path


def real() -> Hashes:
    """Return what a hundred random pictures are compared by."""
    source = np.random.default_rng(0)
    coarse = [source.integers(0, 256, (6, 6, 3)).astype(np.uint8) for _ in range(100)]
    return looked(Image.fromarray(c).resize((48, 48), Image.Resampling.BICUBIC) for c in coarse)


def test_all_that_is_planted_is_found_and_nothing_else() -> None:
    for name, made in (("random", random), ("uneven", uneven)):
        found = search(name, made(400, 2, real()), made(400, 1, real()), 2, "")
        assert (found.planted, found.found) == (200, 200)
        assert found.others == 0 or name == "uneven"


def test_handwritten_digits_are_not_copies_of_each_other() -> None:
    """They are 8x8, many look alike, and the demo trades them."""
    written = looked(digits())
    assert len(written) == 1797
    assert (within(written) == -1).all()


def coarse() -> Image.Image:
    """Return a picture of 48x48 in which each corner differs."""
    cells = np.random.default_rng(4).integers(60, 200, (6, 6, 3)).astype(np.uint8)
    return Image.fromarray(cells).resize((48, 48), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_every_alteration_alters_and_leaves_the_original_alone(name: str) -> None:
    original, kept = coarse(), np.asarray(coarse())
    altered = ALTERATIONS[name](original).convert("RGB")
    assert altered.size != (48, 48) or (np.asarray(altered) != kept).any()
    assert (np.asarray(original) == kept).all()


def test_alterations_do_what_their_names_say() -> None:
    original, altered = coarse(), {name: alter(coarse()) for name, alter in ALTERATIONS.items()}
    pixels = np.asarray(original).astype(float)

    def of(name: str) -> Any:  # noqa: ANN401 - an array
        return np.asarray(altered[name].convert("RGB")).astype(float)

    assert (of("mirrored") == pixels[:, ::-1]).all()
    assert altered["half the size"].size == (24, 24)
    assert altered["twice the size"].size == (96, 96)
    for share, cut in ((3, 1), (5, 1), (10, 2)):
        assert (of(f"cropped by {share} %") == pixels[cut:-cut, cut:-cut]).all()
    assert altered["without colour"].mode == "L"
    assert np.allclose(of("brightness + 10 %"), pixels * 1.1, atol=1)
    assert np.allclose(of("brightness - 10 %"), pixels * 0.9, atol=1)
    assert of("contrast + 10 %").std() > pixels.std() > of("contrast - 10 %").std()
    assert np.isclose((of("noise, deviation 3") - pixels).std(), 3, atol=0.3)
    assert np.isclose((of("noise, deviation 8") - pixels).std(), 8, atol=0.5)
    assert 0 < np.abs(of("JPEG 75") - pixels).mean() < np.abs(of("JPEG 50") - pixels).mean() < 10
    assert np.abs(of("mirrored, JPEG 75") - pixels[:, ::-1]).mean() < 10
    for name, where in (("mark in a corner", np.s_[40:, 34:]), ("caption", np.s_[:24, :])):
        elsewhere = of(name) == pixels
        elsewhere[where] = True
        assert elsewhere.all()


def test_every_alteration_is_tried() -> None:
    found = recall("digits", digits()[:20], None)
    assert set(found.found) == set(ALTERATIONS)
    assert found.found["without colour"] == 1
    assert (found.within, found.against) == (0, None)


def test_a_folder_without_photographs_is_named_before_any_search(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    table = pa.table({"image": [picture(seed=seed) for seed in range(3)]})
    pq.write_table(table, tmp_path / "cifar10" / "train.parquet")
    searched: list[int] = []
    with pytest.raises(FolderError, match="holds no photographs"):
        measure(tmp_path, lambda done, _: searched.append(done), rows=100, workers=1, ray="")
    assert not searched
