"""The jobs' part of the chain port: escrow, settlement, withdrawal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from visdm.adapters.evm.catalog import CatalogSession
from visdm.adapters.evm.rounds import RoundsSession, to_tuple
from visdm.domain.jobs import Credit, Job, JobState

if TYPE_CHECKING:
    from collections.abc import Sequence


class EvmChain(CatalogSession, RoundsSession):
    """`visdm.ports.Chain` for one account, over web3.py."""

    def now(self) -> int:
        """Return the time of the latest block."""
        return self._now()

    def jobs(self) -> dict[str, Job]:
        """Return all jobs by the id of their round, oldest first."""
        found: dict[str, Job] = {}
        terms = self.rounds()
        for event in self._ledger.named("JobFunded", "JobSettled", "JobRefunded"):
            args, round_ = event.args, "0x" + bytes(event.args["round"]).hex()
            if event.name == "JobFunded":
                settle_by = terms[round_].settle_by
                found[round_] = Job(
                    round_, JobState.FUNDED, args["price"], args["feeCap"], settle_by
                )
            elif event.name == "JobRefunded":
                found[round_] = replace(found[round_], state=JobState.REFUNDED)
            else:
                found[round_] = replace(
                    found[round_],
                    state=JobState.SETTLED,
                    fee=args["fee"],
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
        return int(self._call("jobs", "owed", account)) + unclaimed

    def balance(self, account: str) -> int:
        """Return the tokens `account` holds."""
        return int(self._call("token", "balanceOf", account))

    def escrowed(self) -> int:
        """Return the tokens that the Jobs contract holds."""
        return self.balance(self._ledger.market.jobs)

    def withdrawn(self) -> int:
        """Return the tokens that were ever withdrawn from the Jobs contract."""
        return sum(int(event.args["amount"]) for event in self._ledger.named("Withdrawn"))

    def transfer(self, to: str, amount: int) -> None:
        """Send tokens of this account."""
        self._send("token", "transfer", to, amount)

    def allow(self, amount: int) -> None:
        """Let the Jobs contract draw up to `amount` tokens from this account."""
        self._send("token", "approve", self._ledger.market.jobs, amount)

    def allowance(self) -> int:
        """Return what the Jobs contract may still draw from this account."""
        return int(self._call("token", "allowance", self.account, self._ledger.market.jobs))

    def fund(self, round_: str) -> None:
        """As the consumer of a priced round: pay price and fee cap into escrow."""
        self._send("jobs", "fund", to_tuple(self._terms(round_)))

    def settle(
        self, round_: str, shares: Sequence[int], fee: int, result: str, report: str
    ) -> None:
        """As the job's provider: deliver and split the price."""
        terms = to_tuple(self._terms(round_))
        self._send("jobs", "settle", terms, list(shares), fee, result, report)

    def refund(self, round_: str) -> None:
        """As anybody, after `settle_by`: give an unsettled job's money back."""
        self._send("jobs", "refund", to_tuple(self._terms(round_)))

    def withdraw(self) -> int:
        """Withdraw all that this account can claim; return the amount."""
        events = self._send("jobs", "withdraw", self._rewarded(self.account))
        return sum(int(e.args["amount"]) for e in events if e.name == "Withdrawn")

    def _rewarded(self, account: str) -> list[int]:
        """Return the assets of `account` that were ever part of a settled job."""
        owned = {asset.asset for asset in self.assets() if asset.owner == account}
        settled = {round_ for round_, job in self.jobs().items() if job.state is JobState.SETTLED}
        used = {
            n for round_, terms in self.rounds().items() if round_ in settled for n in terms.assets
        }
        return sorted(owned & used)
