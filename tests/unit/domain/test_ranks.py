"""Ranks: what they take of a market that strangers made."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from visdm.domain.ranks import Balance, Held


def test_classes_that_strangers_make_up_cost_no_more_than_what_they_hold() -> None:
    """A table of all candidates by all classes would take two gigabytes here."""
    counts = [{f"{asset} {n}": 1.0 for n in range(1_000)} for asset in range(500)]
    tracemalloc.start()
    try:
        rank = Balance(Held(counts))
        assert rank.gains(np.arange(500)).tolist() == pytest.approx([1_000] * 500)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20
