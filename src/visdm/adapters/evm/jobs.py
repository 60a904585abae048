"""The jobs' part of the chain port: escrow, settlement, withdrawal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from visdm.adapters.evm.catalog import CatalogSession
from visdm.adapters.evm.permits import PERMIT_SECONDS, permit_of
from visdm.adapters.evm.rounds import RoundsSession, to_tuple
from visdm.domain.jobs import Credit, Job, JobState
from visdm.domain.rounds import Task

if TYPE_CHECKING:
    from collections.abc import Sequence


JOB_EVENTS = (
    *("JobFunded", "EpsilonTaken", "JobSettled", "JobPaid", "JobRefunded", "ChangeReturned"),
)
PAYOUTS = ("Withdrawn", "JobRefunded", "ChangeReturned")
PAID_AT_ONCE = 512
"""Positions in one transaction of `pay`: about 4 million gas."""


class EvmChain(CatalogSession, RoundsSession):
    """`visdm.ports.Chain` for one account, over web3.py."""

    def now(self) -> int:
        """Return the time of the latest block."""
        return self._now()

    def jobs(self) -> dict[str, Job]:
        """Return all jobs by the id of their round, oldest first."""
        found: dict[str, Job] = {}
        terms = self.rounds()
        for event in self._ledger.named(*JOB_EVENTS):
            args, round_ = event.args, "0x" + bytes(event.args["round"]).hex()
            if event.name == "JobFunded":
                settle_by = terms[round_].settle_by
                found[round_] = Job(
                    round_, JobState.FUNDED, args["price"], args["feeCap"], settle_by
                )
            elif event.name == "EpsilonTaken":
                found[round_] = replace(found[round_], charged=tuple(args["assets"]))
            elif event.name == "JobRefunded":
                found[round_] = replace(found[round_], state=JobState.REFUNDED)
            elif event.name == "JobPaid":
                found[round_] = replace(found[round_], credited=args["next"])
            elif event.name == "ChangeReturned":
                found[round_] = replace(found[round_], change=0)
            else:
                found[round_] = replace(
                    found[round_],
                    state=JobState.SETTLED,
                    fee=args["fee"],
                    change=found[round_].fee_cap - args["fee"],
                    credited=len(args["shares"]),
                    shares=tuple(args["shares"]),
                    result=args["result"],
                    report=args["report"],
                )
        return found

    def credit(self, asset: int) -> Credit:
        """Return what an asset earned."""
        earned, withdrawn, jobs = self._call("jobs", "creditOf", asset)
        return Credit(earned, withdrawn, jobs)

    def claimable(self, account: str) -> int:
        """Return what `account` could withdraw now."""
        credits_ = (self.credit(asset) for asset in self._rewarded(account))
        unclaimed = sum(credit.earned - credit.withdrawn for credit in credits_)
        change = sum(job.change for job in self._changed(account))
        return int(self._call("jobs", "owed", account)) + unclaimed + change

    def balance(self, account: str) -> int:
        """Return the tokens `account` holds."""
        return int(self._call("token", "balanceOf", account))

    def escrowed(self) -> int:
        """Return the tokens that the Jobs contract holds."""
        return self.balance(self._ledger.market.jobs)

    def withdrawn(self) -> int:
        """Return the tokens that ever left the Jobs contract."""
        return sum(int(event.args["amount"]) for event in self._ledger.named(*PAYOUTS))

    def transfer(self, to: str, amount: int) -> None:
        """Send tokens of this account."""
        self._send("token", "transfer", to, amount)

    def fund(self, round_: str, limit: int) -> None:
        """As the consumer: pay price and fee cap into escrow, at most `limit`.

        The token is allowed to move as much by a signature (ERC-2612) where it knows that, and
        otherwise by a transaction of its own.
        """
        terms, jobs = to_tuple(self._terms(round_)), self._ledger.market.jobs
        permit = None
        # Before it is signed: a limit that no token holds is the user's mistake.
        self._bound("token", "approve", (jobs, limit))
        # An allowance from before, if it is a higher one, would let more be drawn than `limit`.
        if int(self._call("token", "allowance", self.account, jobs)) != limit:
            deadline = self._now() + PERMIT_SECONDS
            permit = permit_of(self._ledger, self._key, jobs, limit, deadline)
            if permit is None:
                self._send("token", "approve", jobs, limit)
        if permit is None:
            self._send("jobs", "fund", terms)
        else:
            self._send("jobs", "fundWithPermit", terms, *permit)

    def settle(
        self, round_: str, shares: Sequence[int], fee: int, result: str, report: str
    ) -> None:
        """As the job's provider: deliver and split the price."""
        terms = to_tuple(self._terms(round_))
        self._send("jobs", "settle", terms, list(shares), fee, result, report)
        self.pay(round_)

    def pay(self, round_: str) -> None:
        """As anybody: credit those owners of a settled job that are not credited yet."""
        terms = self._terms(round_)
        while (job := self.jobs().get(round_)) and job.credited < len(job.shares):
            shares = [] if terms.task is Task.TEST else list(job.shares)
            self._send("jobs", "pay", to_tuple(terms), shares, PAID_AT_ONCE)

    def refund(self, round_: str) -> None:
        """Give an unsettled job's money back to its consumer."""
        terms = self._terms(round_)
        self._send("jobs", "refund", to_tuple(terms), terms.consumer)

    def withdraw(self, to: str = "") -> int:
        """Withdraw all that this account can claim, to `to` or itself; return the amount."""
        receiver, events = to or self.account, []
        for job in self._changed(self.account):
            events += self._send("jobs", "refund", to_tuple(self._terms(job.round)), receiver)
        # With nothing left at all the contract says so.
        if not events or self.claimable(self.account):
            events += self._send("jobs", "withdraw", self._rewarded(self.account), receiver)
        return sum(int(e.args["amount"]) for e in events if e.name in PAYOUTS)

    def _changed(self, account: str) -> list[Job]:
        """Return the jobs of which `account`, their consumer, has change to take back."""
        rounds = self.rounds()
        jobs = self.jobs().values()
        return [job for job in jobs if job.change and rounds[job.round].consumer == account]

    def _rewarded(self, account: str) -> list[int]:
        """Return the assets of `account` that were ever part of a settled job."""
        owned = {asset.asset for asset in self.assets() if asset.owner == account}
        jobs, rounds = self.jobs(), self.rounds()
        paid = (rounds[round_].assets[: job.credited] for round_, job in jobs.items())
        return sorted(owned & set().union(*paid))
