"""What each operation costs, from receipts: a change that makes one dearer by 5 % fails here.

So does one that makes it cheaper by a tenth: then what is written here is to be lowered. What
owners and consumers are promised (`PROMISED`) holds whatever is written beside it.
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
    FEE_CAP,
    KEYS,
    OWNERS,
    SETTLE_BY,
    TERMS,
    WHO,
    EvmWorld,
    offer,
)
from visdm.adapters.evm.daos import EvmDaos
from visdm.adapters.evm.history import history
from visdm.domain.assets import Kind
from visdm.domain.daos import Rule
from visdm.domain.jobs import equal_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.domain.rounds import Terms

    Evm = Callable[[str], EvmWorld]

MEASURED = {
    "deploy the jobs and the catalog": 7_895_772,
    "found a DAO": 1_570_970,
    "announce a provider": 52_307,
    "publish a key": 25_638,
    "register the first data asset of an owner": 105_742,
    "register another data asset": 88_534,
    "register a model asset": 129_248,
    "register metadata": 33_471,
    "set a reserve": 31_234,
    "name a delegate": 45_695,
    "retire an asset": 30_483,
    "vote directly, first of a round": 46_148,
    "vote directly": 46_160,
    "open a round, 5 owners": 74_879,
    "submit 5 ballots": 94_050,
    "close, 5 ballots": 69_695,
    "fund, 5 owners": 136_107,
    "close and fund, 5 ballots": 146_070,
    "close and fund, 5 reserves": 149_135,
    "settle, 5 owners, first of a provider": 110_366,
    "settle, 5 owners": 93_266,
    "settle, 10 owners": 130_537,
    "withdraw a first reward": 92_678,
    "withdraw a fee": 57_222,
    "take change back": 49_724,
    "refund": 51_217,
    "open a round, 10 owners": 79_700,
    "submit 10 ballots": 148_857,
    "submit 10 last words and close": 241_895,
    "whole trade, 5 owners, by ballots": 425_365,
    "whole trade again, 5 owners, by ballots": 391_177,
    "whole trade, 5 owners, by reserves": 334_380,
    "whole trade again, 5 owners, by reserves": 283_080,
}
DEARER, CHEAPER = 1.05, 0.9

PROMISED = {
    "register the first data asset of an owner": 110_000,
    "register another data asset": 110_000,
    "register metadata": 45_000,
    "open a round, 5 owners": 200_000,
    "submit 10 ballots": 10 * 15_000,
    "whole trade, 5 owners, by ballots": 450_000,
    "whole trade, 5 owners, by reserves": 350_000,
    "whole trade again, 5 owners, by reserves": 320_000,
}
ONE_MORE_OWNER = 8_000
"""What a settlement may cost more for each further owner."""


def spent(world: EvmWorld) -> list[tuple[str, int]]:
    """Operations and their gas, oldest first."""
    return [(entry.operation, entry.gas) for entry in history(world.node.web3, world.market)]


def check(measured: dict[str, int]) -> None:
    """Hold every measurement against what is written here, and against what is promised."""
    assert not {
        name: gas for name, gas in measured.items() if not CHEAPER <= gas / MEASURED[name] <= DEARER
    }
    assert not {name: gas for name, gas in measured.items() if gas > PROMISED.get(name, gas)}


def signed(world: EvmWorld, round_: str, *, last: bool = False) -> None:
    """Submit a ballot for every asset at once."""
    names = {account: name for name, account in WHO.items()}
    register, terms = world["erin"].assets(), world["erin"].rounds()[round_]
    ballots = [
        world[names[register[asset - 1].owner]].sign_ballot(
            round_, position, 1, terms.vote_by, last=last
        )
        for position, asset in enumerate(terms.assets)
    ]
    assert world["consumer"].submit_ballots(round_, ballots) == {}


def trade(
    world: EvmWorld, terms: Terms = TERMS, *, ballots: bool = True, alone: bool = False
) -> dict[str, int]:
    """Trade from now on until settlement; return the gas of each operation.

    The round is closed as it is funded, or `alone` before that.
    """
    before, now = len(spent(world)), world["consumer"].now()
    vote_by, fund_by, settle_by = now + 10_000, now + 20_000, now + 30_000
    terms = replace(terms, vote_by=vote_by, fund_by=fund_by, settle_by=settle_by)
    round_ = world["consumer"].open_round(terms)
    if ballots:
        signed(world, round_)
    world.travel(terms.vote_by + 1)
    if alone:
        world["stranger"].close_round(round_)
    outcome = world["consumer"].outcome(round_)
    due = 10 * 1_150 if outcome is None else outcome.price
    world["consumer"].fund(round_, due + FEE_CAP)
    world["provider"].settle(round_, equal_parts(len(terms.assets)), FEE, CID, CID)
    return dict(spent(world)[before:])


def twice_as_many(world: EvmWorld) -> Terms:
    """Offer an asset more of each owner; return terms over all, of the same samples."""
    more = tuple(offer(world, name, 10) for name in OWNERS)
    return replace(TERMS, assets=(*TERMS.assets, *more))


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
            "deploy the jobs and the catalog": every["deploy_jobs"],
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


def test_founding_a_dao_costs_no_more(evm: Evm) -> None:
    world = evm("described")
    EvmDaos(world.ledger, KEYS["alice"]).found("a DAO", Rule(0, 5_001, 86_400), [])
    block = world.node.web3.eth.get_block("latest")
    check({"found a DAO": int(block["gasUsed"])})


def test_a_trade_by_ballots_costs_no_more(evm: Evm) -> None:
    world = evm("described")
    first = trade(world)
    for name in ("alice", "provider", "consumer"):
        world[name].withdraw()
    withdrawn = [gas for operation, gas in spent(world) if operation == "withdraw"]
    returned = [gas for operation, gas in spent(world) if operation == "refund_job"]
    again = trade(world)
    check(
        {
            "open a round, 5 owners": first["open_round"],
            "submit 5 ballots": first["submit_ballots"],
            "close and fund, 5 ballots": first["fund_job"],
            "settle, 5 owners, first of a provider": first["settle_job"],
            "withdraw a first reward": withdrawn[0],
            "withdraw a fee": withdrawn[1],
            "take change back": returned[0],
            "whole trade, 5 owners, by ballots": sum(first.values()),
            "whole trade again, 5 owners, by ballots": sum(again.values()),
        }
    )


def test_a_trade_by_reserves_costs_no_more(evm: Evm) -> None:
    world = evm("described")
    for asset, name in enumerate(OWNERS, start=ALICE):
        world[name].set_reserve(asset, 10)
    first, again = (trade(world, ballots=False) for _ in range(2))
    check(
        {
            "close and fund, 5 reserves": first["fund_job"],
            "whole trade, 5 owners, by reserves": sum(first.values()),
            "whole trade again, 5 owners, by reserves": sum(again.values()),
        }
    )


def test_closing_before_funding_costs_no_more(evm: Evm) -> None:
    gas = trade(evm("described"), alone=True)
    check({"close, 5 ballots": gas["close_round"], "fund, 5 owners": gas["fund_job"]})


def test_ten_owners_cost_no_more(evm: Evm) -> None:
    world = evm("described")
    terms = twice_as_many(world)
    signed(world, world["consumer"].open_round(terms))
    (_, opened), (_, submitted) = spent(world)[-2:]
    early = world["consumer"].open_round(replace(terms, seed=9))
    signed(world, early, last=True)
    world["consumer"].close_round(early)
    closed = sum(gas for _, gas in spent(world)[-2:])
    check(
        {
            "open a round, 10 owners": opened,
            "submit 10 ballots": submitted,
            "submit 10 last words and close": closed,
        }
    )


def test_one_more_owner_at_settlement_costs_no_more(evm: Evm) -> None:
    """Both settlements are of assets and of a provider that have earned before."""
    world = evm("described")
    terms = twice_as_many(world)
    trade(world, replace(terms, ladder=(9,)))
    few, many = trade(world), trade(world, replace(terms, ladder=(9,)))
    check({"settle, 5 owners": few["settle_job"], "settle, 10 owners": many["settle_job"]})
    assert many["settle_job"] - few["settle_job"] <= 5 * ONE_MORE_OWNER


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
