"""Program `survey` over real Parquet tables: what it finds, and what a lying table costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest

from unit.compute.fabricated import data_package, encoded
from unit.compute.public import CLASSES, columns, public_table
from visdm.compute import survey
from visdm.compute.images import QUALITY, SCHEMA, decode, measure
from visdm.compute.tables import Tables
from visdm.domain import conditions, tables, traits
from visdm.errors import JobError
from visdm.ports import silent

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 40


def surveyed(
    folder: Path,
    rows: dict[int, int],
    *,
    accepted: bool = True,
    **settings: Any,  # noqa: ANN401  # JSON
) -> dict[str, Any]:
    inputs = {path.name.removesuffix(".parquet"): path for path in folder.glob("*.parquet")}
    asked = {
        "where": [],
        "centres": True,
        "threads": 2,
        "assets": {
            str(a): {"samples": n, "classes": CLASSES, "accepted": accepted}
            for a, n in rows.items()
        },
        **settings,
    }
    answer: dict[str, Any] = survey.run(asked, inputs, folder, silent)["assets"]
    return answer


def test_it_counts_averages_and_centres_as_numpy_does(tmp_path: Path) -> None:
    table = public_table(tmp_path / "table-3.parquet", ROWS, seed=3)
    public_table(tmp_path / "table-8.parquet", 7, seed=8)
    where = [["sharpness", ">=", 400], ["class", "=", "cat"], ["width", "<", 33]]
    answer = surveyed(tmp_path, {3: ROWS, 8: 7}, where=where)
    found = answer["3"]
    labels = np.array(table["class"])
    sharp = np.array(table["sharpness"])
    assert found["class_counts"] == {name: int((labels == name).sum()) for name in CLASSES}
    assert found["fitting"] == int(((sharp >= 400) & (labels == "cat")).sum()) > 0
    for name in QUALITY:
        assert found["quality"][name] == pytest.approx(np.mean(table[name]), abs=2e-3)
    assert found["power"] == pytest.approx(np.mean(np.array(table["noise"]) ** 2), abs=2e-3)
    cats = np.array(table["projection"])[labels == "cat"]
    assert found["centres"]["cat"] == pytest.approx(cats.mean(axis=0), abs=2e-3)
    assert answer["8"]["samples"] == 7


def test_what_it_answers_is_what_the_domain_reads(tmp_path: Path) -> None:
    public_table(tmp_path / "table-1.parquet", ROWS)
    answer = {"assets": surveyed(tmp_path, {1: ROWS})}
    found = traits.read_survey(answer, {1: CLASSES})[1]
    assert isinstance(found, traits.Traits)
    assert sum(found.class_counts.values()) == ROWS
    assert found.fitting == conditions.Share.exactly(1.0)


@pytest.mark.parametrize("bent", [10**400, float("nan"), "1", True, None])
def test_an_answer_that_was_bent_is_refused_in_our_words(tmp_path: Path, bent: object) -> None:
    public_table(tmp_path / "table-1.parquet", ROWS)
    answer = {"assets": surveyed(tmp_path, {1: ROWS})}
    answer["assets"]["1"]["quality"]["noise"] = bent
    with pytest.raises(JobError, match="agreed shape"):
        traits.read_survey(answer, {1: CLASSES})


def test_without_conditions_on_the_projection_it_is_not_read(tmp_path: Path) -> None:
    public_table(tmp_path / "table-1.parquet", ROWS)
    assert surveyed(tmp_path, {1: ROWS}, centres=False)["1"]["centres"] == {}


def test_the_columns_of_conditions_are_those_of_the_tables() -> None:
    assert set(conditions.NUMBERS) | set(conditions.WORDS) <= set(SCHEMA.names)
    assert conditions.QUALITY == QUALITY


# Strangers' tables.


def broken(path: Path, how: str) -> None:
    rows = columns(ROWS)
    if how == "cut":
        public_table(path, ROWS)
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "flipped":
        public_table(path, ROWS)
        content = bytearray(path.read_bytes())
        # The pages lie first; the footer stays as it is.
        content[4 : len(content) // 2] = b"\xa5" * (len(content) // 2 - 4)
        path.write_bytes(bytes(content))
    elif how == "text":
        path.write_text("class,sharpness\ncat,9000\n")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "columns":
        pq.write_table(pa.table({"class": ["cat"] * ROWS}), path)
    elif how == "types":
        table = pa.table({**rows, "sharpness": ["9000"] * ROWS})
        pq.write_table(table, path)
    elif how == "rows":
        public_table(path, ROWS + 1)
    else:
        public_table(path, ROWS, **LIES[how])


LIES: dict[str, dict[str, Any]] = {
    "nan": {"noise": [float("nan")] * ROWS},
    "infinite": {"noise": [float("inf")] + [1.0] * (ROWS - 1)},
    "null": {"sharpness": [None] + [1.0] * (ROWS - 1)},
    "negative": {"contrast": [-1.0] * ROWS},
    "short": {"projection": [[1] * 16] * (ROWS - 1) + [[1] * 3]},
    "class": {"class": ["unicorn"] * ROWS},
    "twice": {"row": [0] * ROWS},
}
WHY = {
    "cut": tables.UNREADABLE,
    "flipped": tables.UNREADABLE,
    "text": tables.UNREADABLE,
    "empty": tables.UNREADABLE,
    "columns": tables.COLUMNS,
    "types": tables.COLUMNS,
    "rows": tables.ROWS,
    "nan": tables.NUMBERS,
    "infinite": tables.NUMBERS,
    "null": tables.EMPTY,
    "negative": tables.NUMBERS,
    "short": tables.NUMBERS,
    "class": tables.CLASSES,
    "twice": tables.ORDER,
}


@pytest.mark.parametrize("how", WHY)
def test_a_table_that_is_broken_or_lies_takes_out_its_own_asset_alone(
    tmp_path: Path, how: str
) -> None:
    for asset in (1, 3, 4, 5):
        public_table(tmp_path / f"table-{asset}.parquet", ROWS, seed=asset)
    honest = surveyed(tmp_path, dict.fromkeys((1, 3, 4, 5), ROWS), where=[["noise", ">", 6]])
    broken(tmp_path / "table-2.parquet", how)
    asked = dict.fromkeys(range(1, 6), ROWS)
    answer = surveyed(tmp_path, asked, accepted=False, where=[["noise", ">", 6]])
    assert answer.pop("2") == {"problem": WHY[how]}
    assert answer == honest


def test_a_table_larger_than_its_rows_can_be_is_not_unpacked(tmp_path: Path) -> None:
    public_table(tmp_path / "table-1.parquet", 1, mode=["x" * (1 << 20)])
    assert surveyed(tmp_path, {1: 1}, accepted=False)["1"] == {"problem": tables.ROOM}


def test_the_database_reaches_nothing_but_its_tables(tmp_path: Path) -> None:
    public_table(tmp_path / "table-1.parquet", 5)
    public_table(tmp_path / "other.parquet", 5)
    known = {1: tables.Registered(5, tuple(CLASSES))}
    database = Tables({1: tmp_path / "table-1.parquet"}, known, threads=1)._database
    for statement in (
        f"FROM read_parquet('{tmp_path}/other.parquet')",
        f"FROM read_text('{tmp_path}/other.parquet')",
        f"FROM glob('{tmp_path}/*')",
        f"COPY (SELECT 1) TO '{tmp_path}/written.csv'",
        f"ATTACH '{tmp_path}/database'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET threads = 4",
        "FROM known",
    ):
        with pytest.raises(duckdb.Error):
            database.execute(statement).fetchall()
    assert {path.name for path in tmp_path.iterdir()} == {"table-1.parquet", "other.parquet"}


@pytest.mark.parametrize(
    "condition",
    [
        ["sharpness) OR (1", ">=", 5],
        ["sharpness", "; DROP", 5],
        ["mode", "=", 5],
        ["width", "=", "5"],
    ],
)
def test_a_condition_that_is_none_of_ours_is_refused(tmp_path: Path, condition: list[Any]) -> None:
    public_table(tmp_path / "table-1.parquet", ROWS)
    with pytest.raises(JobError, match="names no column"):
        surveyed(tmp_path, {1: ROWS}, where=[condition])


def test_a_condition_with_a_hostile_word_compares_it_as_it_is(tmp_path: Path) -> None:
    public_table(tmp_path / "table-1.parquet", ROWS)
    found = surveyed(tmp_path, {1: ROWS}, where=[["mode", "=", "RGB' OR '1'='1"]])
    assert found["1"]["fitting"] == 0


# Examples.


def pictures(count: int, level: int, seed: int = 0) -> list[np.ndarray]:
    noise = np.random.default_rng(seed)
    return [np.clip(noise.normal(level, 9, (16, 16, 3)), 0, 255) for _ in range(count)]


def examples(path: Path, count: int, level: int = 120) -> Path:
    images = [encoded(picture) for picture in pictures(count, level)]
    return data_package(path, images, [0] * count, ["."])


def projected(images: list[np.ndarray]) -> list[tuple[int, ...]]:
    return [tuple(m.projection) for m in measure([decode(encoded(image)) for image in images])]


def run_like(folder: Path, package: Path, rows: dict[int, int], **more: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    inputs = {path.name.removesuffix(".parquet"): path for path in folder.glob("*.parquet")}
    told = {"classes": CLASSES, "accepted": True}
    known = {str(a): {"samples": n, **told} for a, n in rows.items()}
    settings = {"where": [], "centres": False, "threads": 1, "assets": known | more}
    answer: dict[str, Any] = survey.run(settings, {**inputs, "examples": package}, folder, silent)
    return answer["assets"]  # type: ignore[no-any-return]  # JSON


def test_distance_is_the_median_of_the_tenth_nearest_as_brute_force_finds_it(
    tmp_path: Path,
) -> None:
    table = public_table(tmp_path / "table-1.parquet", 200)
    package = examples(tmp_path / "examples", 5)
    own = np.array(projected(pictures(5, 120)), float)
    rows = np.array(table["projection"], float)
    distances = np.sort(np.linalg.norm(own[:, None] - rows[None], axis=2), axis=1)
    assert run_like(tmp_path, package, {1: 200})["1"]["distance"] == pytest.approx(
        np.median(distances[:, 9]), abs=2e-3
    )


def test_assets_like_the_examples_are_near_and_nine_planted_images_buy_nothing(
    tmp_path: Path,
) -> None:
    like, unlike = projected(pictures(30, 120, seed=1)), projected(pictures(30, 20, seed=2))
    public_table(tmp_path / "table-1.parquet", 30, projection=like)
    public_table(tmp_path / "table-2.parquet", 30, projection=unlike)
    planted = [*projected(pictures(9, 120)), *unlike[:21]]
    public_table(tmp_path / "table-3.parquet", 30, projection=planted)
    package = examples(tmp_path / "examples", 9)
    found = run_like(tmp_path, package, dict.fromkeys((1, 2, 3), 30))
    near, far, cheat = (found[str(asset)]["distance"] for asset in (1, 2, 3))
    assert near * 5 < far
    assert cheat == pytest.approx(far, rel=0.1)


def test_without_a_table_the_distance_is_guessed_from_means_and_deviations(tmp_path: Path) -> None:
    like = projected(pictures(300, 120, seed=1))
    public_table(tmp_path / "table-1.parquet", 300, projection=like)
    spread = [[300, np.mean(like, axis=0).tolist(), np.std(like, axis=0).tolist()]]
    told = {"samples": 300, "classes": CLASSES, "spreads": spread}
    package = examples(tmp_path / "examples", 9)
    found = run_like(tmp_path, package, {1: 300}, **{"2": told})
    assert found["2"]["guessed"] == pytest.approx(found["1"]["distance"], abs=1.5)
    assert run_like(tmp_path, package, {1: 300}, **{"2": told}) == found


def test_an_example_that_is_no_image_is_named_by_its_row(tmp_path: Path) -> None:
    public_table(tmp_path / "table-1.parquet", ROWS)
    images = [encoded(pictures(1, 9)[0]), b"no image"]
    package = data_package(tmp_path / "examples", images, [0, 0], ["."])
    with pytest.raises(JobError, match="row 1 is not a JPEG, PNG or WebP image"):
        run_like(tmp_path, package, {1: ROWS})
