"""Choosing a dataset: what fits, what is picked within which bounds, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.domain.markets import PROVIDERS, candidate, candidates, centred, criteria
from visdm.domain.assets import NO_RESERVE, Kind, State
from visdm.domain.candidates import Criteria, misfits
from visdm.domain.conditions import Condition, Share
from visdm.domain.ranks import RANKS, objective, scores
from visdm.domain.sampling import choose
from visdm.domain.traits import Traits
from visdm.errors import InputError

if TYPE_CHECKING:
    from visdm.domain.sampling import Candidate, Selection

MARKET = [
    candidate(1, {"cat": 90, "dog": 10}),
    candidate(2, {"cat": 50, "dog": 50}),
    candidate(3, {"cat": 200, "dog": 200}),
    candidate(4, {"cat": 50, "dog": 50}),
    candidate(5, {"cow": 100}),
    candidate(6, {"cat": 70, "cow": 30}),
]


def picked(market: list[Candidate], **asked: Any) -> tuple[int, ...]:  # noqa: ANN401  # criteria
    return tuple(c.number for c in choose(market, Criteria(**asked)).chosen)


def reason(selection: Selection, number: int) -> str:
    (found,) = (v for v in selection.verdicts if v.candidate.number == number)
    return found.reason.text.format(*found.reason.amounts)


# What fits.


def test_whatever_is_described_fits_when_nothing_is_asked() -> None:
    assert picked(MARKET) == (1, 2, 3, 4, 5, 6)
    assert picked(MARKET[::-1], provider=1) == (1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": Kind.MODEL},
        {"state": State.REGISTERED},
        {"state": State.REFUSED},
        {"state": State.RETIRED},
    ],
)
def test_what_cannot_be_computed_on_is_not_even_a_candidate(changes: dict[str, Any]) -> None:
    selection = choose([*MARKET[:2], candidate(9, {"cat": 5}, **changes)], Criteria())
    assert [verdict.candidate.number for verdict in selection.verdicts] == [1, 2]


def test_what_is_elsewhere_is_left_out_with_where_it_is() -> None:
    elsewhere = candidate(9, {"cat": 5}, provider=2)
    assert picked([*MARKET[:2], elsewhere], provider=1) == (1, 2)
    assert picked([*MARKET[:2], elsewhere], region="US") == (9,)
    selection = choose([*MARKET[:2], elsewhere], Criteria(provider=1, region="EU"))
    assert reason(selection, 9) == "is at provider 2; is in region US"


def test_small_assets_are_left_out() -> None:
    assert picked(MARKET, min_samples=100) == (1, 2, 3, 4, 5, 6)
    assert picked(MARKET, min_samples=101) == (3,)
    said = reason(choose(MARKET, Criteria(min_samples=101)), 1)
    assert said == "has 100 samples, fewer than 101"


def test_the_chain_says_how_many_samples_there_are() -> None:
    honest = candidate(9, {"cat": 5, "dog": 5})
    boasting = replace(honest, metadata=replace(honest.metadata, samples=1_000))
    assert picked([boasting], min_samples=11) == ()


def test_an_asset_is_of_use_with_any_of_the_classes() -> None:
    assert picked(MARKET, classes=("cow",)) == (5, 6)
    assert picked(MARKET, classes=("cow", "dog")) == (1, 2, 3, 4, 5, 6)
    with pytest.raises(InputError, match="no asset on the market fits") as caught:
        _ = choose(MARKET, Criteria(classes=("horse",))).dataset
    assert caught.value.hint


def test_uneven_assets_are_left_out() -> None:
    assert picked(MARKET, balance=0.5) == (2, 3, 4, 6)
    assert picked(MARKET, balance=1.0) == (2, 3, 4)


def test_evenness_counts_the_classes_that_are_wanted_and_those_that_are_missing() -> None:
    two_of_three = candidate(1, {"cat": 50, "dog": 50, "cow": 5_000})
    assert picked([two_of_three], balance=1.0, classes=("cat", "dog")) == (1,)
    assert picked([two_of_three], balance=0.9, classes=("cat", "dog", "horse")) == ()


def test_an_empty_market_is_told_so() -> None:
    with pytest.raises(InputError, match="no asset on the market fits") as caught:
        _ = choose([], Criteria()).dataset
    assert caught.value.hint


def test_assets_that_are_mostly_copies_are_left_out_unless_asked_for() -> None:
    copy = candidate(9, {"cat": 100}, copies={3: 60})
    assert picked([copy]) == ()
    assert picked([copy], copied=1.0) == (9,)
    assert reason(choose([copy], Criteria()), 9) == "up to 60% of its images are copies"


def test_repeated_images_count_as_copies_and_none_is_of_use() -> None:
    repeating = candidate(9, {"cat": 100}, duplicates=40)
    (verdict,) = choose([repeating], Criteria()).verdicts
    assert verdict.candidate.copied == 0.4
    assert verdict.useful == pytest.approx(60)


def test_enough_images_must_meet_the_conditions() -> None:
    where = (Condition.parse("sharpness>=50"),)
    sharp, dull, guessed = (
        candidate(number, {"cat": 100}, traits=Traits({"cat": 100}, fitting=share))
        for number, share in enumerate(
            (Share.exactly(0.95), Share.exactly(0.4), Share(0.1, 0.7, 1.0)), 1
        )
    )
    selection = choose([sharp, dull, guessed], Criteria(where=where))
    assert selection.dataset == (1,)
    assert reason(selection, 2) == "40% of its images meet the conditions"
    assert "about 70% (surely 10% to 100%)" in reason(selection, 3)
    assert choose([sharp, dull, guessed], Criteria(where=where, share=0.5)).dataset == (1, 3)


def test_owners_must_have_earned_what_is_asked() -> None:
    old = candidate(1, {"cat": 10}, owner_jobs=3, owner_earned=500)
    new = candidate(2, {"cat": 10})
    assert picked([old, new], owner_jobs=2) == (1,)
    assert picked([old, new], owner_earned=500) == (1,)
    assert reason(choose([old, new], Criteria(owner_earned=500)), 2) == "its owner earned 0"


def test_a_reserve_above_the_most_is_left_out_and_none_at_all_is_not() -> None:
    market = [candidate(1, {"a": 9}, reserve=50), candidate(2, {"a": 9}, reserve=51)]
    market.append(candidate(3, {"a": 9}, reserve=NO_RESERVE))
    assert picked(market, reserve=50) == (1, 3)
    assert picked(market, at=50) == (1, 3)
    assert reason(choose(market, Criteria(at=50)), 2) == "asks 51 a sample, above 50"


def test_an_asset_that_cannot_be_judged_is_out_with_the_reason() -> None:
    broken = candidate(2, {"a": 9}, problem="its {table} is broken")
    selection = choose([candidate(1, {"a": 9}), broken], Criteria())
    assert selection.dataset == (1,)
    assert reason(selection, 2) == "its {table} is broken"


@pytest.mark.parametrize(
    "changes",
    [
        {"ranks": {"beauty": 1.0}},
        {"ranks": {"quality": 0.0}},
        {"ranks": {"quality": float("nan")}},
        {"share": 1.5},
        {"balance": -1.0},
    ],
)
def test_criteria_that_cannot_be_meant_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        choose(MARKET, Criteria(**changes))


# What is picked.


def test_balance_is_that_of_the_whole_dataset() -> None:
    assert picked(MARKET, most=1) == (3,)
    assert picked(MARKET, most=2) == (3, 5)
    cats, more_cats, dogs = (
        candidate(number, {name: 100}) for number, name in enumerate(("cat", "cat", "dog"), 1)
    )
    assert picked([cats, more_cats, dogs], most=2) == (1, 3)


def test_diversity_takes_what_is_not_covered_yet() -> None:
    near, nearer, far = (
        centred(number, place) for number, place in enumerate((0.0, 1.0, 100.0), 1)
    )
    assert picked([near, nearer, far], ranks={"diversity": 1.0}, most=1) == (2,)
    assert picked([near, nearer, far], ranks={"diversity": 1.0}, most=2) == (2, 3)


def test_noise_is_no_quality() -> None:
    noise = {"contrast": 73.0, "entropy": 7.9, "sharpness": 20 * 73.0**2, "noise": 73.0}
    pictures = {"contrast": 50.0, "entropy": 7.0, "sharpness": 900.0, "noise": 3.0}
    blurred = {**pictures, "sharpness": 190.0}
    market = [
        candidate(number, {"a": 100}, traits=Traits({"a": 100}, each, each["noise"] ** 2))
        for number, each in enumerate((noise, blurred, pictures), 1)
    ]
    ranked = choose(market, Criteria(ranks={"quality": 1.0}, most=3))
    found = [verdict.scores["quality"] or 0.0 for verdict in ranked.verdicts]
    assert found[0] == 0 < found[1] < found[2] < 1
    assert picked(market, ranks={"quality": 1.0}, most=1) == (3,)
    assert picked(market, ranks={"quality": 1.0}, budget=1_000_000) == (2, 3)


def test_earnings_and_low_reserves_come_first_where_they_are_asked_for() -> None:
    known = candidate(2, {"a": 100}, earned=1_000, jobs=4, reserve=100)
    cheap = candidate(1, {"a": 100}, reserve=10)
    assert picked([cheap, known], ranks={"reputation": 1.0}, most=1) == (2,)
    assert picked([cheap, known], ranks={"price": 1.0}, most=1) == (1,)


def test_the_nearest_to_the_examples_comes_first() -> None:
    market = [
        candidate(n, {"a": 100}, traits=Traits({"a": 100}, distance=distance))
        for n, distance in ((1, 30.0), (2, 5.0), (3, None))
    ]
    assert picked(market, ranks={"like": 1.0}, most=1) == (2,)
    (unknown,) = choose(market, Criteria(ranks={"like": 1.0})).verdicts[2:]
    assert unknown.scores == {"like": None}


def test_samples_of_no_use_are_paid_but_not_counted() -> None:
    mixed, plain = candidate(1, {"cat": 50, "cow": 950}), candidate(2, {"cat": 50})
    selection = choose([mixed, plain], Criteria(classes=("cat",), budget=100 * 60))
    assert selection.dataset == (2,)
    assert "would cost" in reason(selection, 1)


def test_picking_stops_when_there_are_samples_enough() -> None:
    selection = choose(MARKET, Criteria(samples=450))
    assert 450 <= selection.samples < 450 + 400
    assert selection.guarantee == "none beside the bounds"
    out = [v for v in selection.verdicts if not v.place]
    assert out
    assert all("samples were reached before it" in v.reason.text for v in out)


def test_all_are_paid_the_highest_price_that_one_of_them_asks() -> None:
    """One owner who asks more makes the others dearer: 200 samples cost 200 x 90."""
    market = [candidate(1, {"a": 100}, reserve=10), candidate(2, {"b": 100}, reserve=90)]
    both = choose(market, Criteria(budget=200 * 100))
    assert (both.dataset, both.price, both.fee, both.cost) == ((1, 2), 90, 2_000, 20_000)
    one = choose(market, Criteria(budget=200 * 100 - 1))
    assert (one.dataset, one.price, one.cost) == ((1,), 10, 2_000)
    assert reason(one, 2) == "asks 90, which all others would be paid too"


def test_without_reserves_the_cost_is_unknown_until_a_price_is_offered() -> None:
    market = [candidate(1, {"a": 100}, reserve=NO_RESERVE)]
    assert choose(market, Criteria()).cost is None
    assert "offer a price" in reason(choose(market, Criteria(budget=10**9)), 1)
    offered = choose(market, Criteria(budget=10**9, at=40))
    assert (offered.dataset, offered.cost) == ((1,), 5_000)


def test_a_dataset_is_of_one_provider_the_one_with_the_better_dataset() -> None:
    elsewhere = [candidate(n, {"cat": 300, "dog": 300}, provider=2) for n in (7, 8, 9)]
    selection = choose([*MARKET, *elsewhere], Criteria())
    assert (selection.provider, selection.dataset) == (2, (7, 8, 9))
    assert "2 has the better dataset" in reason(selection, 3)
    assert choose([*MARKET, *elsewhere], Criteria(provider=1)).provider == 1


# For all markets.


@given(candidates(), criteria(), st.randoms())
def test_the_order_of_the_market_does_not_matter_and_the_answer_is_the_same_again(
    market: list[Candidate],
    asked: Criteria,
    chance: Any,  # noqa: ANN401  # a Random
) -> None:
    shuffled = list(market)
    chance.shuffle(shuffled)
    assert choose(shuffled, asked) == choose(market, asked) == choose(market, asked)


@given(candidates(), criteria())
def test_filters_hold_the_budget_holds_and_every_asset_has_a_reason(
    market: list[Candidate], asked: Criteria
) -> None:
    selection = choose(market, asked)
    assert len({c.provider.index for c in selection.chosen}) <= 1
    assert not any(list(misfits(c, asked)) for c in selection.chosen)
    assert len(selection.chosen) <= asked.most
    if asked.budget is not None:
        assert (selection.cost or 0) <= asked.budget
    if selection.price is not None:
        assert all((c.asks or 0) <= selection.price for c in selection.chosen)
    assert len(selection.verdicts) == len(market)
    for verdict in selection.verdicts:
        assert verdict.reason.text.format(*verdict.reason.amounts)


@given(candidates(), criteria(), st.data())
def test_a_dominated_asset_is_never_preferred(
    market: list[Candidate],
    asked: Criteria,
    data: Any,  # noqa: ANN401  # drawn from
) -> None:
    """A twin that asks more and is a copy in part, and else the same, is in only with the other."""
    modular = {name: 1.0 for name in asked.ranks if name not in {"diversity", "balance"}}
    asked = replace(asked, ranks=modular or {"quality": 1.0}, copied=1.0)
    better = data.draw(st.sampled_from(market))
    asks = (
        better.asset.reserve if better.asks is None else better.asks + data.draw(st.integers(0, 9))
    )
    already = sum(better.metadata.copies.values())
    more = min(better.asset.samples, already + max(better.asset.samples // 2, 1))
    worse = replace(
        better,
        asset=replace(better.asset, asset=99, reserve=asks),
        metadata=replace(better.metadata, copies={1: more}),
    )
    worse = replace(worse, earned=better.earned // 2, owner_earned=0, owner_jobs=0)
    chosen = {c.number for c in choose([*market, worse], asked).chosen}
    if worse.number in chosen:
        assert better.number in chosen


def values(market: list[Candidate], asked: Criteria) -> dict[tuple[int, ...], tuple[float, int]]:
    """Return value and cost of every dataset of one provider, by brute force."""
    fitting = [c for c in market if not list(misfits(c, asked))]
    counts = [c.useful(asked.classes) for c in fitting]
    fresh = objective(fitting, counts, scores(fitting, asked.classes, asked.at), asked.ranks)
    found = {}
    for size in range(len(fitting) + 1):
        for places in combinations(range(len(fitting)), size):
            if len({fitting[place].provider.index for place in places}) > 1:
                continue
            state = fresh()
            for place in places:
                state.add(place)
            asks = [fitting[place].asks or 0 for place in places]
            price = asked.at if asked.at is not None else max(asks, default=0)
            cost = sum(fitting[p].asset.samples * (price + fitting[p].provider.fee) for p in places)
            found[tuple(fitting[place].number for place in places)] = state.value, cost
    return found


@settings(max_examples=60)
@given(candidates(most=6), st.integers(0, 40_000), st.sampled_from(RANKS))
def test_within_a_budget_the_value_is_near_the_best_there_is(
    market: list[Candidate], budget: int, rank: str
) -> None:
    asked = Criteria(budget=budget, ranks={rank: 1.0, "balance": 0.5})
    every = values(market, asked)
    best = max(value for value, cost in every.values() if cost <= budget)
    chosen = tuple(c.number for c in choose(market, asked).chosen)
    value, cost = every[chosen]
    assert cost <= budget
    assert value >= (1 - 1 / 2.71828) / 2 * best - 1e-6


@settings(max_examples=60)
@given(candidates(most=6), st.integers(1, 3), st.sampled_from(RANKS))
def test_a_number_of_assets_is_near_the_best_there_is(
    market: list[Candidate], most: int, rank: str
) -> None:
    asked = Criteria(most=most, ranks={rank: 1.0, "diversity": 0.5})
    every = values(market, asked)
    best = max(value for chosen, (value, _) in every.items() if len(chosen) <= most)
    chosen = tuple(c.number for c in choose(market, asked).chosen)
    assert every[chosen][0] >= (1 - 1 / 2.71828) * best - 1e-6


@given(candidates(), criteria())
def test_what_an_asset_adds_only_shrinks_as_others_come_in(
    market: list[Candidate], asked: Criteria
) -> None:
    """Submodular and monotone: the guarantees stand on that."""
    counts = [c.useful(asked.classes) for c in market]
    found = scores(market, asked.classes, asked.at)
    state = objective(market, counts, found, asked.ranks)()
    every = np.arange(len(market))
    before = state.gains(every)
    for added in range(len(market)):
        state.add(added)
        after = state.gains(every)
        assert all(-1e-9 <= b <= a + 1e-6 for a, b in zip(before, after, strict=True))
        before = after


def test_providers_of_the_tests_differ() -> None:
    assert PROVIDERS[1].region != PROVIDERS[2].region
