"""The program `embed`: places from strangers' tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest

from unit.compute.fabricated import ignore, said
from unit.compute.public import MIDDLES, with_cell, write
from unit.compute.public import shifted as columns
from visdm.compute.drawing import quotas
from visdm.compute.embedding import run
from visdm.domain.maps import read_map
from visdm.domain.tables import NUMBERS
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {"seed": 3, "most": 100, "methods": ["pca"], "centres": []}


def embed(
    folder: Path, tables: dict[int, Path], *, judged: bool = False, **changed: object
) -> dict[str, Any]:
    inputs = {f"table-{asset}": path for asset, path in tables.items()}
    told = {str(asset): registered(path) for asset, path in tables.items()}
    for each in told.values():
        each["accepted"] = not judged
    return run({**SETTINGS, "assets": told, **changed}, inputs, folder, ignore)


def registered(path: Path) -> dict[str, Any]:
    """Return what was registered of a table: what it says, where it can be read."""
    try:
        samples = pq.read_metadata(path).num_rows
    except (pa.ArrowException, OSError):
        samples = 300
    return {"samples": samples, "classes": ["cat", "dog"]}


def centre(asset: int = 9, **changed: object) -> dict[str, Any]:
    plain = {"asset": asset, "class": "dog", "samples": 12, "projection": [0.0] * 16}
    return {**plain, "quality": MIDDLES, **changed}


@pytest.fixture
def tables(tmp_path: Path) -> dict[int, Path]:
    return {
        1: write(tmp_path / "1", columns(300, seed=1)),
        2: write(tmp_path / "2", columns(20, seed=2, shift=4, label="dog")),
        10: write(tmp_path / "10", columns(300, seed=3)),
    }


def test_every_asset_gets_the_same_number_of_points_up_to_what_it_holds(
    tmp_path: Path, tables: dict[int, Path]
) -> None:
    answer = embed(tmp_path, tables)
    assert answer["drawn"] == {"1": [40, 300], "2": [20, 20], "10": [40, 300]}
    rows = [
        r for a, r in zip(answer["points"]["asset"], answer["points"]["row"], strict=True) if a == 1
    ]
    assert rows == sorted(set(rows))
    assert max(rows) > 200  # not the first ones


@pytest.mark.parametrize("most", [0, 1, 2, 7, 99, 10_000])
def test_quotas_never_exceed_what_is_asked_or_held(most: int) -> None:
    sizes = {1: 5, 2: 0, 3: 50, 4: 7}
    share = quotas(sizes, most)
    assert sum(share.values()) == min(most, 62)
    assert all(share[asset] <= sizes[asset] for asset in sizes)


def test_the_same_seed_gives_the_same_map_and_another_one_draws_others(
    tmp_path: Path, tables: dict[int, Path]
) -> None:
    methods = ["pca", "tsne"]
    once = embed(tmp_path, tables, methods=methods)
    assert once == embed(tmp_path, tables, methods=methods)
    other = embed(tmp_path, tables, methods=methods, seed=4)
    assert once["points"]["row"] != other["points"]["row"]


def test_the_answer_is_of_the_shape_that_readers_check(
    tmp_path: Path, tables: dict[int, Path]
) -> None:
    answer = embed(tmp_path, tables, methods=["pca", "tsne"], centres=[centre()])
    found = read_map(answer, [1, 2, 9, 10], ["pca", "tsne"])
    assert found.assets == (1, 2, 9, 10)
    assert found.classes[0] == "cat"
    assert len(found.points) == 100
    assert set(found.points[0].places) == {"pca", "tsne"}
    assert 0 < found.explained[1] <= found.explained[0] < 1


def test_different_images_are_in_different_places(tmp_path: Path, tables: dict[int, Path]) -> None:
    points = embed(tmp_path, tables)["points"]
    at, owner = np.array(points["pca"]), np.array(points["asset"])
    assert at[owner == 2][:, 0].min() > at[owner != 2][:, 0].max()


def test_an_asset_without_rows_appears_as_the_middles_of_its_classes(
    tmp_path: Path, tables: dict[int, Path]
) -> None:
    shifted = {name: value * 1.2 for name, value in MIDDLES.items() if name != "entropy"}
    far = centre(quality={**shifted, "entropy": 7.9}, projection=[4.0] * 16)
    answer = embed(tmp_path, tables, centres=[centre(), far])
    near, other = (one["pca"] for one in answer["centres"])
    points = answer["points"]
    at, owner = np.array(points["pca"]), np.array(points["asset"])
    assert np.linalg.norm(np.array(other) - at[owner == 2].mean(axis=0)) < 1.5
    assert np.linalg.norm(np.array(near) - at[owner == 1].mean(axis=0)) < 1.5


def test_assets_without_rows_alone_make_a_map(tmp_path: Path) -> None:
    answer = embed(tmp_path, {}, methods=["pca", "tsne"], centres=[centre(), centre(8)])
    assert answer["points"]["asset"] == []
    assert [one["asset"] for one in answer["centres"]] == [9, 8]
    assert read_map(answer, [8, 9], ["pca", "tsne"]).points == ()


BAD = {
    "a missing column": {k: v for k, v in columns(9, seed=1).items() if k != "noise"},
    "a class that commands terminals": columns(9, seed=1, label="\x1b[2J"),
    "a class that is missing": with_cell(columns(9, seed=1), "class", 3, None),
    "a short projection": with_cell(columns(9, seed=1), "projection", 3, [1] * 15),
    "a missing projection": with_cell(columns(9, seed=1), "projection", 3, None),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_table_is_left_out_and_keeps_no_other_off_the_map(
    tmp_path: Path, tables: dict[int, Path], fault: str
) -> None:
    tables[3] = write(tmp_path / "3", BAD[fault])
    answer = embed(tmp_path, tables, judged=True)
    assert list(answer["left_out"]) == ["3"]
    assert answer["left_out"]["3"].isprintable()
    assert set(answer["points"]["asset"]) == {1, 2, 10}


def test_columns_of_other_types_and_bytes_that_are_no_table_are_left_out(
    tmp_path: Path, tables: dict[int, Path]
) -> None:
    found = {**columns(9, seed=1), "brightness": ["bright"] * 9}
    tables[3] = write(tmp_path / "3", found, {"brightness": pa.string()})
    tables[4] = tmp_path / "4"
    tables[4].write_bytes(b"PAR1 nothing PAR1")
    whole = tables[1].read_bytes()
    tables[5] = tmp_path / "5"
    tables[5].write_bytes(whole[: len(whole) // 2] + whole[-2000:])
    assert set(embed(tmp_path, tables, judged=True)["left_out"]) == {"3", "4", "5"}


def test_a_strangers_table_with_an_absurd_row_moves_nobody_else(
    tmp_path: Path, tables: dict[int, Path]
) -> None:
    found = columns(20, seed=2, shift=4, label="dog")
    plain = embed(tmp_path, {asset: tables[asset] for asset in (1, 10)}, most=80)
    tables[2] = write(tmp_path / "2", with_cell(found, "sharpness", 5, 1e30))
    answer = embed(tmp_path, tables, most=80, judged=True)
    assert answer.pop("left_out") == {"2": NUMBERS}
    assert plain.pop("left_out") == {}
    assert answer == plain


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    with pytest.raises(JobError) as caught:
        embed(tmp_path, {1: write(tmp_path / "1", BAD["a missing column"])}, judged=True)
    assert "public metadata" in said(caught.value)


@pytest.mark.parametrize("bent", [{"projection": [1e9] * 16}, {"quality": {}}], ids=str)
def test_a_summary_with_numbers_that_no_image_has_keeps_its_own_asset_off_the_map(
    tmp_path: Path, bent: dict[str, Any]
) -> None:
    answer = embed(tmp_path, {}, centres=[centre(), centre(7), centre(7, **bent)])
    assert [one["asset"] for one in answer["centres"]] == [9]
    assert answer["left_out"] == {"7": "its summary has numbers that no images have"}
    with pytest.raises(JobError) as caught:
        embed(tmp_path, {}, centres=[centre(**bent)])
    assert "public metadata" in said(caught.value)
