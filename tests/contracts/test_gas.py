"""What each operation costs, from receipts: a change that makes one dearer by 5 % fails here.

So does one that makes it cheaper by a tenth: then what is written here is to be lowered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.scene import (
    ALICE,
    CID,
    DAVE,
    EU,
    FEE,
    OWNERS,
    SETTLE_BY,
    TERMS,
    WHO,
    EvmWorld,
    close,
    fund,
    offer,
)
from visdm.adapters.evm.history import history
from visdm.domain.assets import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.domain.rounds import Terms

    Evm = Callable[[str], EvmWorld]

MEASURED = {
    "announce a provider": 51_649,
    "publish a key": 25_425,
    "register the first data asset of an owner": 107_089,
    "register another data asset": 89_857,
    "register a model asset": 106_418,
    "register metadata": 35_666,
    "set a reserve": 30_697,
    "name a delegate": 45_602,
    "retire an asset": 30_284,
    "vote directly, first of a round": 63_156,
    "vote directly": 46_068,
    "open a round, 5 owners": 103_300,
    "submit 5 ballots": 146_136,
    "close, 5 ballots": 75_085,
    "close, 5 reserves": 95_415,
    "allow": 45_956,
    "fund, 5 owners": 141_761,
    "settle, 5 owners, first rewards": 232_144,
    "settle, 5 owners, later rewards": 129_556,
    "withdraw a first reward": 69_236,
    "withdraw a fee": 55_999,
    "refund": 62_669,
    "open a round, 10 owners": 130_052,
    "submit 10 ballots": 225_024,
    "whole trade, 5 owners, by ballots": 744_382,
    "whole trade again, 5 owners, by ballots": 624_754,
    "whole trade, 5 owners, by reserves": 618_576,
}
DEARER, CHEAPER = 1.05, 0.9


def spent(world: EvmWorld) -> list[tuple[str, int]]:
    """Operations and their gas, oldest first."""
    return [(entry.operation, entry.gas) for entry in history(world.node.web3, world.market)]


def check(measured: dict[str, int]) -> None:
    """Hold every measurement against the one that is written here."""
    assert not {
        name: gas for name, gas in measured.items() if not CHEAPER <= gas / MEASURED[name] <= DEARER
    }


def signed(world: EvmWorld, round_: str) -> None:
    """Submit a ballot for every asset at once."""
    names = {account: name for name, account in WHO.items()}
    register, terms = world["erin"].assets(), world["erin"].rounds()[round_]
    ballots = [
        world[names[register[asset - 1].owner]].sign_ballot(round_, position, 1, terms.vote_by)
        for position, asset in enumerate(terms.assets)
    ]
    assert world["consumer"].submit_ballots(round_, ballots) == {}


def trade(world: EvmWorld, terms: Terms, *, ballots: bool) -> dict[str, int]:
    """Trade from opening to settlement; return the gas of each operation."""
    before = len(spent(world))
    round_ = world["consumer"].open_round(terms)
    if ballots:
        signed(world, round_)
    close(world, round_)
    fund(world, round_)
    world["provider"].settle(round_, [200_000_000] * 5, FEE, CID, CID)
    return dict(spent(world)[before:])


def test_registering_costs_no_more(evm: Evm) -> None:
    world = evm("described")
    world["dave"].publish_key("age1" + "q" * 58)
    world["erin"].register(Kind.DATA, EU, 5, 5, CID, CID)
    world["dave"].set_reserve(DAVE, 10)
    world["dave"].delegate(WHO["erin"])
    world["dave"].retire(DAVE)
    gas = spent(world)
    registered = [g for operation, g in gas if operation == "register_data_asset"]
    every = dict(gas)
    check(
        {
            "announce a provider": every["announce_provider"],
            "publish a key": every["publish_key"],
            "register the first data asset of an owner": registered[1],
            "register another data asset": registered[-1],
            "register a model asset": every["register_model_asset"],
            "register metadata": every["register_metadata"],
            "set a reserve": every["set_reserve"],
            "name a delegate": every["delegate"],
            "retire an asset": every["retire_asset"],
        }
    )


def test_a_trade_by_ballots_costs_no_more(evm: Evm) -> None:
    world = evm("described")
    first = trade(world, TERMS, ballots=True)
    for name in ("alice", "provider"):
        world[name].withdraw()
    withdrawn = [gas for operation, gas in spent(world) if operation == "withdraw"]
    by = SETTLE_BY
    later = replace(TERMS, vote_by=by, fund_by=by + 100, settle_by=by + 200)
    again = trade(world, later, ballots=True)
    check(
        {
            "open a round, 5 owners": first["open_round"],
            "submit 5 ballots": first["submit_ballots"],
            "close, 5 ballots": first["close_round"],
            "allow": first["allow_tokens"],
            "fund, 5 owners": first["fund_job"],
            "settle, 5 owners, first rewards": first["settle_job"],
            "settle, 5 owners, later rewards": again["settle_job"],
            "withdraw a first reward": withdrawn[0],
            "withdraw a fee": withdrawn[1],
            "whole trade, 5 owners, by ballots": sum(first.values()),
            "whole trade again, 5 owners, by ballots": sum(again.values()),
        }
    )


def test_a_trade_by_reserves_costs_no_more(evm: Evm) -> None:
    world = evm("described")
    for asset, name in enumerate(OWNERS, start=ALICE):
        world[name].set_reserve(asset, 10)
    gas = trade(world, TERMS, ballots=False)
    check(
        {
            "close, 5 reserves": gas["close_round"],
            "whole trade, 5 owners, by reserves": sum(gas.values()),
        }
    )


def test_ten_ballots_cost_no_more(evm: Evm) -> None:
    world = evm("described")
    more = tuple(offer(world, name, 10) for name in OWNERS)
    signed(world, world["consumer"].open_round(replace(TERMS, assets=(*TERMS.assets, *more))))
    (_, opened), (_, submitted) = spent(world)[-2:]
    check({"open a round, 10 owners": opened, "submit 10 ballots": submitted})


def test_voting_and_refunding_cost_no_more(evm: Evm) -> None:
    world = evm("funded")
    world.travel(SETTLE_BY + 1)
    world["stranger"].refund(world.round)
    gas = spent(world)
    votes = [g for operation, g in gas if operation == "vote_direct"]
    check(
        {
            "vote directly, first of a round": votes[0],
            "vote directly": votes[1],
            "refund": gas[-1][1],
        }
    )
