from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest

from unit.compute.fabricated import data_package, said, schema_metadata
from visdm.compute.rows import Bad, DataPackage, Row, refuse_bad
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path


def refusal(path: Path) -> str:
    with pytest.raises(JobError) as caught:
        list(DataPackage(path).rows())
    return said(caught.value)


def written(path: Path, columns: dict[str, pa.Array], metadata: dict[str, str] | None) -> Path:
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
    return path


GOOD = {"image": pa.array([b"1"], pa.binary()), "label": pa.array([0], pa.int64())}
NAMED = schema_metadata(["cat"])


@pytest.mark.parametrize("nested", [True, False])
def test_rows_come_in_order_with_bytes_and_label(tmp_path: Path, nested: bool) -> None:  # noqa: FBT001 - a parameter
    images: list[bytes | None] = [b"%d" % number for number in range(600)]
    path = data_package(
        tmp_path / "p", images, [n % 3 for n in range(600)], ["a", "b", "c"], nested=nested
    )
    package = DataPackage(path)
    assert (package.name, package.classes, package.samples) == ("pictures", ("a", "b", "c"), 600)
    assert list(package.rows()) == [Row(n, b"%d" % n, n % 3) for n in range(600)]


@pytest.mark.parametrize("nested", [True, False])
def test_a_row_without_image_or_class_is_told_by_number(tmp_path: Path, nested: bool) -> None:  # noqa: FBT001 - a parameter
    path = data_package(
        tmp_path / "p", [b"x", None, b"y", b"z", b"w"], [0, 0, 2, -1, None], ["a"], nested=nested
    )
    no_class = "has a label that stands for no class"
    assert list(DataPackage(path).rows()) == [
        Row(0, b"x", 0),
        Bad(1, "holds no image"),
        *(Bad(number, no_class) for number in (2, 3, 4)),
    ]


def test_many_bad_rows_are_named_up_to_a_few_and_counted() -> None:
    with pytest.raises(JobError) as caught:
        refuse_bad([Bad(number, "is damaged") for number in range(12)], "asset 7")
    assert said(caught.value) == (
        "the asset 7 has bad rows: row 0 is damaged; row 1 is damaged; row 2 is damaged; "
        "row 3 is damaged; row 4 is damaged; and 7 more"
    )


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all, but long enough"])
def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    assert refusal(tmp_path / "p") == "the package is not a readable Parquet file"


def test_a_package_with_flipped_bytes_is_refused_not_crashed_on(tmp_path: Path) -> None:
    path = data_package(tmp_path / "p", [b"abc" * 50] * 40, [0] * 40, ["a"])
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for place in range(4, footer, 7):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        path.write_bytes(flipped)
        try:
            rows = list(DataPackage(path).rows())
        except JobError as error:
            assert said(error)  # noqa: PT017 - either end is fine, a crash is not
        else:
            assert len(rows) == 40


@pytest.mark.parametrize(
    "image", [None, pa.array(["x"]), pa.array([{"path": "x"}]), pa.array([{"bytes": "x"}])]
)
def test_a_package_without_images_as_bytes_is_refused(tmp_path: Path, image: pa.Array) -> None:
    columns = {"label": GOOD["label"]} | ({"image": image} if image is not None else {})
    path = written(tmp_path / "p", columns, NAMED)
    assert refusal(path) == "the package needs one column `image` of bytes"


@pytest.mark.parametrize("label", [None, pa.array(["0"]), pa.array([0.5])])
def test_a_package_without_labels_as_integers_is_refused(tmp_path: Path, label: pa.Array) -> None:
    columns = {"image": GOOD["image"]} | ({"label": label} if label is not None else {})
    path = written(tmp_path / "p", columns, NAMED)
    assert refusal(path) == "the package needs one column `label` of integers"


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([*GOOD.values(), GOOD["label"]], ["image", "label", "label"])
    pq.write_table(table.replace_schema_metadata(NAMED), tmp_path / "p")
    assert refusal(tmp_path / "p") == "the package needs one column `label` of integers"


@pytest.mark.parametrize(
    "document",
    [
        None,
        "{",
        "[]",
        '{"info":{"features":{"label":{"names":"cat"}}}}',
        '{"info":{"features":{"label":{"names":[1]}}}}',
        "[" * 50_000,
    ],
)
def test_a_package_that_names_no_classes_is_refused(tmp_path: Path, document: str | None) -> None:
    metadata = {"visdm.name": "x"} | ({"huggingface": document} if document else {})
    path = written(tmp_path / "p", GOOD, metadata)
    assert refusal(path) == "the package names no classes in its schema"


@pytest.mark.parametrize("classes", [[], ["cat", "cat"]])
def test_classes_must_be_some_and_distinct(tmp_path: Path, classes: list[str]) -> None:
    path = written(tmp_path / "p", GOOD, schema_metadata(classes))
    assert refusal(path) == "the package needs 1 to 10000 classes, each named once"


@pytest.mark.parametrize(("name", "label"), [("", "cat"), ("x\ny", "cat"), ("x", "\x1b[31m")])
def test_names_that_would_spoil_a_terminal_are_refused(
    tmp_path: Path, name: str, label: str
) -> None:
    path = written(tmp_path / "p", GOOD, schema_metadata([label], name))
    assert refusal(path) == "the package has a name or a class that cannot be shown"


def test_an_empty_package_is_refused(tmp_path: Path) -> None:
    assert refusal(data_package(tmp_path / "p", [], [], ["cat"])) == "the package holds no images"
