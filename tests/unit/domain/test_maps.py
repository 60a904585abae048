"""A map's answer, from a sandbox in which strangers' tables were parsed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from visdm.domain.maps import FURTHEST, MAX_MOST, read_map
from visdm.errors import JobError


def answer() -> dict[str, Any]:
    return {
        "points": {
            "asset": [1, 2],
            "row": [0, 7],
            "class": ["cat", "dog"],
            "pca": [[0.5, 1], [2.0, -1.0]],
        },
        "centres": [{"asset": 3, "class": "cat", "samples": 10, "pca": [0.0, 0.0]}],
        "explained": [0.5, 0.25],
        "leading": [["noise"], ["-entropy"]],
        "drawn": {"1": [1, 5], "2": [1, 1]},
        "left_out": {"4": "its table is damaged"},
    }


def test_an_answer_is_read() -> None:
    found = read_map(answer(), [1, 2, 3, 4], ["pca"])
    assert [(one.asset, one.row, one.label) for one in found.points] == [
        (1, 0, "cat"),
        (2, 7, "dog"),
    ]
    assert found.points[1].places == {"pca": (2.0, -1.0)}
    assert found.assets == (1, 2, 3)
    assert found.classes == ("cat", "dog")
    assert found.left_out == {4: "its table is damaged"}


FALSE: list[tuple[list[str | int], object]] = [
    (["points", "asset"], [1]),
    (["points", "asset", 0], 5),
    (["points", "asset", 0], True),
    (["points", "row", 0], -1),
    (["points", "class", 0], "\x1b[2J"),
    (["points", "class", 0], ""),
    (["points", "class", 0], None),
    (["points", "pca", 0], [1.0]),
    (["points", "pca", 0], "no place"),
    (["points", "pca", 0, 0], 2 * FURTHEST),
    (["points", "pca", 0, 0], float("nan")),
    (["points", "pca", 0, 0], "1"),
    (["points", "pca", 0, 0], 10**400),
    (["points"], None),
    (["centres", 0, "asset"], 5),
    (["centres", 0, "pca"], [float("inf"), 0.0]),
    (["centres"], 7),
    (["explained"], [1.0]),
    (["leading"], [["noise"]]),
    (["leading", 0], ["a\nb"]),
    (["drawn"], {"5": [1, 1]}),
    (["drawn"], {"one": [1, 1]}),
    (["left_out"], {"4": "a\nb"}),
    (["left_out"], []),
]


@pytest.mark.parametrize(("path", "value"), FALSE)
def test_an_answer_of_another_shape_is_refused(path: list[str | int], value: object) -> None:
    said = deepcopy(answer())
    place: Any = said
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(JobError):
        read_map(said, [1, 2, 3, 4], ["pca"])


def test_a_missing_method_and_too_many_points_are_refused() -> None:
    with pytest.raises(JobError):
        read_map(answer(), [1, 2, 3, 4], ["tsne"])
    said, many = answer(), MAX_MOST + 1
    said["points"] = {
        "asset": [1] * many,
        "row": [0] * many,
        "class": ["cat"] * many,
        "pca": [[0, 0]] * many,
    }
    with pytest.raises(JobError):
        read_map(said, [1, 2, 3, 4], ["pca"])
