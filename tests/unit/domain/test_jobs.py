"""Splitting a price: nothing lost, nobody below nothing, ties by id."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.jobs import WHOLE, equal_parts, rewards, shares
from visdm.errors import InputError

if TYPE_CHECKING:
    from random import Random

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "payouts.json").read_text())
VALUES = st.dictionaries(
    st.integers(1, 10_000), st.fractions(-1, 2, max_denominator=10**12), min_size=1, max_size=12
)
PRICES = st.integers(0, 2**96 - 1)


@st.composite
def parts(draw: st.DrawFn) -> list[int]:
    """Shares by position, some of them nothing."""
    weights = draw(st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
    return list(shares({place: Fraction(w) for place, w in enumerate(weights)}).values())


def named(vector: dict[str, Any]) -> str:
    return str(vector.get("name", vector.get("count")))


# Shares of values.


@pytest.mark.parametrize("vector", VECTORS["shares"], ids=named)
def test_values_are_shared_as_their_vector_says(vector: dict[str, Any]) -> None:
    values = {int(asset): Fraction(value) for asset, value in vector["values"].items()}
    assert shares(values) == {int(asset): share for asset, share in vector["shares"].items()}


@given(VALUES)
def test_shares_sum_to_the_whole_and_none_is_negative(values: dict[int, Fraction]) -> None:
    found = shares(values)
    assert sum(found.values()) == WHOLE
    assert min(found.values()) >= 0
    assert found.keys() == values.keys()


@given(VALUES)
def test_a_share_is_within_one_of_exact(values: dict[int, Fraction]) -> None:
    clipped = {asset: max(value, Fraction(0)) for asset, value in values.items()}
    total = sum(clipped.values())
    if total == 0:
        clipped, total = dict.fromkeys(values, Fraction(1)), Fraction(len(values))
    for asset, share in shares(values).items():
        assert abs(share - clipped[asset] * WHOLE / total) < 1


@given(VALUES)
def test_more_value_is_never_a_smaller_share(values: dict[int, Fraction]) -> None:
    found = shares(values)
    ranked = sorted(values, key=lambda asset: (max(values[asset], Fraction(0)), -asset))
    assert [found[asset] for asset in ranked] == sorted(found.values())


@given(VALUES, st.randoms(), st.fractions(Fraction(1, 1_000), 1_000))
def test_shares_depend_on_neither_order_nor_scale(
    values: dict[int, Fraction], random: Random, scale: Fraction
) -> None:
    order = list(values)
    random.shuffle(order)
    assert shares({asset: values[asset] * scale for asset in order}) == shares(values)


def test_an_odd_billionth_goes_to_the_older_of_equals() -> None:
    assert shares({8: Fraction(1), 3: Fraction(1), 5: Fraction(1)}) == {
        3: 333_333_334,
        5: 333_333_333,
        8: 333_333_333,
    }


def test_a_price_is_not_shared_among_nobody() -> None:
    with pytest.raises(InputError, match="no asset"):
        shares({})


# Rewards of shares.


@pytest.mark.parametrize("vector", VECTORS["rewards"], ids=named)
def test_a_price_is_split_as_its_vector_says(vector: dict[str, Any]) -> None:
    assert list(rewards(vector["price"], vector["shares"])) == vector["rewards"]


@given(PRICES, parts())
def test_rewards_sum_to_the_price_and_are_within_a_unit_of_exact(
    price: int, split: list[int]
) -> None:
    found = rewards(price, split)
    assert sum(found) == price
    assert len(found) == len(split)
    for reward, part in zip(found, split, strict=True):
        assert reward >= 0
        assert abs(reward - Fraction(price * part, WHOLE)) < 1


@given(PRICES, parts())
def test_a_share_of_nothing_earns_nothing(price: int, split: list[int]) -> None:
    earned = zip(rewards(price, split), split, strict=True)
    assert all(reward == 0 for reward, part in earned if part == 0)


@given(PRICES, parts(), st.data())
def test_a_settlement_in_parts_gives_the_same_rewards(
    price: int, split: list[int], data: st.DataObject
) -> None:
    """A part knows the shares before it by their sum alone."""
    end = data.draw(st.integers(0, len(split)))
    before = sum(split[:end])
    rest = rewards(price, [before, *split[end:]])
    found = rewards(price, split)
    assert sum(found[:end]) == rest[0]
    assert found[end:] == rest[1:]


@pytest.mark.parametrize("split", [[], [0, 0], [WHOLE - 1], [WHOLE, 1], [WHOLE + 5, -5]])
def test_shares_that_do_not_add_up_split_nothing(split: list[int]) -> None:
    with pytest.raises(InputError, match="must be positive and sum to 1000000000"):
        rewards(100, split)


# Equal shares.


@pytest.mark.parametrize("vector", VECTORS["equal"], ids=named)
def test_equal_shares_are_as_their_vector_says(vector: dict[str, Any]) -> None:
    assert list(equal_parts(vector["count"])) == vector["shares"]


@given(st.integers(1, 4_096))
def test_equal_shares_differ_by_one_at_most_the_first_having_more(count: int) -> None:
    found = equal_parts(count)
    assert len(found) == count
    assert sum(found) == WHOLE
    assert found[0] - found[-1] in {0, 1}
    assert list(found) == sorted(found, reverse=True)
