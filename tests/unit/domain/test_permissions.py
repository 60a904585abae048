from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.assets import Asset, Kind, State
from visdm.domain.permissions import (
    BY_DEFAULT,
    MAX_BUDGET,
    MAX_LISTED,
    Allows,
    Ask,
    Permission,
    milli_of,
    milli_shown,
)
from visdm.domain.regimes import MAX_EPSILON, Regime
from visdm.errors import InputError

MODEL = Asset(
    asset=9,
    kind=Kind.MODEL,
    state=State.DESCRIBED,
    owner="consumer",
    provider=1,
    samples=0,
    reserve=0,
    package="bafymodel",
    grants="",
)
LOOP, SCRIPT = Ask(Regime.LOOP, 0, "bafymodel"), Ask(Regime.SCRIPT, 0, "bafyscript")
PRIVATE = Ask(Regime.PRIVATE, 4_000, "bafyprivate")

epsilons = st.integers(1, MAX_EPSILON)
asks = st.one_of(
    st.builds(Ask, st.sampled_from([Regime.LOOP, Regime.SCRIPT]), st.just(0), st.text(max_size=3)),
    st.builds(Ask, st.just(Regime.PRIVATE), epsilons, st.text(max_size=3)),
)
permissions = st.one_of(
    st.sampled_from([BY_DEFAULT, Permission(Allows.SCRIPTS)]),
    st.builds(lambda e, b: Permission(Allows.PRIVATE, e, e + b), epsilons, epsilons),
    st.lists(st.text(max_size=3), min_size=1).map(
        lambda models: Permission(Allows.LISTED, models=tuple(models))
    ),
)


def admitted(permission: Permission, spent: int = 0) -> list[Regime]:
    return [a.regime for a in (LOOP, PRIVATE, SCRIPT) if not permission.objection(a, spent)]


def test_each_permission_admits_what_it_says() -> None:
    assert admitted(BY_DEFAULT) == [Regime.LOOP, Regime.PRIVATE]
    assert admitted(Permission(Allows.SCRIPTS)) == list(Regime)
    assert admitted(Permission(Allows.PRIVATE, 4_000, 9_000)) == [Regime.PRIVATE]
    assert admitted(Permission(Allows.LISTED, models=("bafyscript", "x"))) == [Regime.SCRIPT]


def test_an_objection_says_why_in_words_for_the_public() -> None:
    private = Permission(Allows.PRIVATE, 4_000, 9_500)
    cases = {
        (BY_DEFAULT, SCRIPT, 0): "allows the platform's loop, no script's own",
        (private, LOOP, 0): "allows private training only",
        (private, replace(PRIVATE, epsilon=4_001), 0): "allows an epsilon of at most 4, not 4.001",
        (private, PRIVATE, 5_501): "has 3.999 left of its budget of epsilon, not 4",
        (private, PRIVATE, 99_000): "has 0 left of its budget of epsilon, not 4",
        (Permission(Allows.LISTED, models=("x",)), LOOP, 0): "does not list the model's package",
    }
    assert {case: case[0].objection(*case[1:]) for case in cases} == cases


@given(permissions, asks, st.integers(0, MAX_BUDGET))
def test_more_spent_never_admits_more(permission: Permission, ask: Ask, spent: int) -> None:
    if not permission.objection(ask, spent):
        assert not permission.objection(ask, 0)


@given(epsilons, st.integers(0, 5 * MAX_EPSILON), st.lists(epsilons, max_size=20))
def test_jobs_that_are_admitted_one_after_the_other_stay_within_the_budget(
    each: int, more: int, jobs: list[int]
) -> None:
    permission, spent = Permission(Allows.PRIVATE, each, each + more), 0
    for epsilon in jobs:
        if not permission.objection(Ask(Regime.PRIVATE, epsilon, ""), spent):
            assert epsilon <= each
            spent += epsilon
    assert spent <= permission.budget


@given(permissions, asks)
def test_what_passes_its_check_has_an_answer_to_every_model(
    permission: Permission, ask: Ask
) -> None:
    permission.check()
    assert isinstance(permission.objection(ask, 0), str)
    assert permission.words


@pytest.mark.parametrize(
    ("permission", "problem"),
    [
        (Permission(Allows.PRIVATE), "an epsilon of 0 is not above 0 and up to 1000"),
        (
            Permission(Allows.PRIVATE, MAX_EPSILON + 1, MAX_BUDGET),
            "an epsilon of 1000.001 is not above 0 and up to 1000",
        ),
        (Permission(Allows.PRIVATE, 8_000), "a budget of 0 is not one for jobs of up to 8 each"),
        (
            Permission(Allows.PRIVATE, 8_000, MAX_BUDGET + 1),
            "a budget of 4294967.296 is not one for jobs of up to 8 each",
        ),
        (Permission(Allows.SCRIPTS, 1), "epsilon and budget mean nothing"),
        (Permission(budget=1), "epsilon and budget mean nothing"),
        (Permission(Allows.LISTED), "a list names at least one model"),
        (Permission(models=("x",)), "models are named, but loop is allowed"),
        (
            Permission(Allows.LISTED, models=("x",) * (MAX_LISTED + 1)),
            "101 models are more than 100",
        ),
    ],
)
def test_a_permission_that_nobody_can_mean_is_named(permission: Permission, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        permission.check()
    assert caught.value.hint


def test_a_test_of_a_private_model_is_not_private() -> None:
    private = replace(MODEL, regime=Regime.PRIVATE, epsilon=4_000)
    assert Ask.of(private, trains=True) == Ask(Regime.PRIVATE, 4_000, "bafymodel")
    assert Ask.of(private, trains=False) == LOOP
    script = replace(MODEL, regime=Regime.SCRIPT)
    assert Ask.of(script, trains=False).regime is Regime.SCRIPT


def test_only_images_on_offer_there_whose_owner_allows_it_are_offered() -> None:
    data = replace(MODEL, kind=Kind.DATA, samples=5)
    assert data.is_offered(1, LOOP)
    assert not data.is_offered(2, LOOP)
    assert not data.is_offered(1, SCRIPT)
    assert not replace(data, state=State.RETIRED).is_offered(1, LOOP)
    assert not MODEL.is_offered(1, LOOP)
    kept = replace(data, permission=Permission(Allows.PRIVATE, 4_000, 4_000), spent=1)
    assert not kept.is_offered(1, PRIVATE)


@given(st.integers(0, MAX_BUDGET))
def test_an_epsilon_is_read_as_it_is_shown(thousandths: int) -> None:
    assert milli_of(milli_shown(thousandths)) == thousandths


@pytest.mark.parametrize(
    ("text", "thousandths"), [("8", 8_000), (" 0.5 ", 500), ("007.25", 7_250), ("0.001", 1)]
)
def test_an_epsilon_is_read_exactly(text: str, thousandths: int) -> None:
    assert milli_of(text) == thousandths


@pytest.mark.parametrize(
    "text", ["", ".", "8.", ".5", "0.0001", "-1", "+1", "1e3", "nan", "٣", "1,5", "9" * 30, "1_0"]
)
def test_what_is_no_epsilon_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no epsilon"):
        milli_of(text)


@given(st.text(max_size=12))
def test_any_text_is_an_epsilon_or_refused(text: str) -> None:
    with suppress(InputError):
        assert 0 <= milli_of(text) <= MAX_BUDGET
