from __future__ import annotations

import numpy as np
import pytest

from unit.compute.fabricated import ignore
from visdm.compute.planes import EARLY, LATE, Principal, leading, neighbourhoods


def blobs(seed: int, count: int = 60) -> np.ndarray:
    chance = np.random.default_rng(seed)
    points = chance.normal(size=(2 * count, 6)) * [1, 3, 1, 1, 1, 1]
    points[count:, 0] += 12
    return points


def test_the_first_axis_is_the_direction_of_the_largest_variance() -> None:
    plane = Principal.of(blobs(1))
    assert abs(plane.axes[0][0]) > 0.95
    assert abs(plane.axes[1][1]) > 0.95
    assert leading(plane.axes[0], list("abcdef"))[0] == "a"
    points = blobs(1)
    shares = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    assert plane.explained == pytest.approx(tuple(shares[:2] / shares.sum()))


def test_a_turned_cloud_gives_the_same_picture() -> None:
    points = blobs(2)
    assert np.allclose(Principal.of(points).axes, Principal.of(-points).axes)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_points_have_places_too(count: int) -> None:
    points = blobs(1)[:count]
    for placed in (Principal.of(points)(points), neighbourhoods(points, 0, ignore)):
        assert placed.shape == (count, 2)
        assert np.isfinite(placed).all()


def test_equal_points_have_one_place() -> None:
    placed = neighbourhoods(np.ones((50, 6)), 0, ignore)
    assert (placed == 0).all()


def test_the_same_seed_gives_the_same_neighbourhoods_and_progress_reaches_its_end() -> None:
    told: list[tuple[int, int]] = []
    once = neighbourhoods(blobs(3), 5, lambda done, total: told.append((done, total)))
    assert (once == neighbourhoods(blobs(3), 5, ignore)).all()
    assert told[-1] == (EARLY + LATE, EARLY + LATE)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_neighbourhoods_keep_groups_apart() -> None:
    placed = neighbourhoods(blobs(4), 0, ignore)
    between = np.linalg.norm(placed[:60].mean(axis=0) - placed[60:].mean(axis=0))
    within = max(np.linalg.norm(part.std(axis=0)) for part in (placed[:60], placed[60:]))
    assert between > 2 * within
