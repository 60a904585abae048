"""Parquet files of labelled images that owners already have."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.building import build
from memory.pictures import GOOD, picture
from visdm.errors import FolderError, ImageError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)

STORED = [{"bytes": content, "path": "jane-doe.png"} for content in GOOD]


def features(names: object) -> dict[str, str]:
    label = {"names": names, "_type": "ClassLabel"}
    return {"huggingface": json.dumps({"info": {"features": {"label": label}}})}


def table(path: Path, columns: dict[str, Any], metadata: object = None, **writing: Any) -> Path:  # noqa: ANN401 - pyarrow's options
    made = pa.table(columns).replace_schema_metadata(metadata)
    pq.write_table(made, path, **{"compression": "zstd", **writing})
    return path


def packed(target: Path) -> tuple[list[bytes], list[str]]:
    found = pq.read_table(target)
    names = json.loads(found.schema.metadata[b"huggingface"])["info"]["features"]["label"]["names"]
    rows = found.to_pylist()
    return [row["image"]["bytes"] for row in rows], [names[row["label"]] for row in rows]


def faults(packages: Packages, source: Path, target: Path) -> dict[str, str]:
    with pytest.raises(ImageError) as caught:
        build(packages, source, target)
    assert list(target.parent.iterdir()) == []
    return dict(caught.value.bad)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "images.parquet"


def test_rows_keep_their_order_and_classes_their_names(
    packages: Packages, source: Path, target: Path
) -> None:
    table(source, {"image": STORED, "label": [1, 0, 1, 0]}, features(["dogs", "cats"]))
    summary = build(packages, source, target)
    assert packed(target) == (GOOD, ["cats", "dogs", "cats", "dogs"])
    assert summary.classes == ("dogs", "cats")
    assert packages.inspect_data(target) == summary
    assert b"jane-doe" not in target.read_bytes()


def test_a_package_made_from_a_package_is_the_same(
    packages: Packages, pets: Path, source: Path, target: Path
) -> None:
    first = build(packages, pets, source)
    assert build(packages, source, target) == first
    assert source.read_bytes() == target.read_bytes()


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        ([10, 9, 10, 9], None, ("9", "10")),
        (["b", "a", "b", "a"], None, ("a", "b")),
        ([2, 0, 2, 0], ["x", "unused", "y"], ("x", "y")),
        ([2, 0, 2, 0], "xyz", ("0", "2")),
    ],
)
def test_classes_are_what_the_labels_say(
    packages: Packages,
    source: Path,
    target: Path,
    labels: list[Any],
    names: object,
    expected: tuple[str, ...],
) -> None:
    table(source, {"image": GOOD, "label": labels}, features(names) if names else None)
    summary = build(packages, source, target)
    assert summary.classes == expected
    assert packed(target)[0] == GOOD


@pytest.mark.parametrize(
    "columns",
    [
        {"img": GOOD, "class": ["a"] * 4},
        {"image": pa.array(GOOD, pa.large_binary()), "label": pa.array([0] * 4, pa.uint8())},
        {"image": GOOD, "label": pa.array(["a"] * 4).dictionary_encode(), "note": ["n"] * 4},
        {"image": [{"bytes": content} for content in GOOD], "label": ["a"] * 4},
    ],
)
def test_other_common_forms_are_read(
    packages: Packages, source: Path, target: Path, columns: dict[str, Any]
) -> None:
    table(source, columns)
    assert build(packages, source, target).samples == 4


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"picture": GOOD, "label": [0] * 4}, "has no column called image or img"),
        ({"image": GOOD, "kind": [0] * 4}, "has no column called label or class"),
        ({"image": GOOD, "img": GOOD, "label": [0] * 4}, "has more than one column called image"),
        ({"image": ["a.png"] * 4, "label": [0] * 4}, "its column image is of another type"),
        ({"image": [{"path": "a"}] * 4, "label": [0] * 4}, "its column image is of another type"),
        ({"image": GOOD, "label": [0.5] * 4}, "its column label is of another type"),
        ({"image": GOOD, "label": [True] * 4}, "its column label is of another type"),
        (
            {"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())},
            "holds no images",
        ),
    ],
)
def test_other_columns_are_refused(
    packages: Packages, source: Path, target: Path, columns: dict[str, Any], problem: str
) -> None:
    table(source, columns)
    with pytest.raises(FolderError) as caught:
        build(packages, source, target)
    assert caught.value.problem.startswith(problem)
    assert caught.value.hint


def test_two_columns_of_one_name_are_refused(
    packages: Packages, source: Path, target: Path
) -> None:
    doubled = pa.Table.from_arrays(
        [pa.array(GOOD), pa.array([0] * 4), pa.array([1] * 4)], ["image", "label", "label"]
    )
    pq.write_table(doubled, source)
    with pytest.raises(FolderError, match="has more than one column called label"):
        build(packages, source, target)


def test_every_bad_row_is_named_by_its_number_in_one_go(
    packages: Packages, source: Path, target: Path
) -> None:
    shown: list[dict[str, Any] | None] = [
        *STORED,
        None,
        {"bytes": None, "path": "a.png"},
        {"bytes": b"words", "path": None},
        {"bytes": picture("GIF"), "path": None},
        *STORED,
    ]
    labels = [0, -1, 2, None, 0, 0, 0, 1, 0, 1, 0, 1]
    table(source, {"image": shown, "label": labels}, features(["a", "b"]), row_group_size=3)
    assert faults(packages, source, target) == {
        "row 1": "label -1 has no class (there are 2)",
        "row 2": "label 2 has no class (there are 2)",
        "row 3": "has no label",
        "row 4": "holds no image bytes",
        "row 5": "holds no image bytes",
        "row 6": "is not an image",
        "row 7": "is GIF, which is not supported",
    }


def test_labels_that_cannot_be_names_are_named(
    packages: Packages, source: Path, target: Path
) -> None:
    table(source, {"image": GOOD, "label": ["a", "", "x" * 201, "\x1b[2J"]})
    unfit = "has a label that cannot be the name of a class"
    assert faults(packages, source, target) == {
        "row 1": "has no label",
        "row 2": unfit,
        "row 3": unfit,
    }


def test_more_classes_than_there_may_be_are_refused(
    packages: Packages, source: Path, target: Path
) -> None:
    table(source, {"image": [b"x"] * 10_001, "label": list(range(10_001))})
    with pytest.raises(FolderError, match="holds more than 10000 classes"):
        build(packages, source, target)


def test_one_name_for_two_classes_is_refused(
    packages: Packages, source: Path, target: Path
) -> None:
    table(source, {"image": GOOD, "label": [0, 1, 0, 1]}, features(["a", "a"]))
    with pytest.raises(FolderError, match="names one class twice"):
        build(packages, source, target)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_damaged_file_is_refused_or_read_and_nothing_else(
    packages: Packages, source: Path, target: Path, data: st.DataObject
) -> None:
    table(source, {"image": STORED, "label": [0, 1, 0, 1]}, features(["a", "b"]))
    content = bytearray(source.read_bytes())
    end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    place = data.draw(st.integers(0, end - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    source.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
    with suppress(FolderError, ImageError):
        assert build(packages, source, target).samples == 4
