"""Croissant documents: valid to the reference reader, and true to the summary."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visdm.compute.images import SCHEMA
from visdm.domain.columns import OFFLINE, PUBLISHED
from visdm.domain.croissant import About, Table, describe, document

if TYPE_CHECKING:
    from pathlib import Path

TABLE = Table("images.parquet", "ab" * 32, 1234, OFFLINE)
SUMMARY: dict[str, Any] = {
    "samples": 5,
    "classes": ["cats", "dogs"],
    "class_counts": {"cats": 3, "dogs": 2},
    "width": [10, 20],
    "height": [30, 40],
    "quality": {"noise": {"mean": 1.5, "deciles": [0.0, *[1.0] * 9, 4.0]}},
    "duplicates": 1,
    "near_duplicates": 1,
}
DAY = date(2026, 1, 31)
STATED = About("https://example.org/terms", "Ann", DAY, "https://example.org/pets")
ARROW = {
    "string": "sc:Text",
    "int8": "cr:Int8",
    "int16": "cr:Int16",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "float": "cr:Float32",
}


def issues_of(written: dict[str, Any], folder: Path) -> tuple[set[str], set[str]]:
    """Return errors and warnings of the reference reader."""
    import mlcroissant  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and without types

    path = folder / "croissant.json"
    path.write_text(json.dumps(written))
    issues = mlcroissant.Dataset(jsonld=str(path)).metadata.ctx.issues
    return issues.errors, issues.warnings


def test_every_column_of_the_table_is_described_with_its_type() -> None:
    assert [column.name for column in PUBLISHED] == SCHEMA.names
    assert [column.name for column in OFFLINE] == ["path", *SCHEMA.names[1:]]
    for column in PUBLISHED:
        kind = SCHEMA.field(column.name).type
        assert hasattr(kind, "value_type") is bool(column.length)
        assert column.kind == ARROW[str(getattr(kind, "value_type", kind))]
        assert column.meaning


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # mlcroissant's own, of rdflib
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("table", [TABLE, None], ids=["table", "aggregate"])
def test_what_is_stated_in_full_has_no_fault_and_no_warning(
    tmp_path: Path, table: Table | None
) -> None:
    written = document(SUMMARY, name="pets", table=table, about=STATED)
    assert issues_of(written, tmp_path) == (set(), set())
    assert written["datePublished"] == "2026-01-31"
    assert ("distribution" in written) is ("recordSet" in written) is (table is not None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as above
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_what_nobody_stated_is_left_out_and_warned_of_alone(tmp_path: Path) -> None:
    written = document(SUMMARY, name="pets", table=TABLE, about=About())
    errors, warnings = issues_of(written, tmp_path)
    assert not errors
    assert {text.split('"')[1].rpartition("/")[2] for text in warnings} == {
        "license",
        "datePublished",
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as above
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), min_size=1)
)
def test_any_name_of_a_dataset_or_class_is_valid(tmp_path: Path, name: str) -> None:
    summary = {**SUMMARY, "classes": [name], "class_counts": {name: 5}}
    written = document(summary, name=name, table=TABLE, about=STATED)
    assert issues_of(written, tmp_path) == (set(), set())


def test_classes_and_measures_stand_in_it_as_what_was_measured() -> None:
    measured = document(SUMMARY, name="pets", table=None, about=About())["variableMeasured"]
    values = {one["name"]: one["value"] for one in measured}
    assert values["images of class cats"] == 3
    assert values["mean noise"] == 1.5
    assert values["near-duplicates of another image"] == 1
    (noise,) = [one for one in measured if one["name"] == "mean noise"]
    assert (noise["minValue"], noise["maxValue"]) == (0.0, 4.0)


def test_a_summary_of_counts_alone_is_described_by_its_counts() -> None:
    told = describe({"samples": 1, "classes": ["cats"]})
    assert told.startswith("Measured metadata of 1 image of 1 class.")
