"""Summaries from strangers: what readers compute with is of the shape and size that it should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.assets import Kind
from visdm.domain.metadata import Metadata
from visdm.domain.summaries import check_summary, number
from visdm.errors import BlobError

CID = "bafkreimetadata"
HUGE = 10**4000
"""Which JSON can say, and no float can hold."""

PROJECTION = {"mean": [1.5, *[0] * 15], "std": [2.5] * 16}
GOOD: dict[str, Any] = {
    "class_counts": {"cat": 60, "dog": 60},
    "width": [10, 20],
    "height": [20, 20],
    "modes": {"RGB": 120},
    "bytes": 12345,
    "quality": {"brightness": {"mean": 100.5, "std": 3, "deciles": list(range(11))}},
    "histograms": {"grey": [3906] * 256},
    "projection": PROJECTION,
    "by_class": {"cat": {"samples": 60, "projection": PROJECTION, "quality": {"noise": 1.5}}},
    "pca": {
        "features": ["brightness", "projection_0"],
        "mean": [100.5, -2],
        "scale": [32, 16],
        "components": [[1, 0], [0, 1]],
        "explained": [0.75, 0.25],
    },
    "duplicates": 3,
    "near_duplicates": 7,
}
NO_NUMBERS: tuple[object, ...] = (None, "1", True, [1], {}, HUGE, -HUGE, 1e13)


def document(summary: dict[str, Any], kind: Kind = Kind.DATA) -> bytes:
    return Metadata(7, kind, "x", 120, ("cat", "dog"), summary).to_bytes()


def refused(summary: dict[str, Any]) -> bool:
    with pytest.raises(BlobError, match=f"{CID}: not a metadata document"):
        Metadata.from_bytes(document(summary), cid=CID)
    return True


def places(value: Any, *path: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON of any shape
    """Return the path to every number in a document."""
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, part in inside for found in places(part, *path, key)]
    return [path] if isinstance(value, int | float) else []


def put(path: tuple[Any, ...], value: object) -> dict[str, Any]:
    """Return the good summary with something else at a place."""
    changed: dict[str, Any] = json.loads(json.dumps(GOOD))
    inside: Any = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return changed


def test_a_good_summary_is_read_and_its_figures_are_told() -> None:
    metadata = Metadata.from_bytes(document(GOOD), cid=CID)
    assert metadata.summary == GOOD
    assert metadata.quality("brightness") == 100.5
    assert metadata.quality("charm") is None
    assert metadata.centre == tuple(map(float, PROJECTION["mean"]))


def test_a_summary_may_tell_less() -> None:
    for field in GOOD:
        metadata = Metadata.from_bytes(
            document({k: v for k, v in GOOD.items() if k != field}), cid=CID
        )
        assert field not in metadata.summary
    empty = Metadata.from_bytes(document({}), cid=CID)
    assert (empty.centre, empty.quality("noise"), empty.balance) == ((), None, 0)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: str(value)[:8])
def test_no_number_that_readers_compute_with_may_be_anything_else(value: object) -> None:
    paths = places(GOOD)
    assert len(paths) > 100
    assert all(refused(put(path, value)) for path in {path[:3]: path for path in paths}.values())


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_number_that_is_none_or_endless_is_refused(text: bytes) -> None:
    with pytest.raises(BlobError, match=CID):
        Metadata.from_bytes(document(GOOD).replace(b"100.5", text), cid=CID)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("class_counts", "cat"), -1),
        (("class_counts", "cat"), 1.5),
        (("width",), [20, 10]),
        (("width",), [10]),
        (("width",), [10, 20, 30]),
        (("width",), {"0": 10, "1": 20}),
        (("quality",), []),
        (("quality", "brightness"), 100.5),
        (("quality", "brightness"), {"mean": 1}),
        (("quality", "brightness", "std"), -1),
        (("quality", "brightness", "deciles"), list(range(10))),
        (("quality", "brightness", "deciles"), [5, *range(10)]),
        (("histograms", "grey"), [1] * 255),
        (("histograms", "grey"), [-1] * 256),
        (("histograms", "grey"), [0.5] * 256),
        (("histograms", "grey"), [10**6 + 1] * 256),
        (("projection",), {"mean": [0] * 16}),
        (("projection", "mean"), [0] * 15),
        (("projection", "mean"), [0] * 17),
        (("projection", "std"), [-1] * 16),
        (("by_class", "cat", "samples"), 9),
        (("by_class", "cat", "quality"), {"noise": {"mean": 1}}),
        (("by_class", "cat"), {"samples": 60}),
        (("pca", "features"), ["brightness"]),
        (("pca", "features"), [1, 2]),
        (("pca", "scale"), [32, 0]),
        (("pca", "scale"), [32, -1]),
        (("pca", "components"), [[1, 0]]),
        (("pca", "components"), [[1], [0]]),
        (("pca", "components"), [[1, 0]] * 9),
        (("pca",), {}),
        (("near_duplicates",), -1),
        (("near_duplicates",), [1, 2]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_not_of_its_shape_is_refused(path: tuple[str, ...], value: object) -> None:
    assert refused(put(path, value))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.sampled_from(sorted(GOOD)), json_like)
def test_whatever_stands_in_a_field_nothing_but_a_refusal_is_raised(
    field: str, value: object
) -> None:
    try:
        check_summary({**GOOD, field: value})
    except (TypeError, ValueError, KeyError, AttributeError):
        return
    metadata = Metadata(7, Kind.DATA, "x", 120, ("cat", "dog"), {**GOOD, field: value})
    assert 0 <= metadata.balance <= 1
    assert all(abs(each) <= 1e12 for each in metadata.centre)


@given(st.integers() | st.floats())
def test_a_number_is_finite_and_of_a_size_to_reckon_with(value: float) -> None:
    try:
        found = number(value)
    except ValueError:
        assert not abs(value) <= 1e12
    else:
        assert found == float(value)


def test_more_classes_than_a_package_can_have_are_refused() -> None:
    many = {f"class {n}": 0 for n in range(10_001)}
    refused({**GOOD, "class_counts": many})
    refused({**GOOD, "by_class": dict.fromkeys(many, GOOD["by_class"]["cat"])})
    with pytest.raises(BlobError):
        Metadata.from_bytes(Metadata(7, Kind.DATA, "x", 120, tuple(many)).to_bytes(), cid=CID)
