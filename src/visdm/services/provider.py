"""The provider: has assets described, runs jobs, settles (paper 3.2(5), 4.2).

Plaintext exists in a private scratch folder for as long as a step takes, and nowhere else. The
chain says what is left to do, so a provider that was killed simply starts again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.domain.answers import Trained, read_trained
from visdm.domain.assets import Asset, State
from visdm.domain.copies import contributing
from visdm.domain.jobs import JobState, equal_parts, rewards, shares
from visdm.domain.reports import Report, values_of
from visdm.domain.rounds import Task
from visdm.domain.values import MAX_EXACT, METHODS, SHAPLEY
from visdm.errors import JobError, UnknownError, VaultError
from visdm.ports import Computation, Limits, silent
from visdm.services import describing, parcels
from visdm.services.fees import fee_of
from visdm.services.published import metadata_of
from visdm.services.releasing import check_result

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from visdm.domain.jobs import Job
    from visdm.domain.metadata import Metadata
    from visdm.domain.rounds import Outcome, Terms
    from visdm.errors import VisdmError
    from visdm.ports import BlobStore, Chain, Packages, Progress, Sandbox, Scratch, Vault

RESULT = "model.safetensors"


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
        terms, job = self.chain.rounds()[round_], self.chain.jobs()[round_]
        outcome = self.chain.outcome(round_)
        if outcome is None or job.state is not JobState.FUNDED:
            raise UnknownError("funded job", round_, hint="see `visdm job list`")
        self._in_time(job)
        dataset = self._consenting(terms, outcome)
        with self.scratch.folder() as private:
            report = self._compute(job, dataset, private, progress)
        self.chain.settle(
            round_,
            report.shares,
            report.fee,
            report.result,
            self.store.write(report.to_bytes()),
        )
        return report

    def give_up(self, round_: str) -> None:
        """Give a funded job's money back to its consumer at once, where it cannot be computed."""
        if self.chain.jobs()[round_].state is JobState.FUNDED:
            self.chain.refund(round_)

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

    def _consenting(self, terms: Terms, outcome: Outcome) -> list[Asset]:
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
        if terms.task is not Task.TRAIN:
            raise JobError("this provider does not run test jobs")
        if terms.method not in METHODS:
            raise JobError(f"this provider does not know the method {terms.method!r}")
        if terms.method == SHAPLEY and len(dataset) > MAX_EXACT:
            raise JobError(f"exact Shapley takes at most {MAX_EXACT} assets, not {len(dataset)}")
        if terms.fee_cap < fee_of(self.chain, terms.provider, {a.asset for a in dataset}):
            raise JobError("the fee cap is below the announced fee")
        self._check_key(terms.consumer)
        return dataset

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
        model = self._asset(terms.model)
        inputs = {"model": private / "model"}
        self._open(model, inputs["model"])
        for asset in dataset:
            inputs[f"asset-{asset.asset}"] = private / f"asset-{asset.asset}"
            self._open(asset, inputs[f"asset-{asset.asset}"])
        numbers = [asset.asset for asset in dataset]
        settings = {
            "seed": terms.seed,
            "assets": numbers,
            "method": terms.method,
            "threads": self.threads,
        }
        training = Computation("train", settings, inputs, self.limits)
        answer = self.sandbox.run(training, private / "out", progress)
        trained = read_trained(answer, terms.method, numbers)
        result = private / "out" / RESULT
        profile = metadata_of(self.store, model)
        check_result(self.scratch, result, trained, profile)
        # Once it is stored somebody may find it: not after the money can be called back.
        self._in_time(job)
        consumer = self.chain.recipient(terms.consumer)
        payload, _ = parcels.pack(self, lambda sink: self.scratch.pour(result, sink))
        parcel = parcels.grant(self, payload, [consumer])
        return self._report(job, [model, *dataset], trained, profile.classes, parcel)

    def _report(
        self,
        job: Job,
        inputs: list[Asset],
        trained: Trained,
        classes: tuple[str, ...],
        parcel: parcels.Parcel,
    ) -> Report:
        terms = self.chain.rounds()[job.round]
        numbers = [asset.asset for asset in inputs[1:]]
        values: dict[int, Fraction] = {}
        if terms.method == SHAPLEY:
            values = values_of(trained.utilities, trained.validation)
            parts = shares(values)
        else:
            earning = contributing(trained.kept)
            parts = dict(zip(earning, equal_parts(len(earning)), strict=True))
        split = tuple(parts.get(asset, 0) for asset in terms.assets)
        return Report(
            round=job.round,
            method=terms.method,
            seed=terms.seed,
            model=terms.model,
            inputs={asset.asset: asset.package for asset in inputs},
            validation=trained.validation,
            utilities=trained.utilities,
            values={asset: str(value) for asset, value in values.items()},
            shares=split,
            rewards=rewards(job.price, split),
            price=job.price,
            fee=fee_of(self.chain, terms.provider, numbers),
            metrics=trained.metrics,
            classes=classes,
            result=parcel.package,
            grants=parcel.grants,
            kept=trained.kept,
            left_out=trained.left_out,
            sandbox=self.sandbox.name,
            versions=self.sandbox.versions,
            threads=self.threads,
        )

    def _open(self, asset: Asset, target: Path) -> None:
        """Fetch and decrypt an asset's package.

        Nothing of it is read here: strangers' files are parsed in the sandbox alone.
        """
        parcels.receive(self.store, self.vault, parcels.parcel_of(asset), target)

    def _asset(self, number: int) -> Asset:
        return next(asset for asset in self.chain.assets() if asset.asset == number)
