"""Summaries: what they say, whatever way the rows come, and what they keep quiet."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.compute.tables import table
from visdm.compute.images import QUALITY
from visdm.compute.summary import Summing
from visdm.domain.packages import Disclosure
from visdm.domain.summaries import MIN_GROUP, check_summary

AGGREGATE = Disclosure.AGGREGATE
LABELS = ["cat"] * 30 + ["dog"] * 25 + ["owl"] * 12 + ["yak"] * 4


def summary(
    rows: pa.Table,
    pieces: int = 1 << 20,
    *,
    disclosure: Disclosure = Disclosure.FULL,
    classes: tuple[str, ...] = ("cat", "dog", "owl", "yak"),
) -> dict[str, Any]:
    summing = Summing(classes)
    for begin in range(0, rows.num_rows, pieces):
        summing.add(rows.slice(begin, pieces))
    return summing.summary(name="made up", duplicates=0, disclosure=disclosure)


def altered(rows: pa.Table, column: str, values: Any) -> pa.Table:  # noqa: ANN401 - a column
    place = rows.schema.get_field_index(column)
    return rows.set_column(
        place, rows.schema.field(place), [pa.array(values, rows.schema.types[place])]
    )


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return table(LABELS)


def floats(rows: pa.Table, name: str) -> np.ndarray:
    return np.asarray(rows.column(name).to_pylist(), np.float64)


# What it says.


def test_counts_and_ranges_are_those_of_the_rows(rows: pa.Table) -> None:
    mixed = altered(rows, "width", [7, *[32] * (len(LABELS) - 2), 99])
    mixed = altered(mixed, "mode", ["L", *["RGB"] * (len(LABELS) - 1)])
    said = summary(mixed)
    assert said["samples"] == len(LABELS)
    assert said["class_counts"] == {"cat": 30, "dog": 25, "owl": 12, "yak": 4}
    assert (said["width"], said["height"]) == ([7, 99], [32, 32])
    assert said["modes"] == {"L": 1, "RGB": len(LABELS) - 1}
    assert said["bytes"] == floats(rows, "bytes").sum()


def test_quality_is_told_by_mean_spread_and_tenths(rows: pa.Table) -> None:
    said = summary(rows)["quality"]
    assert list(said) == list(QUALITY)
    for name, measure in said.items():
        values = floats(rows, name)
        assert measure["mean"] == pytest.approx(values.mean(), abs=6e-4)
        assert measure["std"] == pytest.approx(values.std(), abs=6e-4)
        assert (measure["deciles"][0], measure["deciles"][10]) == (
            pytest.approx(values.min(), abs=6e-4),
            pytest.approx(values.max(), abs=6e-4),
        )
        assert measure["deciles"][5] == pytest.approx(np.median(values), abs=6e-4)


def test_an_image_weighs_the_same_in_the_histogram_whatever_its_size() -> None:
    small, large = table(["cat"], 1, side=16), table(["cat"], 2, side=64)
    said = summary(pa.concat_tables([small, large]), classes=("cat",))["histograms"]
    shares = [
        np.asarray(rows.column("histogram_red")[0].as_py()) / side**2
        for rows, side in ((small, 16), (large, 64))
    ]
    assert list(said) == ["grey", "red", "green", "blue"]
    assert said["red"] == pytest.approx(1e6 * (shares[0] + shares[1]) / 2, abs=1)
    assert sum(said["red"]) == pytest.approx(1e6, abs=256)


def test_classes_of_ten_images_or_more_have_figures_of_their_own(rows: pa.Table) -> None:
    said = summary(rows)["by_class"]
    assert {name: group["samples"] for name, group in said.items()} == {
        "cat": 30,
        "dog": 25,
        "owl": 12,
    }
    dogs = floats(rows, "projection")[30:55]
    assert said["dog"]["projection"]["mean"] == pytest.approx(dogs.mean(axis=0), abs=6e-4)
    assert said["dog"]["projection"]["std"] == pytest.approx(dogs.std(axis=0), abs=6e-4)
    assert said["dog"]["quality"]["noise"] == pytest.approx(
        floats(rows, "noise")[30:55].mean(), abs=6e-4
    )


def test_components_are_those_of_the_scaled_features(rows: pa.Table) -> None:
    said = summary(rows)["pca"]
    features = np.column_stack(
        [*(floats(rows, name) for name in QUALITY), floats(rows, "projection")]
    )
    scaled = (features - features.mean(axis=0)) / said["scale"]
    _, spreads, axes = np.linalg.svd(scaled, full_matrices=False)
    shares = spreads**2 / (spreads**2).sum()
    assert said["features"][: len(QUALITY)] == list(QUALITY)
    assert len(said["components"]) == len(said["explained"]) == 8
    assert said["mean"] == pytest.approx(features.mean(axis=0), abs=1e-4)
    assert said["explained"] == pytest.approx(shares[:8], abs=1e-4)
    for component, axis in zip(said["components"], axes, strict=False):
        assert abs(np.dot(component, axis)) == pytest.approx(1, abs=1e-3)
        assert max(component, key=abs) > 0


def test_scales_do_not_depend_on_the_asset(rows: pa.Table) -> None:
    other = summary(table(LABELS, 5))["pca"]
    assert other["scale"] == summary(rows)["pca"]["scale"]


@pytest.mark.parametrize("number", [1, 2, 5])
def test_few_images_have_few_components(number: int) -> None:
    said = summary(table(["cat"] * number))
    assert len(said["pca"]["components"]) == number - 1
    check_summary(said)


def test_images_that_are_all_the_same_vary_nowhere() -> None:
    one = table(["cat"], 3)
    said = summary(pa.concat_tables([one] * 20))
    assert said["pca"]["components"] == []
    assert {measure["std"] for measure in said["quality"].values()} == {0}


def test_an_asset_without_images_has_counts_alone() -> None:
    assert summary(table([]))["samples"] == 0


# The same rows, the same bytes.


@settings(deadline=None)  # a table is made up for every example
@given(st.integers(1, 80), st.randoms(use_true_random=False))
def test_the_same_images_give_the_same_bytes_in_whatever_pieces_and_order(
    pieces: int,
    random: Any,  # noqa: ANN401 - hypothesis's Random
) -> None:
    rows = table(LABELS)
    order = list(range(len(LABELS)))
    random.shuffle(order)
    for disclosure in Disclosure:
        whole = json.dumps(summary(rows, disclosure=disclosure))
        assert json.dumps(summary(rows, pieces, disclosure=disclosure)) == whole
        assert json.dumps(summary(rows.take(order), pieces, disclosure=disclosure)) == whole


@settings(deadline=None)  # a table is made up for every example
@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(0, 99))
def test_a_summary_is_of_the_shape_that_readers_check(labels: list[str], seed: int) -> None:
    for disclosure in Disclosure:
        said = summary(table(labels, seed), disclosure=disclosure, classes=("a", "b", "c"))
        check_summary(json.loads(json.dumps(said, allow_nan=False)))


def test_memory_is_that_of_a_few_numbers_an_image() -> None:
    rows = table(["cat"] * 2_000)
    summing = Summing(("cat",))
    summing.add(rows)
    tracemalloc.start()
    try:
        for _ in range(10):
            summing.add(rows)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100 * 20_000
    assert peak - kept < 40 << 20  # one piece of 2,000 rows, spread out


# What an owner who discloses aggregates keeps quiet.


def test_no_extreme_of_few_images_is_told(rows: pa.Table) -> None:
    mixed = altered(rows, "width", [33, *[100] * 30, *[200] * (len(LABELS) - 32), 257])
    mixed = altered(mixed, "mode", [*["L"] * 9, *["RGB"] * (len(LABELS) - 9)])
    said = summary(mixed, disclosure=AGGREGATE)
    assert said["width"] == [32, 512]
    assert said["height"] == [32, 32]  # which all of them have
    assert said["modes"] == {"RGB": len(LABELS) - 9}
    assert all(set(measure) == {"mean", "std"} for measure in said["quality"].values())


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([30, 25, 12, 4], {"cat", "dog"}),
        ([30, 25, 12, 0], {"cat", "dog", "owl"}),
        ([30, 25, 6, 5], {"cat", "dog"}),
        ([30, 10, 5, 4], {"cat"}),
        ([30, 1, 0, 0], set()),
        ([9, 9, 9, 9], set()),
    ],
    ids=lambda given: str(sorted(given)),
)
def test_what_is_left_when_told_classes_are_subtracted_is_a_group_itself(
    sizes: list[int], told: set[str]
) -> None:
    labels = [
        name
        for name, size in zip(("cat", "dog", "owl", "yak"), sizes, strict=True)
        for _ in range(size)
    ]
    assert set(summary(table(labels), disclosure=AGGREGATE)["by_class"]) == told


@settings(deadline=None)  # a table is made up for every example
@given(st.lists(st.integers(0, 25), min_size=4, max_size=4), st.integers(0, 9))
def test_no_subtraction_leaves_fewer_images_than_a_group(sizes: list[int], seed: int) -> None:
    names = ("cat", "dog", "owl", "yak")
    labels = [name for name, size in zip(names, sizes, strict=True) for _ in range(size)]
    said = summary(table(labels, seed), disclosure=AGGREGATE)
    if sum(sizes) < MIN_GROUP:
        assert set(said) == {"name", "samples", "classes", "class_counts", "duplicates"}
        return
    told = [group["samples"] for group in said["by_class"].values()]
    assert all(size >= MIN_GROUP for size in told)
    assert sum(sizes) - sum(told) == 0 or sum(sizes) - sum(told) >= MIN_GROUP


def test_one_image_repeated_is_no_group(rows: pa.Table) -> None:
    """Its mean would be the image's own values."""
    one = table(["yak"], 9)
    padded = pa.concat_tables([rows.slice(0, 67), *[one] * 40])
    assert "yak" in summary(padded)["by_class"]
    assert "yak" not in summary(padded, disclosure=AGGREGATE)["by_class"]
    assert "quality" not in summary(pa.concat_tables([one] * 40), disclosure=AGGREGATE)
