"""Allowances that are signed (ERC-2612): what they cost nobody, and what they let nobody do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from web3 import HTTPProvider, Web3

from contracts.scene import DUE, KEYS, PURSE, TERMS, WHO, EvmWorld, refusal
from visdm.adapters.evm.history import history
from visdm.adapters.evm.permits import PERMIT_SECONDS, permit_of
from visdm.adapters.evm.rounds import to_tuple
from visdm.adapters.evm.session import Ledger
from visdm.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable

    Evm = Callable[[str], EvmWorld]
    Permit = tuple[int, int, int, bytes, bytes]


def permit(world: EvmWorld, name: str = "consumer", value: int = DUE, seconds: int = 600) -> Permit:
    """Sign an allowance for the jobs contract."""
    until = world["erin"].now() + seconds
    signed = permit_of(world.ledger, KEYS[name], world.market.jobs, value, until)
    assert signed is not None
    return signed


def test_a_round_is_funded_in_one_transaction(evm: Evm) -> None:
    world = evm("priced")
    before = len(list(history(world.node.web3, world.market)))
    world["consumer"].fund(world.round, DUE)
    after = [entry.operation for entry in history(world.node.web3, world.market)][before:]
    assert after == ["fund_job"]
    left = world["erin"]._call("token", "allowance", WHO["consumer"], world.market.jobs)
    assert left == 0


def test_who_uses_up_a_permit_first_cannot_stop_the_funding(evm: Evm) -> None:
    """Whoever sees the transaction coming may send its signature to the token before it."""
    world = evm("priced")
    signed = permit(world)
    world.send("stranger", "token", "permit", WHO["consumer"], world.market.jobs, *signed)
    world.send("consumer", "jobs", "fundWithPermit", to_tuple(TERMS), *signed)
    assert world["erin"].escrowed() == DUE


def test_a_permit_pays_once(evm: Evm) -> None:
    world = evm("priced")
    signed = permit(world)
    world["consumer"].fund(world.round, DUE)
    with refusal("ERC2612InvalidSigner("):
        world.send("stranger", "token", "permit", WHO["consumer"], world.market.jobs, *signed)


@pytest.mark.parametrize("seconds", [-1, -1_000])
def test_a_permit_that_is_late_allows_nothing(evm: Evm, seconds: int) -> None:
    world = evm("priced")
    late = permit(world, seconds=seconds)
    with refusal(f"ERC20InsufficientAllowance(spender={world.market.jobs}, allowance=0"):
        world.send("consumer", "jobs", "fundWithPermit", to_tuple(TERMS), *late)


def test_a_permit_of_another_allows_nothing(evm: Evm) -> None:
    world = evm("priced")
    others = permit(world, "rival")
    with refusal(f"ERC20InsufficientAllowance(spender={world.market.jobs}, allowance=0"):
        world.send("consumer", "jobs", "fundWithPermit", to_tuple(TERMS), *others)
    with refusal(f"NotConsumer(account={WHO['rival']})"):
        world.send("rival", "jobs", "fundWithPermit", to_tuple(TERMS), *others)
    assert world["erin"].balance(WHO["consumer"]) == PURSE


def test_an_allowance_given_before_does_not_stand_above_the_limit(evm: Evm) -> None:
    world = evm("priced")
    world.send("consumer", "token", "approve", world.market.jobs, 2**256 - 1)
    with refusal("ERC20InsufficientAllowance("):
        world["consumer"].fund(world.round, DUE - 1)
    world["consumer"].fund(world.round, DUE)
    assert world["erin"].escrowed() == DUE


def test_an_allowance_of_just_the_limit_is_used(evm: Evm) -> None:
    world = evm("priced")
    world.send("consumer", "token", "approve", world.market.jobs, DUE)
    world["consumer"].fund(world.round, DUE)
    assert world["erin"]._call("token", "nonces", WHO["consumer"]) == 0
    assert world["erin"].escrowed() == DUE


def test_a_permit_outlives_the_block_it_is_meant_for(evm: Evm) -> None:
    world = evm("priced")
    signed = permit(world, seconds=PERMIT_SECONDS)
    world.travel(world["erin"].now() + PERMIT_SECONDS // 2)
    world.send("consumer", "jobs", "fundWithPermit", to_tuple(TERMS), *signed)
    assert world["erin"].escrowed() == DUE


def test_a_node_out_of_reach_is_no_token_without_permits(evm: Evm) -> None:
    world = evm("priced")
    nowhere = Ledger(Web3(HTTPProvider("http://127.0.0.1:9")), world.market)
    with pytest.raises(ChainError):
        permit_of(nowhere, KEYS["consumer"], world.market.jobs, DUE, world["erin"].now() + 600)
