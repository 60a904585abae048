"""Choosing a dataset: what fits, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.assets import Asset, Kind, State
from visdm.domain.metadata import Metadata
from visdm.domain.sampling import Criteria, sample
from visdm.errors import InputError

Entry = tuple[Asset, Metadata]


def entry(number: int, counts: dict[str, int], **changes: Any) -> Entry:  # noqa: ANN401  # columns
    asset = Asset(
        asset=number,
        kind=Kind.DATA,
        state=State.DESCRIBED,
        owner="0x",
        provider=1,
        samples=sum(counts.values()),
        reserve=0,
        package="",
        grants="",
    )
    metadata = Metadata(
        asset=number,
        kind=Kind.DATA,
        name="",
        samples=asset.samples,
        classes=tuple(counts),
        summary={"class_counts": counts},
    )
    return replace(asset, **changes), metadata


MARKET = [
    entry(1, {"cat": 90, "dog": 10}),
    entry(2, {"cat": 50, "dog": 50}),
    entry(3, {"cat": 200, "dog": 200}),
    entry(4, {"cat": 50, "dog": 50}),
    entry(5, {"cow": 100}),
    entry(6, {"cat": 70, "cow": 30}),
]


# What fits.


def test_whatever_is_described_fits_when_nothing_is_asked() -> None:
    assert sample(MARKET, Criteria(1)) == (1, 2, 3, 4, 5, 6)
    assert sample(reversed(MARKET), Criteria(1)) == (1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": Kind.MODEL},
        {"state": State.REGISTERED},
        {"state": State.REFUSED},
        {"state": State.RETIRED},
        {"provider": 2},
    ],
)
def test_what_cannot_be_computed_on_here_is_left_out(changes: dict[str, Any]) -> None:
    assert sample([*MARKET[:2], entry(9, {"cat": 5}, **changes)], Criteria(1)) == (1, 2)


def test_small_assets_are_left_out() -> None:
    assert sample(MARKET, Criteria(1, min_samples=100)) == (1, 2, 3, 4, 5, 6)
    assert sample(MARKET, Criteria(1, min_samples=101)) == (3,)


def test_the_chain_says_how_many_samples_there_are() -> None:
    asset, metadata = entry(9, {"cat": 5, "dog": 5})
    boasting = asset, replace(metadata, samples=1_000)
    with pytest.raises(InputError):
        sample([boasting], Criteria(1, min_samples=11))


def test_an_asset_is_of_use_with_any_of_the_classes() -> None:
    assert sample(MARKET, Criteria(1, classes=("cow",))) == (5, 6)
    assert sample(MARKET, Criteria(1, classes=("cow", "dog"))) == (1, 2, 3, 4, 5, 6)
    with pytest.raises(InputError, match="no asset on the market fits"):
        sample(MARKET, Criteria(1, classes=("horse",)))


def test_uneven_assets_are_left_out() -> None:
    assert sample(MARKET, Criteria(1, balance=0.5)) == (2, 3, 4, 6)
    assert sample(MARKET, Criteria(1, balance=1.0)) == (2, 3, 4)


def test_an_empty_market_is_told_so() -> None:
    with pytest.raises(InputError, match="no asset on the market fits") as caught:
        sample([], Criteria(1))
    assert caught.value.hint


# In which order.


@pytest.mark.parametrize(
    ("most", "picked"),
    [(1, (3,)), (2, (2, 3)), (3, (2, 3, 4)), (4, (2, 3, 4, 6)), (5, (1, 2, 3, 4, 6))],
)
def test_the_most_even_come_first_then_the_larger_then_the_older(
    most: int, picked: tuple[int, ...]
) -> None:
    assert sample(MARKET, Criteria(1, most=most)) == picked


@given(st.permutations(MARKET), st.integers(1, 6))
def test_the_order_of_the_market_does_not_matter(market: list[Entry], most: int) -> None:
    assert sample(market, Criteria(1, most=most)) == sample(MARKET, Criteria(1, most=most))


def test_equal_classes_are_even_however_many_there_are() -> None:
    threes = entry(7, {"cat": 100, "cow": 100, "dog": 100})
    fives = entry(8, dict.fromkeys("abcde", 10))
    assert sample([threes], Criteria(1, balance=1.0)) == (7,)
    assert sample([threes, fives], Criteria(1, most=1)) == (7,)
