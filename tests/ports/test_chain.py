"""The port `Chain`: who may write what into the register, and what everybody reads there."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from contracts.scene import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    EU,
    MODEL,
    RAW,
    RIVALS,
    STAGES,
    TERMS,
    US,
    VOTE_BY,
    WHO,
    EvmWorld,
    MemoryWorld,
    World,
    refusal,
)
from visdm.domain.assets import NO_RESERVE, Asset, Kind, Provider, State
from visdm.errors import UnknownError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from contracts.scene import At
    from memory.chain import MemoryMarket
    from visdm.ports import Chain


def everything(world: World) -> dict[str, Any]:
    """What any account may read, rounds named by their order."""
    chain = world["stranger"]
    names = {round_: f"round {place}" for place, round_ in enumerate(chain.rounds())}
    return {
        "now": chain.now(),
        "providers": list(chain.providers()),
        "assets": list(chain.assets()),
        "rounds": {names[round_]: terms for round_, terms in chain.rounds().items()},
        "opened": {names[round_]: time for round_, time in chain.opened().items()},
        "soughts": list(chain.soughts()),
        "ballots": [list(chain.ballots(round_)) for round_ in names],
        "voters": [list(chain.voters(round_)) for round_ in names],
        "outcomes": [chain.outcome(round_) for round_ in names],
        "jobs": [{**asdict(job), "round": names[round_]} for round_, job in chain.jobs().items()],
        "credits": [chain.credit(asset.asset) for asset in chain.assets()],
        "claimable": {name: chain.claimable(account) for name, account in WHO.items()},
        "balances": {name: chain.balance(account) for name, account in WHO.items()},
        "delegates": {name: chain.delegate_of(account) for name, account in WHO.items()},
        "keys": {name: chain.recipient(account) for name, account in WHO.items()},
        "escrowed": chain.escrowed(),
        "withdrawn": chain.withdrawn(),
    }


@pytest.mark.parametrize("stage", STAGES)
def test_both_markets_show_the_same_at_every_stage_of_a_trade(
    stage: str,
    memory_stages: dict[str, MemoryMarket],
    evm_stages: dict[str, Path],
    tmp_path: Path,
) -> None:
    memory, evm = MemoryWorld(memory_stages[stage]), EvmWorld(tmp_path / "chain", evm_stages[stage])
    assert everything(memory) == everything(evm)
    evm.close()


@pytest.mark.parametrize("stage", ["open", "settled"])
def test_a_market_taken_up_by_another_process_shows_the_same_and_goes_on(
    at: At, stage: str
) -> None:
    world = at(stage)
    world["dave"].delegate(WHO["erin"])
    world["alice"].publish_key("age1alice")
    before = everything(world)
    world.reopen()
    assert everything(world) == before
    world["alice"].retire(ALICE)
    assert world["erin"].assets()[0].state is State.RETIRED


# Providers and keys.


def test_providers_are_numbered_as_they_come(at: At) -> None:
    world = at("described")
    assert list(world["alice"].providers()) == [
        Provider(EU, WHO["provider"], "EU", 5),
        Provider(US, WHO["rival"], "US", 4),
    ]
    assert world["provider"].announce("CH", 0) == 3
    assert world["alice"].providers()[2] == Provider(3, WHO["provider"], "CH", 0)


@pytest.mark.parametrize("region", ["\0A", "eu", "E1", "E ", "@Z", "[A"])
def test_a_region_is_two_capital_letters(at: At, region: str) -> None:
    with refusal("NoRegion()"):
        at("described")["stranger"].announce(region, 5)


def test_the_first_and_the_last_letters_are_letters(at: At) -> None:
    world = at("described")
    world["stranger"].announce("AZ", 2**72 - 1)
    assert world["alice"].providers()[-1] == Provider(3, WHO["stranger"], "AZ", 2**72 - 1)


def test_the_last_key_that_an_account_published_counts(at: At) -> None:
    world = at("described")
    assert world["bob"].recipient(WHO["alice"]) == ""
    for key in ("age1first", "age1second"):
        world["alice"].publish_key(key)
    assert world["bob"].recipient(WHO["alice"]) == "age1second"
    assert world["bob"].recipient(WHO["bob"]) == ""


def test_a_delegate_is_named_replaced_and_taken_back(at: At) -> None:
    world = at("described")
    assert world["bob"].delegate_of(WHO["alice"]) == ""
    for to in (WHO["carol"], WHO["dave"], ""):
        world["alice"].delegate(to)
        assert world["bob"].delegate_of(WHO["alice"]) == to


def test_each_sees_itself(at: At) -> None:
    world = at("described")
    assert {name: world[name].account for name in WHO} == WHO


# Registering.


def test_a_data_asset_is_registered_as_said(at: At) -> None:
    world = at("described")
    asset = world["erin"].register(Kind.DATA, US, 2**32 - 1, 2**80 - 2, "a package", "grants")
    assert world["alice"].assets()[-1] == Asset(
        asset=asset,
        kind=Kind.DATA,
        state=State.REGISTERED,
        owner=WHO["erin"],
        provider=US,
        samples=2**32 - 1,
        reserve=2**80 - 2,
        package="a package",
        grants="grants",
        announced=(("grants", WHO["erin"]),),
    )


def test_a_model_asset_has_no_samples_and_no_reserve(at: At) -> None:
    world = at("described")
    asset = world["erin"].register(Kind.MODEL, EU, 5, 6, "a package", "grants")
    found = world["alice"].assets()[asset - 1]
    assert (found.kind, found.samples, found.reserve) == (Kind.MODEL, 0, NO_RESERVE)


def test_an_asset_needs_an_announced_provider(at: At) -> None:
    world = at("described")
    for kind, provider in product(Kind, (0, 3)):
        with refusal(f"UnknownProvider(provider={provider})"):
            world["alice"].register(kind, provider, 1, 1, "package", "grants")


def test_data_without_samples_is_refused(at: At) -> None:
    with refusal("NoSamples()"):
        at("described")["alice"].register(Kind.DATA, EU, 0, 1, "package", "grants")


def test_a_refused_registration_leaves_no_gap(at: At) -> None:
    world = at("described")
    before = world["alice"].assets()
    with refusal("NoSamples()"):
        world["alice"].register(Kind.DATA, EU, 0, 1, "package", "grants")
    assert world["alice"].assets() == before
    assert world["alice"].register(Kind.DATA, EU, 1, 1, "package", "grants") == len(before) + 1


# What a provider says of an asset.


def test_only_its_provider_describes_or_refuses_an_asset(at: At) -> None:
    world = at("described")
    for name in ("bob", "rival", "consumer", "stranger"):
        with refusal(f"NotProvider(asset={RAW}, account={WHO[name]})"):
            world[name].describe(RAW, "metadata")
        with refusal(f"NotProvider(asset={RAW}, account={WHO[name]})"):
            world[name].refuse(RAW, "reason")
    world["provider"].describe(RAW, "what it holds")
    found = world["alice"].assets()[RAW - 1]
    assert (found.state, found.metadata, found.refusal) == (State.DESCRIBED, "what it holds", "")


def test_a_refusal_is_public(at: At) -> None:
    world = at("described")
    world["provider"].refuse(RAW, "holds the images of asset 1")
    found = world["alice"].assets()[RAW - 1]
    assert found.state is State.REFUSED
    assert (found.metadata, found.refusal) == ("", "holds the images of asset 1")


def test_a_providers_word_is_final(at: At) -> None:
    world = at("described")
    world["provider"].refuse(RAW, "reason")
    world["carol"].retire(CAROL)
    for asset, state in ((RAW, State.REFUSED), (CAROL, State.RETIRED), (DAVE, State.DESCRIBED)):
        with refusal(f"WrongState(asset={asset}, state={int(state)})"):
            world["provider"].describe(asset, "another description")
        with refusal(f"WrongState(asset={asset}, state={int(state)})"):
            world["provider"].refuse(asset, "another reason")


UNKNOWN_ASSET: list[Callable[[Chain], None]] = [
    lambda chain: chain.describe(99, "metadata"),
    lambda chain: chain.refuse(99, "reason"),
    lambda chain: chain.set_reserve(99, 1),
    lambda chain: chain.grant(99, "grants"),
    lambda chain: chain.retire(99),
]


def test_an_asset_that_is_not_there_is_named(at: At) -> None:
    world = at("described")
    for act in UNKNOWN_ASSET:
        with refusal("UnknownAsset(asset=99)"):
            act(world["provider"])


# What an owner decides.


def test_only_the_owner_sets_the_reserve_grants_or_retires(at: At) -> None:
    world = at("described")
    for name in ("bob", "provider", "consumer", "deployer"):
        with refusal(f"NotOwner(asset={ALICE}, account={WHO[name]})"):
            world[name].set_reserve(ALICE, 1)
        with refusal(f"NotOwner(asset={ALICE}, account={WHO[name]})"):
            world[name].grant(ALICE, "grants")
        with refusal(f"NotOwner(asset={ALICE}, account={WHO[name]})"):
            world[name].retire(ALICE)
    world["alice"].set_reserve(ALICE, 12)
    world["alice"].set_reserve(ALICE, 11)
    world["bob"].retire(BOB)
    alices, bobs = world["carol"].assets()[:2]
    assert (alices.reserve, alices.state) == (11, State.DESCRIBED)
    assert bobs.state is State.RETIRED


def test_an_asset_is_granted_anew_in_any_state_until_it_is_retired(at: At) -> None:
    world = at("described")
    before = world["erin"].assets()
    for owner, asset in (("bob", RAW), ("alice", RIVALS), ("consumer", MODEL)):
        world[owner].grant(asset, f"grants of {asset}")
        after = world["erin"].assets()[asset - 1]
        was = before[asset - 1]
        said = (*was.announced, (f"grants of {asset}", WHO[owner]))
        assert after == replace(was, grants=f"grants of {asset}", announced=said)
        assert after.registrant == WHO[owner]
        world[owner].retire(asset)
        with refusal(f"WrongState(asset={asset}, state={int(State.RETIRED)})"):
            world[owner].grant(asset, "too late")
        assert world["erin"].assets()[asset - 1].grants == f"grants of {asset}"


def test_an_asset_is_retired_once_from_any_state(at: At) -> None:
    world = at("described")
    for owner, asset in (("bob", RAW), ("alice", RIVALS), ("consumer", MODEL)):
        world[owner].retire(asset)
        assert world["erin"].assets()[asset - 1].state is State.RETIRED
        with refusal(f"WrongState(asset={asset}, state={int(State.RETIRED)})"):
            world[owner].retire(asset)


def test_a_sold_asset_obeys_its_buyer(at: At) -> None:
    world = at("described")
    with refusal(f"ERC721InsufficientApproval(operator={WHO['bob']}, tokenId={ALICE})"):
        world.sell(ALICE, "bob", "carol")
    world.sell(ALICE, "alice", "carol")
    assert world["bob"].assets()[0].owner == WHO["carol"]
    with refusal("NotOwner"):
        world["alice"].set_reserve(ALICE, 1)
    world["carol"].set_reserve(ALICE, 9)
    assert world["bob"].assets()[0].reserve == 9


def test_an_asset_that_nobody_registered_is_not_for_sale(at: At) -> None:
    with refusal("ERC721NonexistentToken(tokenId=99)"):
        at("described").sell(99, "alice", "bob")


# Tokens.


def test_tokens_move_from_their_holder_only(at: At) -> None:
    world = at("described")
    world["consumer"].transfer(WHO["alice"], 400)
    world["alice"].transfer(WHO["bob"], 150)
    world["alice"].transfer(WHO["alice"], 250)
    held = {name: world["erin"].balance(WHO[name]) for name in ("consumer", "alice", "bob")}
    assert held == {"consumer": 10**6 - 400, "alice": 250, "bob": 150}
    needed = f"ERC20InsufficientBalance(sender={WHO['alice']}, balance=250, needed=251)"
    with refusal(needed):
        world["alice"].transfer(WHO["bob"], 251)


# What cannot be said to the contracts at all.

ROUND = "0x" + "00" * 32
UNKNOWN_ROUND: list[Callable[[Chain, str], object]] = [
    lambda chain, round_: chain.ballots(round_),
    lambda chain, round_: chain.voters(round_),
    lambda chain, round_: chain.outcome(round_),
    lambda chain, round_: chain.vote(round_, [0], 1),
    lambda chain, round_: chain.sign_ballot(round_, 0, 1, VOTE_BY),
    lambda chain, round_: chain.submit_ballots(round_, []),
    lambda chain, round_: chain.close_round(round_),
    lambda chain, round_: chain.fund(round_, 1),
    lambda chain, round_: chain.pay(round_),
    lambda chain, round_: chain.settle(round_, [], 0, "result", "report"),
    lambda chain, round_: chain.refund(round_),
]


def test_a_round_that_nobody_opened_is_unknown(at: At) -> None:
    world = at("described")
    for act in UNKNOWN_ROUND:
        with pytest.raises(UnknownError, match=f"unknown round: {ROUND}"):
            act(world["consumer"], ROUND)


MISFITS: dict[str, Callable[[Chain], object]] = {
    "a name for a round's id": lambda chain: chain.outcome("mine"),
    "a name for a round's id when signing": lambda chain: chain.sign_ballot("mine", 0, 1, 1),
    "a position beyond the dataset": lambda chain: chain.sign_ballot(first(chain), 5, 1, 1),
    "a negative position": lambda chain: chain.vote(first(chain), [-1], 1),
    "a choice beyond a byte": lambda chain: chain.vote(first(chain), [0], 256),
    "a position before the dataset": lambda chain: chain.sign_ballot(first(chain), -1, 1, 1),
    "a signed silence": lambda chain: chain.sign_ballot(first(chain), 0, 0, 1),
    "a deadline beyond 40 bits": lambda chain: chain.sign_ballot(first(chain), 0, 1, 2**40),
    "a signed choice beyond a byte": lambda chain: chain.sign_ballot(first(chain), 0, 256, 1),
    "a region of one letter": lambda chain: chain.announce("E", 1),
    "a region beyond ASCII": lambda chain: chain.announce("ÉU", 1),
    "a fee beyond 72 bits": lambda chain: chain.announce("EU", 2**72),
    "a provider beyond 24 bits": lambda chain: chain.register(Kind.DATA, 2**24, 1, 1, "a", "b"),
    "a reserve beyond 80 bits": lambda chain: chain.register(Kind.DATA, EU, 1, 2**80, "a", "b"),
    "samples beyond 32 bits": lambda chain: chain.register(Kind.DATA, EU, 2**32, 1, "a", "b"),
    "a negative reserve": lambda chain: chain.set_reserve(ALICE, -1),
    "a name for a delegate": lambda chain: chain.delegate("bob"),
    "a name for a payee": lambda chain: chain.transfer("bob", 1),
    "a name for an account": lambda chain: chain.balance("bob"),
    "a negative amount": lambda chain: chain.transfer(WHO["bob"], -1),
    "a negative limit": lambda chain: chain.fund(first(chain), -1),
    "a limit beyond 256 bits": lambda chain: chain.fund(first(chain), 2**256),
    "a negative asset": lambda chain: chain.credit(-1),
    "a method beyond 32 letters": lambda chain: chain.open_round(replace(TERMS, method="x" * 33)),
    "a method beyond ASCII": lambda chain: chain.open_round(replace(TERMS, method="é")),
    "a negative seed": lambda chain: chain.open_round(replace(TERMS, seed=-1)),
    "a price beyond 80 bits": lambda chain: chain.open_round(replace(TERMS, ladder=(2**80,))),
    "samples beyond 48 bits": lambda chain: chain.open_round(replace(TERMS, min_samples=2**48)),
    "a provider in terms beyond 24 bits": lambda chain: chain.open_round(
        replace(TERMS, provider=2**24)
    ),
    "a name for who is paid": lambda chain: chain.withdraw("bob"),
    "a name for a consumer": lambda chain: chain.open_round(replace(TERMS, consumer="bob")),
}


def first(chain: Chain) -> str:
    return next(iter(chain.rounds()))


def test_what_no_column_holds_is_the_users_mistake(at: At) -> None:
    world, let_through = at("open"), []
    for what, act in MISFITS.items():
        try:
            act(world["consumer"])
        except UserError:
            continue
        except Exception as error:  # noqa: BLE001  # whatever else comes is what is looked for
            let_through.append(f"{what}: {type(error).__name__}")
        else:
            let_through.append(f"{what}: nothing")
    assert not let_through
