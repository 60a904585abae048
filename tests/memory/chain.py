"""`visdm.ports.Chain` without a chain: the rules of `contracts/src`, on the domain's functions.

Refusals carry the contracts' custom errors, found in the contracts' order of checks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memory.market import MemoryMarket, address, fits, refused
from memory.rounds import MemoryRounds
from visdm.domain.jobs import WHOLE, Credit, Job, JobState, equal_parts, rewards
from visdm.domain.permissions import Allows
from visdm.domain.rounds import RoundState, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visdm.domain.rounds import Outcome, Terms

__all__ = ["MemoryChain", "MemoryMarket"]


class MemoryChain(MemoryRounds):
    """`visdm.ports.Chain` for one account of a `MemoryMarket`: the jobs' part, and the whole."""

    def jobs(self) -> dict[str, Job]:
        return dict(self.market.jobs)

    def credit(self, asset: int) -> Credit:
        fits(256, asset)
        return self.market.credits.get(asset, Credit(0, 0, 0))

    def claimable(self, account: str) -> int:
        unclaimed = (c.earned - c.withdrawn for c in self._credits(address(account)).values())
        change = sum(job.change for job in self._changed(account))
        return self.market.owed.get(account, 0) + sum(unclaimed) + change

    def balance(self, account: str) -> int:
        return self.market.tokens.get(address(account), 0)

    def escrowed(self) -> int:
        return self.market.escrow

    def withdrawn(self) -> int:
        return self.market.withdrawn

    def transfer(self, to: str, amount: int) -> None:
        address(to)
        fits(256, amount)
        with self.market.block():
            self._pay("transfer", amount)
            self.market.tokens[to] = self.balance(to) + amount

    def fund(self, round_: str, limit: int) -> None:
        fits(256, limit)
        terms = self._round(round_).terms
        with self.market.block() as time:
            if self.account != terms.consumer:
                raise refused("fund", "NotConsumer", account=self.account)
            if time > terms.fund_by:
                raise refused("fund", "FundingOver", fundBy=terms.fund_by)
            if round_ in self.market.jobs:
                raise refused("fund", "JobExists", round=round_)
            self._check_model("fund", terms)
            outcome = self._round(round_).outcome or self._tally("fund", round_, time)
            if outcome.state is not RoundState.PRICED:
                raise refused("fund", "NotPriced", round=round_)
            for place, asset in enumerate(terms.assets):
                if outcome.includes(place) and not self._standing(asset, terms).available:
                    raise refused("fund", "AssetUnavailable", asset=asset)
            if outcome.price >= 1 << 96:
                values = {"bits": 96, "value": outcome.price}
                raise refused("fund", "SafeCastOverflowedUintDowncast", **values)
            self._draw(outcome.price + terms.fee_cap, limit)
            self._round(round_).outcome = outcome
            price, settle_by = outcome.price, terms.settle_by
            job = Job(round_, JobState.FUNDED, price, terms.fee_cap, settle_by)
            self.market.jobs[round_] = replace(job, charged=self._charge(terms, outcome))

    def settle(
        self, round_: str, shares: Sequence[int], fee: int, result: str, report: str
    ) -> None:
        fits(32, *shares)
        fits(96, fee)
        terms = self._round(round_).terms
        with self.market.block():
            job = self._funded("settle", round_)
            if self.market.providers[terms.provider - 1].account != self.account:
                raise refused("settle", "NotProvider", account=self.account)
            if fee > job.fee_cap:
                raise refused("settle", "FeeAboveCap", fee=fee, feeCap=job.fee_cap)
            split = self._split(round_, tuple(shares))
            self._reward(round_, rewards(job.price, split))
            self._owe(self.account, fee)
            self.market.jobs[round_] = replace(
                job,
                state=JobState.SETTLED,
                fee=fee,
                change=job.fee_cap - fee,
                shares=split,
                result=result,
                report=report,
                credited=len(split),
            )

    def pay(self, round_: str) -> None:
        """Do nothing: no settlement breaks off here."""
        self._round(round_)

    def refund(self, round_: str) -> None:
        terms = self._round(round_).terms
        with self.market.block() as time:
            known = self.market.jobs.get(round_)
            if known is not None and known.state is JobState.SETTLED:
                if not known.change:
                    raise refused("refund", "NothingToReturn", round=round_)
                self.market.jobs[round_] = replace(known, change=0)
                self._pay_out(terms.consumer, known.change)
                return
            job = self._funded("refund", round_)
            provider = self.market.providers[terms.provider - 1].account
            if time <= job.settle_by and self.account != provider:
                raise refused("refund", "NotYetRefundable", settleBy=job.settle_by)
            self.market.jobs[round_] = replace(job, state=JobState.REFUNDED)
            epsilon = self.market.assets[terms.model].epsilon
            for number in job.charged:
                asset = self.market.assets[number]
                self._put(replace(asset, spent=asset.spent - epsilon))
            self._pay_out(terms.consumer, job.price + job.fee_cap)

    def withdraw(self, to: str = "") -> int:
        to = address(to or self.account)
        with self.market.block():
            amount = self.claimable(self.account)
            if not amount:
                raise refused("withdraw", "NothingToWithdraw", account=self.account)
            for asset, credit in self._credits(self.account).items():
                self.market.credits[asset] = replace(credit, withdrawn=credit.earned)
            for job in self._changed(self.account):
                self.market.jobs[job.round] = replace(job, change=0)
            self.market.owed[self.account] = 0
            self._pay_out(to, amount)
        return amount

    def _charge(self, terms: Terms, outcome: Outcome) -> tuple[int, ...]:
        """Take a private job's epsilon from those of its assets that keep a budget."""
        charged = []
        for place, number in enumerate(terms.assets):
            asset = self.market.assets.get(number)
            if asset is None or not outcome.includes(place):
                continue
            if asset.permission.allows is Allows.PRIVATE:
                epsilon = self.market.assets[terms.model].epsilon
                self._put(replace(asset, spent=asset.spent + epsilon))
                charged.append(number)
        return tuple(charged)

    def _changed(self, account: str) -> list[Job]:
        jobs = self.market.jobs.values()
        return [
            job
            for job in jobs
            if job.change and self.market.rounds[job.round].terms.consumer == account
        ]

    def _pay_out(self, to: str, amount: int) -> None:
        self.market.escrow -= amount
        self.market.withdrawn += amount
        self.market.tokens[to] = self.balance(to) + amount

    def _credits(self, account: str) -> dict[int, Credit]:
        """Return what the assets that `account` owns now have earned, whoever owned them then."""
        earned = self.market.credits.items()
        return {asset: c for asset, c in earned if self.market.assets[asset].owner == account}

    def _funded(self, operation: str, round_: str) -> Job:
        job = self.market.jobs.get(round_)
        if job is None or job.state is not JobState.FUNDED:
            raise refused(operation, "NotFunded", round=round_)
        return job

    def _split(self, round_: str, shares: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shares by position, checked."""
        found = self._round(round_)
        assert found.outcome is not None, "a funded round is closed"
        included = [found.outcome.includes(place) for place in range(len(found.terms.assets))]
        if found.terms.task is Task.TEST:
            if shares:
                raise refused("settle", "BadShares", sum=0, count=len(shares))
            parts = iter(equal_parts(sum(included)))
            return tuple(next(parts) if inside else 0 for inside in included)
        if len(shares) != len(included):
            raise refused("settle", "BadShares", sum=0, count=len(shares))
        for asset, share, inside in zip(found.terms.assets, shares, included, strict=True):
            if share and not inside:
                raise refused("settle", "ShareOfExcluded", asset=asset)
        if sum(shares) != WHOLE:
            raise refused("settle", "BadShares", sum=sum(shares), count=len(shares))
        return shares

    def _reward(self, round_: str, earned: Sequence[int]) -> None:
        found = self._round(round_)
        for place, asset in enumerate(found.terms.assets):
            if found.outcome is not None and found.outcome.includes(place):
                before = self.credit(asset)
                self.market.credits[asset] = Credit(
                    before.earned + earned[place], before.withdrawn, before.jobs + 1
                )

    def _owe(self, account: str, amount: int) -> None:
        self.market.owed[account] = self.market.owed.get(account, 0) + amount

    def _draw(self, amount: int, limit: int) -> None:
        if limit < amount:
            values = {"spender": "Jobs", "allowance": limit, "needed": amount}
            raise refused("fund", "ERC20InsufficientAllowance", **values)
        self._check_held("fund", amount)
        if self.market.escrow + amount >= 1 << 96:
            raise refused("fund", "EscrowFull", held=self.market.escrow + amount)
        self._pay("fund", amount)
        self.market.escrow += amount

    def _pay(self, operation: str, amount: int) -> None:
        self._check_held(operation, amount)
        self.market.tokens[self.account] -= amount

    def _check_held(self, operation: str, amount: int) -> None:
        held = self.balance(self.account)
        if held < amount:
            raise refused(
                operation,
                "ERC20InsufficientBalance",
                sender=self.account,
                balance=held,
                needed=amount,
            )
