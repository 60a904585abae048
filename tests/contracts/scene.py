"""One cast and one trade, played on the embedded chain and without a chain.

The trade is played once a session and kept after each stage; a test takes up the stage it
needs. Dataset: alice 100, bob 200, carol 300, dave 400 with a reserve of 20, erin 150; alice,
bob and carol name 10, 20 and 30, erin stays silent: 20 a sample for 700 samples is found.
"""

from __future__ import annotations

import copy
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from memory.chain import MemoryChain, MemoryMarket
from visdm.adapters.evm.deploy import deploy, market_of
from visdm.adapters.evm.embedded import BLOCK_SECONDS, GENESIS_TIME, EmbeddedNode
from visdm.adapters.evm.jobs import EvmChain
from visdm.adapters.evm.session import Ledger, transact
from visdm.domain.assets import NO_RESERVE, Kind
from visdm.domain.rounds import SILENT, Task, Terms
from visdm.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from eth_account.signers.local import LocalAccount

    from visdm.adapters.evm.contracts import Market
    from visdm.ports import Chain

CAST = (
    *("deployer", "consumer", "provider", "rival", "stranger"),
    *("alice", "bob", "carol", "dave", "erin"),
)
KEYS: dict[str, LocalAccount] = {name: Account.from_key(keccak(text=name)) for name in CAST}
WHO = {name: str(key.address) for name, key in KEYS.items()}

ALICE, BOB, CAROL, DAVE, ERIN, MODEL, RIVALS, RAW = range(1, 9)
"""Assets: the five of the dataset, the model, one with the rival, one not described."""

OWNERS = {"alice": 100, "bob": 200, "carol": 300, "dave": 400, "erin": 150}
EU, US = 1, 2
"""The provider and the rival by their index."""

DEPLOYED = GENESIS_TIME + 2 * BLOCK_SECONDS
"""When the contracts are there."""

CID = "bafkrei" + "a" * 52
"""As long as any; the chain does not read it."""

SUPPLY = 10**30
PURSE = 10**6
VOTE_BY, FUND_BY, SETTLE_BY = (GENESIS_TIME + days * 86_400 for days in (1, 2, 3))
FEE_CAP, FEE = 5_000, 3_500
PRICE = 20 * 700
DUE = PRICE + FEE_CAP
SHARES = (142_857_143, 285_714_286, 0, 571_428_571, 0)
CHOICES = (1, 2, 3, 2, SILENT)
"""The final answers: dave's is his reserve's."""

STAGES = ("described", "open", "priced", "funded", "settled")

TERMS = Terms(
    consumer=WHO["consumer"],
    model=MODEL,
    provider=EU,
    assets=(ALICE, BOB, CAROL, DAVE, ERIN),
    ladder=(10, 20, 30),
    task=Task.TRAIN,
    method="shapley",
    seed=7,
    quorum=5_000,
    threshold=7_000,
    min_samples=1,
    fee_cap=FEE_CAP,
    vote_by=VOTE_BY,
    fund_by=FUND_BY,
    settle_by=SETTLE_BY,
)


At = Callable[[str], "World"]
"""Makes the market at a stage of the trade."""


class World(ABC):
    """A market with the cast in it."""

    @abstractmethod
    def __getitem__(self, name: str) -> Chain:
        """Return the port as one of the cast sees it."""

    @abstractmethod
    def travel(self, to: int) -> None:
        """Let the clock reach `to`."""

    @abstractmethod
    def sell(self, asset: int, seller: str, buyer: str) -> None:
        """Transfer an asset's token, as one of the cast to another."""

    @abstractmethod
    def reopen(self) -> None:
        """End the process that keeps the market, and take it up in another."""

    @property
    def round(self) -> str:
        """The id of the first round."""
        return next(iter(self["stranger"].rounds()))

    @abstractmethod
    def close(self) -> None:
        """Let go of what the market holds."""


class MemoryWorld(World):
    """Without a chain."""

    def __init__(self, market: MemoryMarket | None = None) -> None:
        self.market = market or MemoryMarket(list(WHO.values()), SUPPLY, DEPLOYED)

    def __getitem__(self, name: str) -> MemoryChain:
        return MemoryChain(self.market, WHO[name])

    def travel(self, to: int) -> None:
        self.market.travel(to)

    def sell(self, asset: int, seller: str, buyer: str) -> None:
        self.market.sell(asset, WHO[seller], WHO[buyer])

    def reopen(self) -> None:
        self.market = copy.deepcopy(self.market)

    def close(self) -> None:
        """Hold nothing."""


class EvmWorld(World):
    """On the embedded chain, in one file."""

    read: dict[Path, Ledger] = {}  # noqa: RUF012  # meant to be shared: kept stages do not change

    def __init__(self, path: Path, stage: Path | None = None, market: Market | None = None) -> None:
        self.path = path
        self.market = market or market_of(WHO["deployer"])
        if stage is not None:
            shutil.copyfile(stage, path)
        self._open()
        if stage is None:
            deploy(self.node.web3, KEYS["deployer"], SUPPLY)
        elif stage in self.read:
            self.ledger._events = list(self.read[stage]._events)
            self.ledger._next_block = self.read[stage]._next_block
        else:
            self.ledger.events()
            self.read[stage] = copy.copy(self.ledger)
            self.read[stage]._events = list(self.ledger._events)

    def _open(self) -> None:
        self.node = EmbeddedNode(self.path, list(WHO.values()))
        self.ledger = Ledger(self.node.web3, self.market)

    def __getitem__(self, name: str) -> EvmChain:
        return EvmChain(self.ledger, KEYS[name])

    def travel(self, to: int) -> None:
        self.node.travel(to)

    def send(self, name: str, contract: str, function: str, *args: object) -> int:
        """Call a contract as one of the cast, past the port; return the gas used."""
        bound = self.ledger.contracts[contract].functions[function](*args)
        receipt = transact(self.node.web3, KEYS[name], bound.build_transaction, function)
        return int(receipt["gasUsed"])

    def sell(self, asset: int, seller: str, buyer: str) -> None:
        self.send(seller, "catalog", "transferFrom", WHO[seller], WHO[buyer], asset)

    def reopen(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        self.node.close()


def register(world: World) -> None:
    """Announce providers, register and describe assets, hand out money."""
    assert world["provider"].announce("EU", 5) == EU
    assert world["rival"].announce("US", 4) == US
    for name, samples in OWNERS.items():
        reserve = 20 if name == "dave" else NO_RESERVE
        offer(world, name, samples, reserve)
    model = world["consumer"].register(Kind.MODEL, EU, 0, NO_RESERVE, CID, CID)
    world["provider"].describe(model, CID)
    rivals = world["alice"].register(Kind.DATA, US, 50, 1, CID, CID)
    world["rival"].describe(rivals, CID)
    world["bob"].register(Kind.DATA, EU, 70, 1, CID, CID)
    world["deployer"].transfer(WHO["consumer"], PURSE)


def offer(world: World, owner: str, samples: int, reserve: int = NO_RESERVE) -> int:
    """Register a data asset and have it described; return its id."""
    asset = world[owner].register(Kind.DATA, EU, samples, reserve, CID, CID)
    world["provider"].describe(asset, CID)
    return asset


def close(world: World, round_: str, choices: Sequence[int] = (), *, closed: bool = True) -> None:
    """Let the owners answer, by position, let the vote end, and close."""
    for position, choice in enumerate(choices):
        if choice != SILENT:
            asset = world["stranger"].rounds()[round_].assets[position]
            owner = world["stranger"].assets()[asset - 1].owner
            (name,) = (name for name, account in WHO.items() if account == owner)
            world[name].vote(round_, [position], choice)
    world.travel(world["stranger"].rounds()[round_].vote_by + 1)
    if closed:
        world["stranger"].close_round(round_)


def fund(world: World, round_: str) -> None:
    """Pay what is due, and no more."""
    outcome = world["consumer"].outcome(round_)
    assert outcome is not None
    world["consumer"].fund(round_, outcome.price + world["consumer"].rounds()[round_].fee_cap)


def later(world: World) -> dict[str, Any]:
    """Deadlines from now on, as fields of terms."""
    now = world["erin"].now()
    return {"vote_by": now + 10_000, "fund_by": now + 500_000, "settle_by": now + 900_000}


def priced(world: World, choices: Sequence[int], **changes: object) -> str:
    """Open, answer and close another round; return its id."""
    round_ = world["consumer"].open_round(replace(TERMS, **changes))  # type: ignore[arg-type]  # names of fields
    close(world, round_, choices)
    return round_


def settle(world: World, shares: Sequence[int] = SHARES, fee: int = FEE) -> None:
    """Deliver the job of the scene's round."""
    world["provider"].settle(world.round, shares, fee, "result", "report")


def play(world: World) -> Iterator[str]:
    """Play the trade; yield the name of each stage reached."""
    register(world)
    yield "described"
    round_ = world["consumer"].open_round(TERMS)
    yield "open"
    close(world, round_, (1, 2, 3, SILENT, SILENT))
    yield "priced"
    fund(world, round_)
    yield "funded"
    world["provider"].settle(round_, SHARES, FEE, CID, CID)
    yield "settled"


def memory_stages() -> dict[str, MemoryMarket]:
    """Return the market after each stage."""
    world = MemoryWorld()
    return {stage: copy.deepcopy(world.market) for stage in play(world)}


def evm_stages(folder: Path) -> dict[str, Path]:
    """Return the chain's file after each stage; `folder` keeps them."""
    kept = {stage: folder / f"{stage}.sqlite" for stage in STAGES}
    if not folder.exists():
        folder.mkdir()
        world = EvmWorld(folder / "trade")
        for stage in play(world):
            world.close()
            shutil.copyfile(world.path, kept[stage])
            world._open()
        world.close()
    return kept


def refusal(reason: str) -> pytest.RaisesExc[RefusedError]:
    """Expect the contracts' refusal, its reason beginning so."""
    return pytest.raises(RefusedError, match=f"was refused: {re.escape(reason)}")
