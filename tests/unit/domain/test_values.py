"""Exact Shapley values against closed forms, axioms and the definition by arrival orders."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from math import factorial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.values import MAX_EXACT, coalitions, shapley
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from visdm.domain.values import Coalition

    Game = dict[Coalition, Fraction]


def game(players: Sequence[int], worth: Callable[[Coalition], Fraction | int]) -> Game:
    everybody = sorted(players)
    return {c: Fraction(worth(c)) for c in ((), *coalitions(everybody))}


@st.composite
def games(draw: st.DrawFn) -> Game:
    players = sorted(draw(st.sets(st.integers(1, 99), min_size=1, max_size=5)))
    worth = st.fractions(-2, 2, max_denominator=100)
    return {c: draw(worth) for c in ((), *coalitions(players))}


def by_arrival(utilities: Game) -> dict[int, Fraction]:
    """The definition: what each adds on arrival, averaged over all orders of arrival."""
    players = sorted({player for coalition in utilities for player in coalition})
    values = dict.fromkeys(players, Fraction(0))
    for order in permutations(players):
        for place, player in enumerate(order):
            before, after = sorted(order[:place]), sorted(order[: place + 1])
            values[player] += utilities[tuple(after)] - utilities[tuple(before)]
    return {player: value / factorial(len(players)) for player, value in values.items()}


# Known games.


def test_in_an_airport_each_stretch_of_runway_is_shared_by_who_needs_it() -> None:
    lengths = {1: 3, 2: 6, 3: 6, 4: 12}
    worth = game(list(lengths), lambda c: max((lengths[p] for p in c), default=0))
    assert shapley(worth) == {
        1: Fraction(3, 4),
        2: Fraction(3, 4) + Fraction(3, 3),
        3: Fraction(3, 4) + Fraction(3, 3),
        4: Fraction(3, 4) + Fraction(3, 3) + 6,
    }


@pytest.mark.parametrize("players", [1, 3, 5, 7])
def test_in_a_majority_all_are_alike(players: int) -> None:
    worth = game(range(players), lambda c: int(2 * len(c) > players))
    assert set(shapley(worth).values()) == {Fraction(1, players)}


def test_of_three_gloves_the_one_that_fits_two_is_worth_most() -> None:
    worth = game([1, 2, 3], lambda c: int(1 in c and len(c) > 1))
    assert shapley(worth) == {1: Fraction(2, 3), 2: Fraction(1, 6), 3: Fraction(1, 6)}


def test_a_weighted_vote_is_valued_by_who_decides_it() -> None:
    weights = {1: 4, 2: 3, 3: 2, 4: 1}  # six of ten decide
    worth = game(list(weights), lambda c: int(sum(weights[p] for p in c) >= 6))
    found = shapley(worth)
    assert found == {1: Fraction(5, 12), 2: Fraction(3, 12), 3: Fraction(3, 12), 4: Fraction(1, 12)}


def test_where_gains_add_up_each_has_its_own() -> None:
    own = {3: Fraction(1, 3), 5: Fraction(-1, 7), 8: Fraction(0)}
    assert shapley(game(list(own), lambda c: sum((own[p] for p in c), Fraction(0)))) == own


def test_a_single_asset_is_worth_what_it_adds_to_nothing() -> None:
    assert shapley({(): Fraction(1, 4), (7,): Fraction(3, 4)}) == {7: Fraction(1, 2)}


def test_a_copy_shares_with_its_original() -> None:
    worth = game([1, 2, 3], lambda c: int(1 in c or 2 in c) + int(3 in c))
    assert shapley(worth) == {1: Fraction(1, 2), 2: Fraction(1, 2), 3: Fraction(1)}


# Axioms.


@given(games())
def test_values_are_those_of_the_definition(worth: Game) -> None:
    assert shapley(worth) == by_arrival(worth)


@given(games())
def test_values_sum_to_what_all_add_together(worth: Game) -> None:
    everybody = max(worth, key=len)
    assert sum(shapley(worth).values()) == worth[everybody] - worth[()]


@given(games(), st.fractions(-1, 1, max_denominator=50))
def test_who_adds_nothing_but_its_own_is_worth_just_that(worth: Game, own: Fraction) -> None:
    joined = worth | {tuple(sorted((*c, 100))): u + own for c, u in worth.items()}
    found = shapley(joined)
    assert found.pop(100) == own
    assert found == shapley(worth)


@given(games(), st.data())
def test_values_of_a_sum_of_games_are_sums_of_values(worth: Game, data: st.DataObject) -> None:
    other = {c: data.draw(st.fractions(-1, 1, max_denominator=50)) for c in worth}
    both = shapley({c: worth[c] + other[c] for c in worth})
    one, two = shapley(worth), shapley(other)
    assert both == {player: one[player] + two[player] for player in both}


@given(st.lists(st.fractions(-1, 1, max_denominator=20), min_size=5, max_size=5))
def test_players_that_nobody_can_tell_apart_are_worth_the_same(worths: list[Fraction]) -> None:
    assert len(set(shapley(game([2, 4, 6, 8], lambda c: worths[len(c)])).values())) == 1


# What is asked for, and what is missing.


def test_every_coalition_is_named_once_small_ones_first() -> None:
    assert list(coalitions([3, 1, 2])) == [(1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)]
    assert len(list(coalitions(range(MAX_EXACT)))) == 255


@pytest.mark.parametrize("missing", [(), (1,), (1, 2)])
def test_a_missing_coalition_is_named(missing: Coalition) -> None:
    worth = game([1, 2], len)
    del worth[missing]
    named = "empty coalition" if missing == () else f"coalition \\({', '.join(map(str, missing))}"
    with pytest.raises(InputError, match=named):
        shapley(worth)


def test_a_coalition_out_of_order_does_not_stand_for_the_sorted_one() -> None:
    worth = game([1, 2], len)
    worth[2, 1] = worth.pop((1, 2))
    with pytest.raises(InputError, match=r"coalition \(1, 2\)"):
        shapley(worth)
