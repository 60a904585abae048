"""Random trades: prices and rewards are the domain's, and no unit is lost on the way."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from contracts.scene import SUPPLY, TERMS, WHO, EvmWorld, MemoryWorld, World, close, fund
from visdm.domain.assets import State
from visdm.domain.jobs import JobState, rewards, shares
from visdm.domain.rounds import BASIS, REJECT, SILENT, RoundState, Standing, Task, tally
from visdm.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from memory.chain import MemoryMarket
    from visdm.domain.rounds import Outcome, Terms

OWNERS = ("alice", "bob", "carol", "dave", "erin")
PAYEES = (*OWNERS, "consumer", "provider")
ONE_AFTER_ANOTHER = (Phase.explicit, Phase.generate)
"""Without shrinking: an example on the chain takes half a second."""


@st.composite
def votes(draw: st.DrawFn) -> tuple[dict[str, Any], list[int], dict[int, int], set[int]]:
    """Terms to change, ballots by position, reserves to set and owners to retire."""
    ladder = draw(st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True).map(sorted))
    choice = st.sampled_from([SILENT, REJECT, *range(1, len(ladder) + 1)])
    changes = {
        "ladder": tuple(ladder),
        "quorum": draw(st.sampled_from([0, 2_608, 2_609, 5_000, BASIS])),
        "threshold": draw(st.sampled_from([1, 3_333, 5_000, 6_667, BASIS])),
        "min_samples": draw(st.sampled_from([1, 100, 300, 301, 1_150])),
    }
    ballots = draw(st.lists(choice, min_size=5, max_size=5))
    reserves = draw(st.dictionaries(st.integers(0, 4), st.integers(0, 50), max_size=2))
    retired = draw(st.sets(st.integers(0, 4), max_size=1))
    return changes, ballots, reserves, retired


def parts_of(outcome: Outcome, weights: Sequence[int]) -> tuple[int, ...]:
    """Shares by position: the weights of those in the dataset, in whole units."""
    inside = {p: w for p, w in enumerate(weights) if outcome.includes(p)}
    return tuple(shares(inside).get(p, 0) for p in range(len(weights)))  # type: ignore[arg-type]  # whole numbers are fractions


@given(vote=votes(), weights=st.lists(st.integers(0, 1_000), min_size=5, max_size=5))
@settings(
    max_examples=6,
    deadline=None,
    phases=ONE_AFTER_ANOTHER,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_random_trade_ends_on_the_chain_as_the_domain_says(
    evm_stages: dict[str, Path],
    tmp_path: Path,
    vote: tuple[dict[str, Any], list[int], dict[int, int], set[int]],
    weights: list[int],
) -> None:
    changes, ballots, reserves, retired = vote
    path = tmp_path / "chain"
    path.unlink(missing_ok=True)
    world = EvmWorld(path, evm_stages["described"])
    for position, reserve in reserves.items():
        world[OWNERS[position]].set_reserve(TERMS.assets[position], reserve)
    terms = replace(TERMS, **changes)
    round_ = world["consumer"].open_round(terms)
    for position in retired:
        world[OWNERS[position]].retire(TERMS.assets[position])
    close(world, round_, ballots)
    outcome = world["erin"].outcome(round_)
    register = world["erin"].assets()[:5]
    standings = [Standing(a.samples, a.reserve, a.state is State.DESCRIBED) for a in register]
    assert outcome == tally(terms, standings, ballots)
    if outcome.state is RoundState.PRICED:
        fund(world, round_)
        parts = parts_of(outcome, weights)
        world["provider"].settle(round_, parts, 0, "result", "report")
        earned = tuple(world["erin"].credit(asset).earned for asset in terms.assets)
        assert earned == rewards(outcome.price, parts)
    world.close()


class Trades(RuleBasedStateMachine):
    """Rounds, jobs, sales and withdrawals in any order, the same on every world."""

    worlds: Callable[[], Sequence[World]]

    def __init__(self) -> None:
        super().__init__()
        self.held = tuple(type(self).worlds())
        self.opened = [tuple(world.round for world in self.held)]

    def each(self, act: Callable[[World, str], object], place: int | None = None) -> None:
        """Do the same on every world, on its own round; all must answer the same."""
        ids = [""] * len(self.held) if place is None else self.opened[place % len(self.opened)]
        answers = []
        for world, round_ in zip(self.held, ids, strict=True):
            try:
                answers.append(act(world, round_))
            except RefusedError as error:
                answers.append(error.reason.partition("(")[0])
        assert answers.count(answers[0]) == len(answers), answers

    @rule(
        choices=st.lists(st.sampled_from([SILENT, 1, 1, 2, REJECT]), min_size=5, max_size=5),
        task=st.sampled_from(Task),
        cap=st.integers(0, 3_000),
        closed=st.booleans(),
    )
    def hold_a_round(self, choices: list[int], task: Task, cap: int, *, closed: bool) -> None:
        now = self.held[0]["consumer"].now()
        terms = replace(
            TERMS,
            ladder=(1, 7),
            quorum=0,
            task=task,
            seed=len(self.opened),
            fee_cap=cap,
            vote_by=now + 1_000,
            fund_by=now + 10_000,
            settle_by=now + 20_000,
        )
        opened = tuple(offered(world, terms, choices, closed=closed) for world in self.held)
        if all(opened):
            self.opened.append(opened)
        assert all(opened) or not any(opened)

    @rule(place=st.integers(0, 9))
    def fund_a_job(self, place: int) -> None:
        self.each(lambda world, round_: world["consumer"].fund(round_, SUPPLY), place)

    @rule(
        place=st.integers(0, 9),
        weights=st.lists(st.integers(0, 9), min_size=5, max_size=5),
        fee=st.integers(0, 3_000),
        off=st.sampled_from([0, 0, 0, 1]),
    )
    def settle_a_job(self, place: int, weights: list[int], fee: int, off: int) -> None:
        def settle(world: World, round_: str) -> None:
            outcome = world["provider"].outcome(round_)
            parts: tuple[int, ...] = ()
            if world["provider"].rounds()[round_].task is Task.TRAIN:
                parts = (0,) * 5
                if outcome is not None and outcome.state is RoundState.PRICED:
                    parts = parts_of(outcome, weights)
            parts = tuple(part + off for part in parts)
            world["provider"].settle(round_, parts, fee, "result", "report")

        self.each(settle, place)

    @rule(place=st.integers(0, 9), name=st.sampled_from(["consumer", "stranger", "provider"]))
    def refund_a_job(self, place: int, name: str) -> None:
        self.each(lambda world, round_: world[name].refund(round_), place)

    @rule(name=st.sampled_from(PAYEES), to=st.sampled_from(["", WHO["stranger"], WHO["alice"]]))
    def withdraw(self, name: str, to: str) -> None:
        self.each(lambda world, _: world[name].withdraw(to))

    @rule(asset=st.integers(1, 5), seller=st.sampled_from(OWNERS), buyer=st.sampled_from(OWNERS))
    def sell(self, asset: int, seller: str, buyer: str) -> None:
        self.each(lambda world, _: world.sell(asset, seller, buyer))

    @rule(seconds=st.sampled_from([20_000, 200_000]))
    def wait(self, seconds: int) -> None:
        # A refused transaction may have cost the chain a block; here the clocks meet again.
        to = max(world["erin"].now() for world in self.held) + seconds
        for world in self.held:
            world.travel(to)

    @invariant()
    def every_unit_is_somebodys(self) -> None:
        for world in self.held:
            chain = world["stranger"]
            funded = [job for job in chain.jobs().values() if job.state is JobState.FUNDED]
            claimable = sum(chain.claimable(WHO[name]) for name in PAYEES)
            assert chain.escrowed() == claimable + sum(j.price + j.fee_cap for j in funded)
            paid_in = sum(job.price + job.fee_cap for job in chain.jobs().values())
            assert paid_in == chain.withdrawn() + chain.escrowed()

    def teardown(self) -> None:
        first, *others = (everybodys_money(world) for world in self.held)
        assert all(other == first for other in others)
        for world in self.held:
            chain = world["stranger"]
            held = sum(chain.balance(account) for account in WHO.values())
            assert held + chain.escrowed() == SUPPLY
            world.close()


def offered(world: World, terms: Terms, choices: Sequence[int], *, closed: bool) -> str:
    try:
        round_ = world["consumer"].open_round(terms)
    except RefusedError:
        return ""
    close(world, round_, choices, closed=closed)
    return round_


def everybodys_money(world: World) -> list[Any]:
    chain = world["stranger"]
    credits_ = [chain.credit(asset) for asset in range(1, 6)]
    jobs = [replace(job, round="") for job in chain.jobs().values()]
    return [
        credits_,
        jobs,
        *((chain.balance(WHO[name]), chain.claimable(WHO[name])) for name in PAYEES),
    ]


def run(worlds: Callable[[], Sequence[World]], examples: int, steps: int) -> None:
    machine = type("Machine", (Trades,), {"worlds": staticmethod(worlds)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=ONE_AFTER_ANOTHER,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_money_is_conserved_by_the_rules(memory_stages: dict[str, MemoryMarket]) -> None:
    run(lambda: [MemoryWorld(copy.deepcopy(memory_stages["funded"]))], examples=50, steps=25)


def test_money_is_conserved_on_the_chain_as_by_the_rules(
    memory_stages: dict[str, MemoryMarket], evm_stages: dict[str, Path], tmp_path: Path
) -> None:
    numbers = count()

    def worlds() -> list[World]:
        memory = MemoryWorld(copy.deepcopy(memory_stages["funded"]))
        return [memory, EvmWorld(tmp_path / str(next(numbers)), evm_stages["funded"])]

    run(worlds, examples=3, steps=8)
