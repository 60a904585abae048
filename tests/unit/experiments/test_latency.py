"""What the sandbox costs in time; the targets hold when nothing else runs."""

from __future__ import annotations

import pytest

from visdm.errors import SandboxError
from visdm.experiments.latency import startup, trade, training


def test_the_median_of_each_way_is_of_whole_runs() -> None:
    found = startup.Startup(3, 0.02, 0.08)
    assert found.added == pytest.approx(0.06)
    assert training.Training(1, 2.0, 2.1, same=True).ratio == pytest.approx(1.05)


@pytest.mark.alone
def test_a_job_starts_soon_after_bare_python() -> None:
    try:
        found = startup.measure()
    except SandboxError as error:
        pytest.skip(error.message)
    assert 0 < found.added <= startup.TARGET


@pytest.mark.alone
@pytest.mark.filterwarnings("ignore")  # of what scikit-learn loads, which is not ours to judge
def test_training_inside_ends_in_the_same_weights() -> None:
    pytest.importorskip("sklearn.datasets", reason="needs the extra `demo`")
    try:
        found = training.measure(1)
    except SandboxError as error:
        pytest.skip(error.message)
    assert found.same


def test_the_parts_of_a_job_are_the_whole_of_it() -> None:
    pytest.importorskip("sklearn.datasets", reason="needs the extra `demo`")
    heard: list[tuple[int, int]] = []
    try:
        found = trade.measure(1, lambda done, total: heard.append((done, total)))
    except SandboxError as error:
        pytest.skip(error.message)
    parts = (found.training, found.sandbox, found.chain, found.packages)
    assert min(parts) > 0
    assert found.whole == pytest.approx(sum(parts))
    assert found.beyond == pytest.approx(found.whole - found.training)
    assert found.to_json()["target"] == trade.TARGET
    assert heard == [(1, 1)]
