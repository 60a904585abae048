"""The port `Chain`: what owners allow, and what that keeps out of rounds and jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.scene import (
    ALICE,
    BOB,
    CAROL,
    CHOICES,
    CID,
    DAVE,
    DUE,
    ERIN,
    EU,
    MODEL,
    SHARES,
    TERMS,
    WHO,
    close,
    fund,
    later,
    refusal,
    settle,
)
from visdm.domain.assets import NO_RESERVE, Kind, State
from visdm.domain.permissions import Allows, Permission
from visdm.domain.regimes import MAX_EPSILON, Regime
from visdm.domain.rounds import SILENT, RoundState, Task
from visdm.errors import InputError

if TYPE_CHECKING:
    from contracts.scene import At, World

OTHER = "bafkrei" + "b" * 52
LOOP, SCRIPTS = Permission(), Permission(Allows.SCRIPTS)
LISTED = Permission(Allows.LISTED, models=(OTHER, CID))
ELSEWHERE = Permission(Allows.LISTED, models=(OTHER,))


def private(epsilon: int, budget: int) -> Permission:
    return Permission(Allows.PRIVATE, epsilon, budget)


def model(world: World, regime: Regime, epsilon: int = 0, package: str = CID) -> int:
    """Register a model of the consumer's that trains so, and have it described."""
    given = (Kind.MODEL, EU, 0, NO_RESERVE, package, "grants")
    number = world["consumer"].register(*given, regime=regime, epsilon=epsilon)
    world["provider"].describe(number, CID)
    return number


def choices(world: World, number: int, task: Task = Task.TRAIN) -> tuple[int, ...]:
    """Return the final answers of a round over a model in which all but erin answer."""
    terms = replace(TERMS, model=number, task=task, quorum=0, seed=number, **later(world))
    round_ = world["consumer"].open_round(terms)
    close(world, round_, (1, 1, 1, 1, SILENT))
    outcome = world["erin"].outcome(round_)
    assert outcome is not None
    return outcome.choices


def job(world: World, number: int, seed: int, *, funded: bool = True) -> str:
    """Open, close and fund a round over a model in which all but erin answer."""
    terms = replace(TERMS, model=number, quorum=0, seed=seed, **later(world))
    round_ = world["consumer"].open_round(terms)
    close(world, round_, (1, 1, 1, 1, SILENT))
    if funded:
        fund(world, round_)
    return round_


def spent(world: World) -> dict[int, int]:
    """Return what jobs took of each asset's budget, where they took any."""
    return {asset.asset: asset.spent for asset in world["erin"].assets() if asset.spent}


# What is said, and by whom.


def test_a_model_says_how_it_trains(at: At) -> None:
    world = at("described")
    plain, dp = model(world, Regime.LOOP), model(world, Regime.PRIVATE, MAX_EPSILON)
    script = model(world, Regime.SCRIPT)
    register = world["erin"].assets()
    said = [(register[n - 1].regime, register[n - 1].epsilon) for n in (MODEL, plain, dp, script)]
    loop = (Regime.LOOP, 0)
    assert said == [loop, loop, (Regime.PRIVATE, MAX_EPSILON), (Regime.SCRIPT, 0)]


@pytest.mark.parametrize(
    ("regime", "epsilon"),
    [
        (Regime.LOOP, 1),
        (Regime.SCRIPT, 8_000),
        (Regime.PRIVATE, 0),
        (Regime.PRIVATE, MAX_EPSILON + 1),
    ],
)
def test_epsilon_is_what_private_models_have_and_no_others(
    at: At, regime: Regime, epsilon: int
) -> None:
    world = at("described")
    with refusal(f"BadEpsilon(regime={int(regime)}, epsilon={epsilon})"):
        model(world, regime, epsilon)


def test_a_model_is_no_other_after_its_reserve_is_set(at: At) -> None:
    world = at("described")
    number = model(world, Regime.PRIVATE, 4_000)
    world["consumer"].set_reserve(number, 0)
    found = world["erin"].assets()[number - 1]
    assert (found.regime, found.epsilon) == (Regime.PRIVATE, 4_000)


def test_a_permission_stands_until_it_is_replaced(at: At) -> None:
    world = at("described")
    assert {asset.permission for asset in world["erin"].assets()} == {LOOP}
    for permission in (private(8_000, 20_000), LISTED, SCRIPTS, private(1, 2**32 - 1), LOOP):
        world["alice"].allow(ALICE, permission)
        found = world["erin"].assets()[ALICE - 1]
        assert (found.permission, found.state) == (permission, State.DESCRIBED)
    world.reopen()
    assert world["erin"].assets()[ALICE - 1].permission == LOOP


def test_a_permission_outlives_description_and_sale_and_obeys_the_buyer(at: At) -> None:
    world = at("described")
    number = world["alice"].register(Kind.DATA, EU, 5, NO_RESERVE, CID, CID)
    world["alice"].allow(number, LISTED)
    world["provider"].describe(number, CID)
    world.sell(number, "alice", "bob")
    with refusal("NotOwner"):
        world["alice"].allow(number, LOOP)
    assert world["erin"].assets()[number - 1].permission == LISTED
    world["bob"].allow(number, SCRIPTS)
    assert world["erin"].assets()[number - 1].permission == SCRIPTS


def test_only_its_owner_says_what_an_asset_allows_and_only_of_images(at: At) -> None:
    world = at("described")
    for name in ("bob", "provider", "consumer", "deployer"):
        with refusal(f"NotOwner(asset={ALICE}, account={WHO[name]})"):
            world[name].allow(ALICE, SCRIPTS)
    with refusal("UnknownAsset(asset=99)"):
        world["alice"].allow(99, SCRIPTS)
    with refusal(f"NotData(asset={MODEL})"):
        world["consumer"].allow(MODEL, SCRIPTS)
    world["alice"].retire(ALICE)
    with refusal(f"WrongState(asset={ALICE}, state={int(State.RETIRED)})"):
        world["alice"].allow(ALICE, SCRIPTS)


@pytest.mark.parametrize(
    "permission",
    [
        private(0, 5),
        private(6, 5),
        Permission(epsilon=1),
        Permission(budget=1),
        Permission(Allows.SCRIPTS, epsilon=1, budget=1),
        Permission(Allows.LISTED),
        Permission(Allows.LISTED, epsilon=1, models=(CID,)),
        Permission(models=(CID,)),
        replace(private(1, 1), models=(CID,)),
    ],
)
def test_a_permission_that_nobody_can_mean_is_refused(at: At, permission: Permission) -> None:
    world = at("described")
    with pytest.raises(InputError):
        permission.check()
    with refusal(f"BadPermission(allows={int(permission.allows)}, epsilon={permission.epsilon}, "):
        world["alice"].allow(ALICE, permission)
    assert world["erin"].assets()[ALICE - 1].permission == LOOP


def test_what_its_columns_do_not_hold_is_the_users_mistake(at: At) -> None:
    world = at("described")
    for permission in (private(1, 2**32), private(-1, 5)):
        with pytest.raises(InputError):
            world["alice"].allow(ALICE, permission)


# What it keeps out of rounds.

ADMITS = {
    "loop": (LOOP, (Regime.LOOP, Regime.PRIVATE)),
    "private": (private(4_000, 4_000), (Regime.PRIVATE,)),
    "private, less": (private(3_999, 9_000), ()),
    "listed": (LISTED, tuple(Regime)),
    "listed, another": (ELSEWHERE, ()),
    "scripts": (SCRIPTS, tuple(Regime)),
}


@pytest.mark.parametrize("name", ADMITS)
def test_a_round_counts_only_who_admits_its_model(at: At, name: str) -> None:
    world = at("described")
    permission, admitted = ADMITS[name]
    world["bob"].allow(BOB, permission)
    for regime in Regime:
        number = model(world, regime, 4_000 if regime is Regime.PRIVATE else 0)
        # The others allow what all do.
        others = SILENT if regime is Regime.SCRIPT else 1
        bobs = 1 if regime in admitted else SILENT
        assert choices(world, number)[:4] == (others, bobs, others, others)


def test_a_test_of_a_private_model_is_not_private(at: At) -> None:
    world = at("described")
    world["alice"].allow(ALICE, private(4_000, 4_000))
    world["bob"].allow(BOB, SCRIPTS)
    number = model(world, Regime.PRIVATE, 4_000)
    assert choices(world, number, Task.TEST) == (SILENT, 1, 1, 1, SILENT)
    assert spent(world) == {}


def test_a_list_replaces_the_one_before_it(at: At) -> None:
    world = at("described")
    other = model(world, Regime.SCRIPT, package=OTHER)
    world["alice"].allow(ALICE, Permission(Allows.LISTED, models=(CID,)))
    world["bob"].allow(BOB, ELSEWHERE)
    assert choices(world, other)[:2] == (SILENT, 1)
    world["alice"].allow(ALICE, ELSEWHERE)
    world["bob"].allow(BOB, Permission(Allows.LISTED, models=(CID,)))
    assert choices(world, model(world, Regime.SCRIPT, package=OTHER))[:2] == (1, SILENT)
    world["alice"].allow(ALICE, LOOP)
    world["alice"].allow(ALICE, Permission(Allows.LISTED, models=(CID,)))
    assert choices(world, model(world, Regime.SCRIPT, package=OTHER))[0] == SILENT


def test_narrowed_during_the_vote_it_is_out_of_the_electorate(at: At) -> None:
    world = at("open")
    world["dave"].allow(DAVE, private(1, 1))
    close(world, world.round, (1, 2, 3, SILENT, 1))
    outcome = world["erin"].outcome(world.round)
    assert outcome is not None
    assert (outcome.choices, outcome.state) == ((1, 2, 3, SILENT, 1), RoundState.PRICED)
    assert not outcome.includes(DAVE - 1)


def test_widened_during_the_vote_it_is_in_again(at: At) -> None:
    world = at("open")
    world["dave"].allow(DAVE, private(1, 1))
    world["dave"].allow(DAVE, SCRIPTS)
    close(world, world.round, (1, 2, 3, SILENT, SILENT))
    outcome = world["erin"].outcome(world.round)
    assert outcome is not None
    assert outcome.choices == CHOICES


def test_narrowed_after_the_vote_it_stops_the_funding_until_it_is_widened(at: At) -> None:
    world = at("priced")
    world["carol"].allow(CAROL, ELSEWHERE)  # who asked for more, and is not in the dataset
    world["bob"].allow(BOB, ELSEWHERE)
    with refusal(f"AssetUnavailable(asset={BOB})"):
        fund(world, world.round)
    assert world["erin"].escrowed() == 0
    world["bob"].allow(BOB, LISTED)
    fund(world, world.round)
    assert world["erin"].escrowed() == DUE


def test_narrowed_after_the_funding_it_changes_nothing_on_chain(at: At) -> None:
    world = at("funded")
    world["bob"].allow(BOB, ELSEWHERE)
    settle(world, SHARES)
    assert world["erin"].credit(BOB).earned > 0


# A budget over an asset's life.


def test_a_budget_is_taken_by_funding_and_used_up(at: At) -> None:
    world = at("described")
    world["alice"].allow(ALICE, private(4_000, 7_000))
    world["bob"].allow(BOB, private(4_000, 3_000 + 4_000))
    world["erin"].allow(ERIN, private(4_000, 9_000))  # silent, and so charged nothing
    small, large = model(world, Regime.PRIVATE, 3_000), model(world, Regime.PRIVATE, 4_000)
    first = job(world, small, 1)
    assert spent(world) == {ALICE: 3_000, BOB: 3_000}
    assert world["erin"].jobs()[first].charged == (ALICE, BOB)
    job(world, large, 2)
    assert spent(world) == {ALICE: 7_000, BOB: 7_000}
    assert choices(world, model(world, Regime.PRIVATE, 1)) == (SILENT, SILENT, 1, 1, SILENT)
    assert spent(world) == {ALICE: 7_000, BOB: 7_000}


def test_a_job_without_epsilon_takes_none(at: At) -> None:
    world = at("described")
    world["alice"].allow(ALICE, LISTED)
    world["bob"].allow(BOB, SCRIPTS)
    taken = job(world, model(world, Regime.PRIVATE, 5_000), 1)
    assert (spent(world), world["erin"].jobs()[taken].charged) == ({}, ())


def test_a_refund_gives_back_what_the_job_took_and_nothing_else(at: At) -> None:
    world = at("described")
    number = model(world, Regime.PRIVATE, 3_000)
    uncharged = job(world, number, 1)
    world["alice"].allow(ALICE, private(3_000, 6_000))
    world["bob"].allow(BOB, private(3_000, 3_000))
    charged = job(world, number, 2)
    assert spent(world) == {ALICE: 3_000, BOB: 3_000}
    # What alice allows by then, and whether the model is still there, changes nothing.
    world["alice"].allow(ALICE, LOOP)
    world["consumer"].retire(number)
    world["provider"].refund(uncharged)
    assert spent(world) == {ALICE: 3_000, BOB: 3_000}
    world["provider"].refund(charged)
    assert spent(world) == {}
    assert world["erin"].jobs()[charged].charged == (ALICE, BOB)
    with refusal("NotFunded"):
        world["provider"].refund(charged)


def test_a_settled_job_keeps_what_it_took_whatever_change_goes_back(at: At) -> None:
    world = at("described")
    world["alice"].allow(ALICE, private(3_000, 6_000))
    round_ = job(world, model(world, Regime.PRIVATE, 3_000), 1)
    world["provider"].settle(round_, SHARES, 1, "result", "report")
    world["consumer"].withdraw()
    assert spent(world) == {ALICE: 3_000}


def test_of_two_rounds_for_the_last_of_a_budget_one_is_funded(at: At) -> None:
    world = at("described")
    world["bob"].allow(BOB, private(4_000, 5_000))
    number = model(world, Regime.PRIVATE, 4_000)
    rounds = [job(world, number, seed, funded=False) for seed in (1, 2)]
    fund(world, rounds[0])
    with refusal(f"AssetUnavailable(asset={BOB})"):
        fund(world, rounds[1])
    world["provider"].refund(rounds[0])
    fund(world, rounds[1])
    assert spent(world) == {BOB: 4_000}


def test_a_budget_lowered_below_what_was_spent_admits_nothing_and_a_higher_one_the_rest(
    at: At,
) -> None:
    world = at("described")
    world["bob"].allow(BOB, private(4_000, 8_000))
    number = model(world, Regime.PRIVATE, 4_000)
    job(world, number, 1)
    for permission, bobs in (
        (private(4_000, 4_000), SILENT),
        (private(4_000, 7_999), SILENT),
        (private(4_000, 8_000), 1),
    ):
        world["bob"].allow(BOB, LOOP)  # what was spent stays spent
        world["bob"].allow(BOB, permission)
        assert choices(world, number)[BOB - 1] == bobs


def test_a_delegates_answer_counts_nothing_for_what_the_owner_does_not_allow(at: At) -> None:
    world = at("described")
    world["alice"].allow(ALICE, ELSEWHERE)
    world["alice"].delegate(WHO["bob"])
    terms = replace(TERMS, quorum=0, **later(world))
    round_ = world["consumer"].open_round(terms)
    world["bob"].vote(round_, [0, 1], 1)
    close(world, round_)
    outcome = world["erin"].outcome(round_)
    assert outcome is not None
    assert outcome.choices[:2] == (SILENT, 1)
