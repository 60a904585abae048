"""The provider: has assets described, runs jobs, settles (paper 3.2(5), 4.2).

Plaintext exists in a private scratch folder for as long as a step takes, and nowhere else. The
chain says what is left to do, so a provider that was killed simply starts again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.domain.assets import Asset, State
from visdm.domain.jobs import JobState, rewards
from visdm.domain.permissions import Allows, Ask
from visdm.domain.reports import Report
from visdm.domain.rounds import Task
from visdm.domain.values import MAX_EXACT, METHODS, SHAPLEY
from visdm.errors import BlobError, JobError, UnknownError, VaultError
from visdm.ports import Limits, silent
from visdm.services import describing, parcels, rerunning
from visdm.services.computing import Work, compute
from visdm.services.fees import fee_of

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.domain.jobs import Job
    from visdm.domain.metadata import Metadata
    from visdm.domain.rounds import Outcome, Terms
    from visdm.errors import VisdmError
    from visdm.ports import BlobStore, Chain, Packages, Progress, Sandbox, Scratch, Vault
    from visdm.services.computing import Computed
    from visdm.services.rerunning import Comparison


@dataclass(frozen=True)
class Delivery:
    """A computed job: its report, and the CID under which that is stored. Its result is too."""

    report: Report
    cid: str


@dataclass(frozen=True)
class ComputeProvider:
    """One provider's account and tools. Every call may be repeated after a failure."""

    chain: Chain
    store: BlobStore
    vault: Vault
    packages: Packages
    scratch: Scratch
    sandbox: Sandbox
    limits: Limits
    threads: int = 1

    def join(self, region: str, fee: int) -> int:
        """Publish a key and announce this provider, unless that was done; return its index."""
        if self.chain.recipient(self.chain.account) != self.vault.recipient:
            self.chain.publish_key(self.vault.recipient)
        for known in self.chain.providers():
            if known.account == self.chain.account and known.region == region:
                return known.index
        return self.chain.announce(region, fee)

    def undescribed(self) -> list[Asset]:
        """Return the assets that wait for this provider's description, oldest first."""
        return describing.undescribed(self)

    def describe(self, asset: Asset, progress: Progress = silent) -> Metadata | None:
        """Open an asset and publish what is in it, or publish why it is refused (then None).

        Raises `NotGrantedError` where its owner has still to grant it to this account's key.
        """
        return describing.describe(self, asset, progress)

    def describe_waiting(self, progress: Progress = silent) -> dict[int, VisdmError]:
        """Describe every asset that waits; return by asset what kept one from being described.

        One that cannot be fetched, or that the disk has no room for, keeps no other waiting, and
        is tried again next time.
        """
        return describing.describe_waiting(self, progress)

    def pending_jobs(self) -> list[str]:
        """Return the rounds whose funded jobs wait for this provider, oldest first.

        A job past its deadline is the consumer's to call back, and not among them.
        """
        mine, rounds, now = self.indices(), self.chain.rounds(), self.chain.now()
        return [
            round_
            for round_, job in self.chain.jobs().items()
            if job.state is JobState.FUNDED
            and rounds[round_].provider in mine
            and now <= job.settle_by
        ]

    def run(self, round_: str, progress: Progress = silent) -> Report:
        """Compute a funded job, deliver its result and settle it.

        Raises `JobError` when it cannot be computed: after its deadline anybody may then
        give the consumer its money back.
        """
        return self.settle(self.compute(round_, progress))

    def compute(self, round_: str, progress: Progress = silent) -> Delivery:
        """Compute a funded job and store its result and report. Raises as `run`."""
        terms, job = self.chain.rounds()[round_], self.chain.jobs()[round_]
        outcome = self.chain.outcome(round_)
        if outcome is None or job.state is not JobState.FUNDED:
            raise UnknownError("funded job", round_, hint="see `visdm job list`")
        self._in_time(job)
        dataset = self._consenting(round_, terms, outcome)
        with self.scratch.folder() as private:
            report = self._compute(job, dataset, private, progress)
        return Delivery(report, self.store.write(report.to_bytes()))

    def delivery(self, round_: str, cid: str) -> Delivery:
        """Return what an earlier `compute` of a job stored. Raises `BlobError` where it is lost."""
        report = Report.from_bytes(self.store.read(cid), cid=cid)
        if report.round != round_:
            raise BlobError(cid, "is the report of another job")
        self.store.open(report.result)
        return Delivery(report, cid)

    def settle(self, delivery: Delivery) -> Report:
        """Settle a job by what was stored for it: again, if need be, with the same words."""
        report = delivery.report
        job = self.chain.jobs()[report.round]
        if job.state is JobState.FUNDED:
            self._in_time(job)
        self.chain.settle(report.round, report.split, report.fee, report.result, delivery.cid)
        return report

    def give_up(self, round_: str) -> None:
        """Give a funded job's money back to its consumer at once, where it cannot be computed."""
        if self.chain.jobs()[round_].state is JobState.FUNDED:
            self.chain.refund(round_)

    def ungranted(self, round_: str) -> list[Asset]:
        """Return what of another's job this account cannot open, and so not compute again."""
        return rerunning.ungranted(self, round_)

    def rerun(self, round_: str, report: Report, progress: Progress = silent) -> Comparison:
        """Compute a settled job again, whoever's it was, and compare. Nothing is published.

        Raises `JobError` where it cannot be computed here, `VaultError` where it is not granted.
        """
        return rerunning.rerun(self, round_, report, progress)

    def unpaid_jobs(self) -> list[str]:
        """Return the settled jobs of this provider whose owners are not all credited yet."""
        mine, rounds = self.indices(), self.chain.rounds()
        return [
            round_
            for round_, job in self.chain.jobs().items()
            if job.credited < len(job.shares) and rounds[round_].provider in mine
        ]

    def withdraw(self) -> int:
        """Take out the fees earned; 0 when there is nothing."""
        if not self.chain.claimable(self.chain.account):
            return 0
        return self.chain.withdraw()

    def indices(self) -> set[int]:
        """Return what this account is announced as."""
        return {p.index for p in self.chain.providers() if p.account == self.chain.account}

    def _consenting(self, round_: str, terms: Terms, outcome: Outcome) -> list[Asset]:
        """Return the dataset, after a last look at its owners' consent."""
        assets = {asset.asset: asset for asset in self.chain.assets()}
        dataset = [
            assets[number] for place, number in enumerate(terms.assets) if outcome.includes(place)
        ]
        model = assets[terms.model]
        for asset in (*dataset, model):
            if asset.state is not State.DESCRIBED:
                raise JobError(f"asset {asset.asset} was retired by its owner")
        if model.owner != terms.consumer:
            raise JobError("the model is not the consumer's any more")
        charged = self.chain.jobs()[round_].charged
        for asset in dataset:
            self._allowed(asset, model, terms, charged=asset.asset in charged)
        if terms.method not in METHODS:
            raise JobError(f"this provider does not know the method {terms.method!r}")
        valued = terms.task is Task.TRAIN and terms.method == SHAPLEY
        if valued and len(dataset) > MAX_EXACT:
            raise JobError(f"exact Shapley takes at most {MAX_EXACT} assets, not {len(dataset)}")
        if terms.fee_cap < fee_of(self.chain, terms.provider, {a.asset for a in dataset}):
            raise JobError("the fee cap is below the announced fee")
        self._check_key(terms.consumer)
        return dataset

    def _allowed(self, asset: Asset, model: Asset, terms: Terms, *, charged: bool) -> None:
        """Make sure that an asset's owner allows the model still.

        What this very job took of a budget was taken when it was funded; a budget that was set
        only afterwards knows nothing of the job, and so does not allow it.
        """
        ask = Ask.of(model, trains=terms.task is Task.TRAIN)
        objection = asset.permission.objection(ask, asset.spent - (ask.epsilon if charged else 0))
        if not objection and asset.permission.allows is Allows.PRIVATE and not charged:
            objection = "has had a budget of epsilon only since the job was funded"
        if objection:
            raise JobError(f"asset {asset.asset} {objection}")

    def _check_key(self, consumer: str) -> None:
        """Make sure that a result could be sealed, before it is computed."""
        try:
            self.vault.seal(b"", self.chain.recipient(consumer))
        except VaultError:
            raise JobError("the consumer has published no key that a result fits") from None

    def _in_time(self, job: Job) -> None:
        if self.chain.now() > job.settle_by:
            raise JobError("its deadline has passed")

    def _compute(self, job: Job, dataset: list[Asset], private: Path, progress: Progress) -> Report:
        terms = self.chain.rounds()[job.round]
        work = Work(terms, self._asset(terms.model), dataset, self.threads)
        computed = compute(self, work, private, progress)
        # Once it is stored somebody may find it: not after the money can be called back.
        self._in_time(job)
        consumer = self.chain.recipient(terms.consumer)
        payload, _ = parcels.pack(self, lambda sink: self.scratch.pour(computed.result, sink))
        parcel = parcels.grant(self, payload, [consumer])
        return self._report(job, work, computed, parcel, payload.digest)

    def _report(
        self, job: Job, work: Work, computed: Computed, parcel: parcels.Parcel, digest: str
    ) -> Report:
        terms, findings = work.terms, computed.findings
        return Report(
            **vars(findings),
            **vars(computed.privacy),
            round=job.round,
            task=terms.task.name.lower(),
            method=terms.method,
            seed=terms.seed,
            model=terms.model,
            inputs={asset.asset: asset.package for asset in work.inputs},
            rewards=rewards(job.price, findings.shares),
            price=job.price,
            fee=fee_of(self.chain, terms.provider, [asset.asset for asset in work.dataset]),
            result=parcel.package,
            grants=parcel.grants,
            digest=digest,
            sandbox=self.sandbox.name,
            versions=self.sandbox.versions,
            threads=self.threads,
        )

    def _asset(self, number: int) -> Asset:
        return next(asset for asset in self.chain.assets() if asset.asset == number)
