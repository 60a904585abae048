"""Tables 2 and 3 and the totals of section 4.1: what each operation costs, from receipts.

Every figure is read off transactions that this experiment sends to a market of its own. A trade
is every transaction from opening a round to its settlement, with a permit for the payment and the
closing in the consumer's funding; withdrawals are apart, since owners withdraw when they like.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from visdm.domain import paper
from visdm.domain.assets import NO_RESERVE, Kind
from visdm.domain.jobs import equal_parts
from visdm.domain.rounds import Task, Terms
from visdm.ports import Progress, silent
from visdm.wiring import open_bench

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.wiring import Bench

OWNERS, MANY = 5, 10
LADDER = (10, 20, 30)
SAMPLES, RESERVE, FEE = 100, 10, 5
HOUR = 3_600
TARGETS = {
    "register_data_asset": 110_000,
    "register_metadata": 45_000,
    "open_round": 200_000,
    "vote_batched": 15_000,
    "pay_owner": 8_000,
    "trade": 450_000,
    "trade_reserves": 320_000,
}
"""DESIGN section 5: at most this."""

CID = "bafkrei" + "a" * 52
"""As long as any CID; the contracts do not read it."""


@dataclass(frozen=True)
class Figure:
    """One operation: its gas, the paper's (None where it has none), and what is worth knowing."""

    operation: str
    gas: int
    paper: int | None = None
    note: str = ""

    @property
    def target(self) -> int | None:
        """The most that it may cost."""
        return TARGETS.get(self.operation)


@dataclass(frozen=True)
class Prices:
    """What turns gas into money."""

    gwei: float = paper.GAS_PRICE_GWEI
    eth_usd: float = paper.ETH_USD

    def eth(self, gas: int) -> float:
        """Return what gas costs in ETH."""
        return gas * self.gwei / 10**9

    def usd(self, gas: int) -> float:
        """Return what gas costs in US dollars."""
        return self.eth(gas) * self.eth_usd


@dataclass(frozen=True)
class GasTable:
    """All figures, with the totals of the three stakeholders."""

    node: str
    figures: tuple[Figure, ...]
    stakeholders: Mapping[str, int]

    def to_json(self, prices: Prices) -> dict[str, Any]:
        """Return the figures by operation, and what they stand on."""
        table: dict[str, Any] = {
            figure.operation: {
                "gas": figure.gas,
                "paper": figure.paper,
                "target": figure.target,
                "eth": prices.eth(figure.gas),
                "usd": prices.usd(figure.gas),
                "note": figure.note,
            }
            for figure in self.figures
        }
        table["stakeholders"] = {
            name: {
                "gas": gas,
                "paper": paper.STAKEHOLDER_GAS[name],
                "eth": prices.eth(gas),
                "usd": prices.usd(gas),
            }
            for name, gas in self.stakeholders.items()
        }
        table["assumptions"] = {
            "node": self.node,
            "gas_price_gwei": prices.gwei,
            "eth_usd": prices.eth_usd,
        }
        return table


@dataclass
class _Run:
    market: Bench
    progress: Progress
    done: int = 0
    seeds: int = 0
    assets: list[int] = field(default_factory=list)
    model: int = 0

    def step(self) -> None:
        self.done += 1
        self.progress(self.done, STEPS)

    def owner(self, place: int) -> str:
        return f"owner-{place + 1}"

    def offer(self, place: int) -> None:
        """Let one more owner register an asset, with a reserve, and have it described."""
        owner = self.market[self.owner(place)]
        asset = owner.register(Kind.DATA, 1, SAMPLES, NO_RESERVE, CID, CID)
        self.market["provider"].describe(asset, CID)
        self.assets.append(asset)

    def terms(self, count: int) -> Terms:
        now, self.seeds = self.market["consumer"].now(), self.seeds + 1
        return Terms(
            consumer=self.market["consumer"].account,
            model=self.model,
            provider=1,
            assets=tuple(self.assets[:count]),
            ladder=LADDER,
            task=Task.TRAIN,
            method="equal",
            seed=self.seeds,
            quorum=5_000,
            threshold=6_600,
            min_samples=1,
            fee_cap=2 * FEE * SAMPLES * count,
            vote_by=now + HOUR,
            fund_by=now + 2 * HOUR,
            settle_by=now + 3 * HOUR,
        )

    def ballots(self, round_: str, count: int) -> None:
        terms = self.market["consumer"].rounds()[round_]
        signed = [
            self.market[self.owner(place)].sign_ballot(round_, place, 1, terms.vote_by)
            for place in range(count)
        ]
        skipped = self.market["consumer"].submit_ballots(round_, signed)
        assert not skipped, skipped  # noqa: S101  # our own ballots count

    def trade(self, count: int, *, ballots: bool) -> dict[str, int]:
        """Trade over `count` owners and withdraw everything; return gas by operation."""
        began = len(self.market.spent())
        round_ = self.market["consumer"].open_round(self.terms(count))
        if ballots:
            self.ballots(round_, count)
        terms = self.market["consumer"].rounds()[round_]
        self.market.travel(terms.vote_by + 1)
        price = LADDER[0] * SAMPLES * count
        self.market["consumer"].fund(round_, price + terms.fee_cap)
        fee = FEE * SAMPLES * count
        self.market["provider"].settle(round_, equal_parts(count), fee, CID, CID)
        spent = dict(self.market.spent()[began:])
        for name in (*(self.owner(place) for place in range(count)), "provider", "consumer"):
            self.market[name].withdraw()
        return spent


STEPS = 11
NAMES = ("operator", "consumer", "provider", *(f"owner-{n + 1}" for n in range(MANY)))


def measure(node: str = "", progress: Progress = silent) -> GasTable:
    """Play what the tables tell on a fresh market and read the receipts.

    `node` is the address of a node that gives play ether away, as Anvil does; '' is the
    embedded chain. Raises `ChainError`.
    """
    fresh = _fresh_reserves(node)
    with open_bench(NAMES, node) as market:
        figures, totals = _play(_Run(market, progress), fresh)
        return GasTable(market.name, tuple(figures), totals)


def _play(run: _Run, fresh: int) -> tuple[list[Figure], dict[str, int]]:
    market = run.market
    market.deploy()
    market["operator"].transfer(market["consumer"].account, 10**9)
    run.step()
    market["provider"].announce("EU", FEE)
    for place in range(MANY):
        run.offer(place)
    run.step()
    run.model = market["consumer"].register(Kind.MODEL, 1, 0, NO_RESERVE, CID, CID)
    market["provider"].describe(run.model, CID)
    run.step()
    first = run.trade(OWNERS, ballots=True)
    run.step()
    again = run.trade(OWNERS, ballots=True)
    run.step()
    run.trade(MANY, ballots=True)  # so that all ten have earned before
    run.step()
    many = run.trade(MANY, ballots=True)
    run.step()
    _vote_directly(run)
    run.step()
    for place in range(MANY):
        market[run.owner(place)].set_reserve(run.assets[place], RESERVE)
    reserves = run.trade(OWNERS, ballots=False)
    run.step()
    market[run.owner(0)].delegate(market[run.owner(1)].account)
    run.step()
    spent: dict[str, list[int]] = {}
    for operation, gas in market.spent():
        spent.setdefault(operation, []).append(gas)
    pay = (many["settle_job"] - again["settle_job"]) // (MANY - OWNERS)
    run.step()
    return _figures(spent, first, again, many, reserves, fresh, pay), _totals(spent, again, pay)


def _vote_directly(run: _Run) -> None:
    round_ = run.market["consumer"].open_round(run.terms(OWNERS))
    for place in range(OWNERS):
        run.market[run.owner(place)].vote(round_, [place], 1)


def _fresh_reserves(node: str) -> int:
    """Return what a trade by reserves costs as the very first of a market."""
    with open_bench(NAMES, node) as market:
        fresh = _Run(market, silent)
        market.deploy()
        market["operator"].transfer(market["consumer"].account, 10**9)
        market["provider"].announce("EU", FEE)
        for place in range(OWNERS):
            fresh.offer(place)
            market[fresh.owner(place)].set_reserve(fresh.assets[place], RESERVE)
        fresh.model = market["consumer"].register(Kind.MODEL, 1, 0, NO_RESERVE, CID, CID)
        market["provider"].describe(fresh.model, CID)
        return sum(fresh.trade(OWNERS, ballots=False).values())


def _figures(  # one argument per measurement
    spent: Mapping[str, Sequence[int]],
    first: Mapping[str, int],
    again: Mapping[str, int],
    many: Mapping[str, int],
    reserves: Mapping[str, int],
    fresh: int,
    pay: int,
) -> list[Figure]:
    middle = {name: sorted(gas)[len(gas) // 2] for name, gas in spent.items()}
    known = {
        "deploy_jobs": "Jobs and Catalog, one transaction",
        "register_data_asset": "",
        "register_model_asset": "",
        "register_metadata": "",
        "open_round": f"over {OWNERS} assets",
        "vote_direct": "paid by the owner who votes so",
        "delegate": "",
    }
    figures = [
        Figure(name, middle[name], paper.GAS.get(name), note) for name, note in known.items()
    ]
    figures[4] = replace(figures[4], gas=again["open_round"])
    batched = -(-many["submit_ballots"] // MANY)
    last = spent["withdraw"]
    trade = "the second between the same parties, who had withdrawn everything"
    return [
        *figures,
        Figure("vote_batched", batched, paper.GAS["vote_batched"], f"in a batch of {MANY}"),
        Figure("fund_job", again["fund_job"], None, "with permit and closing"),
        Figure("settle_job", again["settle_job"], None, f"{OWNERS} owners"),
        Figure("pay_owner", pay, paper.GAS["pay_owner"], "one owner more in a settlement"),
        Figure("withdraw", last[0], None, "an owner's first"),
        Figure("withdraw_again", min(last), None, "the cheapest"),
        Figure("trade", sum(again.values()), paper.TRADE_GAS, trade),
        Figure("trade_first", sum(first.values()), paper.TRADE_GAS, "the first of a market"),
        Figure("trade_reserves", sum(reserves.values()), paper.TRADE_GAS, "as trade, no ballot"),
        Figure("trade_reserves_first", fresh, paper.TRADE_GAS, "the first of a market"),
    ]


def _totals(
    spent: Mapping[str, Sequence[int]], again: Mapping[str, int], pay: int
) -> dict[str, int]:
    """Add up as section 4.1 does; its provider serves three suppliers."""
    data, model, metadata = (
        sorted(spent[name])[len(spent[name]) // 2]
        for name in ("register_data_asset", "register_model_asset", "register_metadata")
    )
    three = 3
    settle = again["settle_job"] - (OWNERS - three) * pay
    return {
        "supplier": data,  # its ballot is submitted by the consumer
        "consumer": model + again["open_round"] + again["submit_ballots"] + again["fund_job"],
        "provider": three * metadata + settle,
    }
