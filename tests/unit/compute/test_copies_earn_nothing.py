"""Known answers: what a copy earns beside its original, and what the original does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from unit.compute.fabricated import data_package, encoded, ignore, model_package, toml
from visdm.compute import train
from visdm.compute.distinct import ROUNDS, thinned
from visdm.compute.duplicates import similar
from visdm.compute.looks import look
from visdm.domain.reports import values_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

    Picture = np.ndarray
    Labelled = list[tuple[bytes, int]]

EACH = 24


def scenes(seed: int) -> list[tuple[Picture, int]]:
    """Return coloured pictures of 40x40, lighter on the left (0) or at the top (1)."""
    source = np.random.default_rng(seed)
    found = []
    for label in source.integers(0, 2, EACH).tolist():
        coarse = Image.fromarray(source.integers(0, 150, (6, 6, 3)).astype(np.uint8))
        pixels = np.asarray(coarse.resize((40, 40), Image.Resampling.BICUBIC)).astype(int)
        light = np.zeros((40, 40, 1), int)
        light[
            slice(None, 20) if label else slice(None), slice(None) if label else slice(None, 20)
        ] = 90
        found.append(((pixels + light).clip(0, 255), label))
    return found


def as_is(pictures: list[tuple[Picture, int]]) -> Labelled:
    return [(encoded(pixels), label) for pixels, label in pictures]


def reencoded(pictures: list[tuple[Picture, int]]) -> Labelled:
    return [(encoded(pixels, "JPEG", quality=60), label) for pixels, label in pictures]


def mirrored(pictures: list[tuple[Picture, int]]) -> Labelled:
    return [(encoded(pixels[:, ::-1]), label) for pixels, label in pictures]


def brighter(pictures: list[tuple[Picture, int]]) -> Labelled:
    return [(encoded((pixels * 1.1).clip(0, 255)), label) for pixels, label in pictures]


def job(folder: Path, assets: dict[int, Labelled], method: str = "shapley") -> dict[str, Any]:
    """Run a job over assets with these images."""
    folder.mkdir()

    def package(name: str, images: Labelled) -> Path:
        files, labels = zip(*images, strict=True)
        return data_package(folder / name, files, labels, ["left", "top"])

    validation = package("validation", as_is(scenes(99)))
    model = model_package(folder / "model", validation, settings=toml(epochs=2))
    inputs = {f"asset-{number}": package(str(number), images) for number, images in assets.items()}
    settings = {"seed": 1, "assets": list(assets), "method": method, "threads": 1}
    return train.run(settings, {"model": model, **inputs}, folder, ignore)


def values(answer: dict[str, Any]) -> dict[int, Fraction]:
    utilities = tuple((tuple(assets), right) for assets, right in answer["utilities"])
    return values_of(utilities, answer["validation"])


@pytest.mark.parametrize("altered", [as_is, reencoded, brighter, mirrored])
def test_a_copy_earns_nothing_and_the_others_what_they_would_without_it(
    tmp_path: Path, altered: Callable[[list[tuple[Picture, int]]], Labelled]
) -> None:
    honest = {4: as_is(scenes(1)), 7: as_is(scenes(2))}
    without = job(tmp_path / "without", honest)
    assert without["left_out"] == {}
    assert without["kept"] == {"4": EACH, "7": EACH}
    beside = job(tmp_path / "beside", {**honest, 9: altered(scenes(1))})
    assert beside["left_out"] == {"9": {"4": EACH}}
    assert beside["kept"] == {"4": EACH, "7": EACH, "9": 0}
    assert values(beside) == {**values(without), 9: 0}
    assert beside["metrics"] == without["metrics"]


def test_a_copy_gains_nothing_by_being_split_over_several_assets(tmp_path: Path) -> None:
    honest = {4: as_is(scenes(1)), 7: as_is(scenes(2))}
    copies = reencoded(scenes(1))
    split = job(tmp_path / "split", {**honest, 8: copies[: EACH // 2], 9: copies[EACH // 2 :]})
    assert values(split) == {**values(job(tmp_path / "without", honest)), 8: 0, 9: 0}


def test_of_an_asset_that_copies_a_part_the_rest_counts(tmp_path: Path) -> None:
    mixed = reencoded(scenes(1))[:10] + as_is(scenes(2))[10:]
    found = job(tmp_path / "j", {4: as_is(scenes(1)), 9: mixed})
    assert found["left_out"] == {"9": {"4": 10}}
    rest = job(tmp_path / "rest", {4: as_is(scenes(1)), 9: as_is(scenes(2))[10:]})
    assert found["utilities"] == rest["utilities"]


def test_an_image_that_an_asset_repeats_counts_once(tmp_path: Path) -> None:
    once = as_is(scenes(1))
    found = job(
        tmp_path / "j", {4: once + reencoded(scenes(1))[:9] + once[:5], 7: as_is(scenes(2))}
    )
    assert found["left_out"] == {"4": {"4": 14}}
    alone = job(tmp_path / "alone", {4: once, 7: as_is(scenes(2))})
    assert found["utilities"] == alone["utilities"]


def test_the_earliest_registration_keeps_the_credit(tmp_path: Path) -> None:
    """Whoever was later gets nothing, also where its images are the better ones."""
    found = job(tmp_path / "j", {9: as_is(scenes(1)), 4: reencoded(scenes(1)), 7: as_is(scenes(2))})
    assert found["left_out"] == {"9": {"4": EACH}}


def test_of_a_slow_film_every_few_frames_are_kept() -> None:
    wide = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (8, 40, 3)).astype(np.uint8)
    ).resize((600, 64), Image.Resampling.BICUBIC)
    film = look([wide.crop((place, 0, place + 64, 64)) for place in range(0, 80, 2)])
    kept = np.flatnonzero(thinned(film))
    assert 5 < len(kept) < ROUNDS  # so that nothing was left undecided
    for row in range(len(film)):
        assert similar(film.take(np.full(len(kept), row)), film.take(kept)).any()
