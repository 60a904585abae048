"""Dataset files: what is written is read back, and nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.domain.markets import candidate, candidates, criteria
from visdm.domain.assets import State
from visdm.domain.candidates import Criteria
from visdm.domain.datasets import Dataset
from visdm.domain.sampling import Candidate, choose
from visdm.errors import InputError

MARKET = [candidate(1, {"a": 10}, reserve=5), candidate(2, {"b": 20}, reserve=7)]
KEPT = Dataset.of(choose(MARKET, Criteria(budget=600)), "0xcatalog", 1_000)
ASSETS = [each.asset for each in MARKET]
FEE = 10


@given(candidates(), criteria())
def test_what_is_written_is_read_back(market: list[Candidate], asked: Criteria) -> None:
    selection = choose(market, asked)
    if selection.chosen:
        kept = Dataset.of(selection, "0x", 5)
        assert Dataset.from_bytes(kept.to_bytes(), name="it") == kept
        assert (kept.assets, kept.cost) == (selection.dataset, selection.cost)


@given(
    st.binary()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_anything_else_is_refused_by_name(document: bytes) -> None:
    with pytest.raises(InputError, match=r"^it: "):
        Dataset.from_bytes(document, name="it")


@pytest.mark.parametrize("field", json.loads(KEPT.to_bytes()))
@pytest.mark.parametrize("value", ["wrong", -1, True, [1], {}, None, 1.5])
def test_a_field_of_another_kind_is_refused(field: str, value: Any) -> None:  # noqa: ANN401  # JSON
    fields = json.loads(KEPT.to_bytes())
    harmless = {
        "market": isinstance(value, str),
        "criteria": isinstance(value, dict),
    }
    changed = json.dumps({**fields, field: value}).encode()
    if harmless.get(field) or (field == "budget" and value is None):
        Dataset.from_bytes(changed, name="it")
        return
    with pytest.raises(InputError):
        Dataset.from_bytes(changed, name="it")


def test_a_market_that_is_as_it_was_is_taken() -> None:
    KEPT.check("0xcatalog", ASSETS, FEE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": State.RETIRED}, "asset 2 was retired by its owner since"),
        ({"state": State.REFUSED}, "asset 2 is not on offer"),
        ({"provider": 3}, "asset 2 is at provider 3, not 1"),
        ({"samples": 21}, "asset 2 has 21 samples, not 20"),
        ({"metadata": "other"}, "asset 2 has other metadata than when it was chosen"),
        ({"asset": 9}, "asset 2 is not on this market"),
    ],
)
def test_what_has_changed_since_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        KEPT.check("0xcatalog", [ASSETS[0], replace(ASSETS[1], **changes)], FEE)
    assert caught.value.message == said
    assert "visdm sample" in caught.value.hint


def test_another_market_or_fee_is_named() -> None:
    with pytest.raises(InputError, match="another market"):
        KEPT.check("0xother", ASSETS, FEE)
    with pytest.raises(InputError, match="fee of provider 1"):
        KEPT.check("0xcatalog", ASSETS, FEE + 1)


def test_a_ladder_stays_within_the_budget() -> None:
    KEPT.check_ladder(10)
    with pytest.raises(InputError, match="beyond the dataset's budget") as caught:
        KEPT.check_ladder(11)
    assert "10 token units" in caught.value.hint
