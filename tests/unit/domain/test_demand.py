"""Demand by class: what counts, what does not, and that no unit of money is lost or made."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.demand import (
    MAX_CLASSES,
    MAX_CONDITIONS,
    MAX_NAME,
    MAX_SOUGHT,
    NONE,
    THIN,
    Asked,
    Offered,
    Sought,
    Wanted,
    class_named,
    demands,
    read_wanted,
    samples_by_class,
    split,
)
from visdm.domain.jobs import WHOLE, Job, JobState, equal_parts
from visdm.domain.rounds import Outcome, RoundState, Task, Terms
from visdm.errors import InputError

TERMS = Terms(
    consumer="ann",
    model=9,
    provider=1,
    assets=(1, 2),
    ladder=(5, 10),
    task=Task.TRAIN,
    method="equal",
    seed=0,
    quorum=0,
    threshold=5_000,
    min_samples=1,
    fee_cap=0,
    vote_by=1,
    fund_by=2,
    settle_by=3,
)
PRICED = Outcome(RoundState.PRICED, (1, 1), 1, 5, 30)
CATS = Offered(1, {"cat": 20}, on_offer=True)
BOTH = Offered(2, {"cat": 5, "dog": 5}, on_offer=True)
ASSETS = {1: CATS, 2: BOTH}


def settled(price: int, shares: tuple[int, ...] = (WHOLE // 2, WHOLE // 2)) -> Job:
    return Job("0x", JobState.SETTLED, price, 0, 3, shares=shares)


def search(consumer: str, time: int = 100, **wanted: object) -> Sought:
    fields = {"classes": ("cat",), **wanted}
    return Sought(consumer, Wanted(**fields).to_text(), time)  # type: ignore[arg-type]  # of the test's choosing


NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9)


@given(
    st.builds(
        Wanted,
        st.lists(NAMES, min_size=1, max_size=6).map(tuple),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**80 - 1),
        st.sampled_from(Task),
        st.lists(NAMES, max_size=6, unique=True).map(tuple),
    )
)
def test_what_was_written_is_read_and_written_the_same_again(wanted: Wanted) -> None:
    text = wanted.to_text()
    read = read_wanted(text)
    assert read is not None
    assert len(text.encode()) <= MAX_SOUGHT
    assert read.to_text() == text
    assert (read.samples, read.price, read.task) == (wanted.samples, wanted.price, wanted.task)
    assert set(read.classes) == {class_named(name) for name in wanted.classes}


@given(
    st.text(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(str)
)
def test_any_text_is_read_without_an_error(text: str) -> None:
    found = read_wanted(text)
    assert found is None or found.classes


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=70)
            | st.lists(st.text(max_size=70) | st.integers(), max_size=40)
            for name in ("classes", "samples", "price", "task", "conditions", "more")
        },
    )
)
def test_what_is_read_is_within_bounds_whatever_was_written(fields: dict[str, object]) -> None:
    found = read_wanted(json.dumps(fields))
    if found is not None:
        assert 0 < len(found.classes) <= MAX_CLASSES
        assert all(name.isprintable() and len(name) <= MAX_NAME for name in found.classes)
        assert all(each.isprintable() and len(each) <= MAX_NAME for each in found.conditions)
        assert len(found.conditions) <= MAX_CONDITIONS
        assert found.samples >= 0
        assert found.price >= 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cats, please",
        "[]",
        "null",
        "{}",
        '{"classes":[]}',
        '{"classes":"cat"}',
        '{"classes":["cat",7]}',
        '{"classes":["  "]}',
        '{"classes":["a\\u0000"]}',
        '{"classes":["\\u001b[31mcat"]}',
        '{"classes":["\\ud800"]}',
        '{"classes":["cat"],"samples":-1}',
        '{"classes":["cat"],"samples":1e400}',
        '{"classes":["cat"],"samples":true}',
        '{"classes":["cat"],"price":0.5}',
        '{"classes":["cat"],"task":"steal"}',
        '{"classes":["cat"],"task":7}',
        '{"classes":["cat"],"conditions":["a\\nb"]}',
        '{"classes":["cat"],"classes":["dog"]}',
        '{"classes":' + "[" * 900 + "]" * 900 + "}",
        '{"classes":["cat"],"x":"' + "y" * MAX_SOUGHT + '"}',
        json.dumps({"classes": [str(n) for n in range(MAX_CLASSES + 1)]}),
        json.dumps({"classes": ["x" * (MAX_NAME + 1)]}),
    ],
)
def test_a_strangers_text_that_is_no_search_counts_for_nothing(text: str) -> None:
    assert read_wanted(text) is None
    assert demands([Sought("eve", text, 1)], [], {}) == []


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(()),
        Wanted(("",)),
        Wanted(("x" * 65,)),
        Wanted(("cat",), samples=-1),
        Wanted(("cat",), price=2**80),
        Wanted(("cat",), conditions=("a\nb",)),
        Wanted(("cat",), conditions=tuple(map(str, range(MAX_CONDITIONS + 1)))),
        Wanted(tuple(f"{n:02}" + "x" * 60 for n in range(20))),
    ],
)
def test_a_search_that_the_chain_would_not_hold_is_refused_first(wanted: Wanted) -> None:
    with pytest.raises(InputError):
        wanted.to_text()


def test_classes_are_one_however_they_are_written() -> None:
    spellings = ["Tabby  Cat", " tabby cat ", "TABBY\tCAT", "\uff54abby cat"]
    assert {class_named(name) for name in spellings} == {"tabby cat"}
    assert class_named("\u202egod") is None


@given(
    st.integers(0, 2**96),
    st.dictionaries(st.none() | NAMES, st.integers(0, 2**32), min_size=1).filter(
        lambda weights: sum(weights.values())
    ),
)
def test_a_split_loses_and_makes_nothing(amount: int, weights: dict[str | None, int]) -> None:
    parts = split(amount, weights)
    assert sum(parts.values()) == amount
    assert all(parts[name] >= 0 for name in weights)
    assert all(not parts[name] for name, weight in weights.items() if not weight)


@given(
    st.integers(1, 2**32 - 1),
    st.lists(st.text(max_size=8), max_size=6),
    st.dictionaries(st.text(max_size=8), st.integers(0, 2**32 - 1), max_size=6),
)
def test_an_asset_has_as_many_samples_as_the_chain_says_whatever_metadata_says(
    samples: int, classes: list[str], counts: dict[str, int]
) -> None:
    parts = samples_by_class(samples, classes, counts)
    assert sum(parts.values()) == samples
    assert parts.keys() <= {None, *map(class_named, classes)}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**90),
            st.integers(0, WHOLE),
            st.dictionaries(st.none() | NAMES, st.integers(0, 50), max_size=3),
            st.dictionaries(st.none() | NAMES, st.integers(0, 50), max_size=3),
        ),
        max_size=6,
    )
)
def test_the_rows_sum_to_what_was_paid(
    trades: list[tuple[int, int, dict[str | None, int], dict[str | None, int]]],
) -> None:
    rounds, assets = [], {}
    for place, (price, share, first, second) in enumerate(trades):
        numbers = (2 * place + 1, 2 * place + 2)
        for number, samples in zip(numbers, (first, second), strict=True):
            assets[number] = Offered(number, samples, on_offer=False)
        terms = replace(TERMS, assets=numbers)
        rounds.append(Asked(terms, place, PRICED, settled(price, (share, WHOLE - share))))
    found = demands([], rounds, assets)
    assert sum(row.amount for row in found) == sum(trade[0] for trade in trades)


def test_an_account_that_searches_a_thousand_times_is_one() -> None:
    spam = [search("eve", samples=10**9, price=10**6) for _ in range(1_000)]
    honest = [search("ann", classes=("dog",), samples=10), search("ben", classes=("dog",))]
    dog, cat = demands([*spam, *honest], [], ASSETS)
    assert (dog.name, dog.searches, dog.seekers) == ("dog", 2, 2)
    assert (cat.name, cat.searches, cat.seekers) == ("cat", 1_000, 1)


def test_one_account_does_not_move_what_the_middle_one_wants() -> None:
    sizes = {"ann": 100, "ben": 120, "eve": 2**32 - 1}
    prices = {"ann": 5, "ben": 6, "eve": 2**80 - 1}
    asks = [search(name, samples=sizes[name], price=prices[name]) for name in sizes]
    (cat,) = demands(asks, [], ASSETS)
    assert (cat.wanted, cat.bid) == (120, 6)


def test_what_an_account_says_last_is_what_it_wants() -> None:
    asks = [search("ann", 1, samples=1_000), search("ann", 2, samples=10)]
    (cat,) = demands(asks, [], ASSETS)
    assert (cat.wanted, cat.searches, cat.since, cat.until) == (10, 2, 1, 2)


def test_money_comes_before_rounds_and_rounds_before_searches() -> None:
    paid = Asked(TERMS, 1, PRICED, settled(300))
    birds = {3: Offered(3, {"bird": 5}, on_offer=True)}
    opened = [Asked(replace(TERMS, assets=(3,), seed=seed), 1, None, None) for seed in range(20)]
    asks = [search(f"account {n}", classes=("fish",)) for n in range(50)]
    found = demands(asks, [paid, *opened], ASSETS | birds)
    assert [row.name for row in found] == ["cat", "dog", "bird", "fish"]


def test_a_settled_job_is_paid_by_class_and_a_funded_one_is_pending() -> None:
    funded = Job("0x", JobState.FUNDED, 150, 0, 3)
    refunded = Job("0x", JobState.REFUNDED, 150, 0, 3)
    unpriced = Outcome(RoundState.UNPRICED, (0, 0))
    rounds = [
        Asked(TERMS, 10, PRICED, settled(150, (WHOLE * 2 // 3 + 1, WHOLE // 3))),
        Asked(TERMS, 11, PRICED, funded),
        Asked(replace(TERMS, consumer="ben"), 12, PRICED, refunded),
        Asked(TERMS, 13, unpriced, None),
        Asked(TERMS, 14, None, None),
    ]
    cat, dog = demands([], rounds, ASSETS)
    assert (cat.name, cat.amount, cat.samples, dog.amount, dog.samples) == ("cat", 125, 25, 25, 5)
    assert (cat.rounds, cat.consumers, cat.priced, cat.pending, cat.paid) == (5, 2, 3, 1, 1)
    assert (cat.price, dog.price) == (5.0, 5.0)
    assert (cat.assets, cat.on_offer, dog.on_offer) == (2, 25, 5)
    assert (cat.since, cat.until) == (10, 14)


def test_an_owner_who_rejected_was_asked_and_not_paid() -> None:
    outcome = Outcome(RoundState.PRICED, (127, 1), 1, 5, 10)
    only = Asked(replace(TERMS, assets=(1, 3)), 1, outcome, settled(50, (0, WHOLE)))
    cat, dog = demands([], [only], {1: CATS, 3: Offered(3, {"dog": 10}, on_offer=True)})[::-1]
    assert (cat.name, cat.rounds, cat.paid, cat.amount, cat.samples) == ("cat", 1, 0, 0, 0)
    assert (dog.name, dog.rounds, dog.paid, dog.amount, dog.samples) == ("dog", 1, 1, 50, 10)


def test_training_and_testing_are_demands_of_their_own() -> None:
    rounds = [
        Asked(replace(TERMS, assets=(1,)), 1, None, None),
        Asked(replace(TERMS, assets=(1,), task=Task.TEST), 1, PRICED, settled(7, equal_parts(1))),
    ]
    test, train = demands([], rounds, ASSETS)
    assert (test.task, test.amount, train.task, train.amount) == (Task.TEST, 7, Task.TRAIN, 0)


def test_a_class_that_nobody_can_read_is_none_and_counts_all_the_same() -> None:
    assets = {1: Offered(1, {None: 20}, on_offer=True)}
    unknown = demands([], [Asked(TERMS, 1, PRICED, settled(100))], assets)
    assert [(row.name, row.amount, row.rounds) for row in unknown] == [(None, 100, 1)]


def test_what_was_before_is_left_out() -> None:
    rounds = [Asked(TERMS, time, None, None) for time in (99, 100)]
    (cat, dog) = demands([search("ann", 99), search("ben", 100)], rounds, ASSETS, since=100)
    assert (cat.seekers, cat.rounds, cat.since, dog.rounds) == (1, 1, 100, 1)


def test_supply_is_missing_thin_or_enough() -> None:
    asks = [
        search("ann", classes=("cat", "dog"), samples=50),
        search("ben", classes=("bird",)),
    ]
    assets = ASSETS | {3: Offered(3, {"bird": 9}, on_offer=False)}
    supply = {row.name: row.supply for row in demands(asks, [], assets)}
    assert supply == {"cat": "enough", "dog": THIN, "bird": NONE}
