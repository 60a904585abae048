"""The consumer: samples a dataset, asks for a price, pays, gets a model (paper 3.2(2))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.domain.assets import NO_RESERVE, Kind, State
from visdm.domain.jobs import Job, JobState
from visdm.domain.reports import Report, check
from visdm.domain.rounds import Standing, tally
from visdm.domain.sampling import choose
from visdm.errors import BlobError, InputError, TermsError, UnknownError
from visdm.ports import Computation, Limits, silent
from visdm.services import parcels, prospects
from visdm.services.fees import fee_of
from visdm.services.parcels import Parcel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from visdm.domain.datasets import Dataset
    from visdm.domain.demand import Wanted
    from visdm.domain.rounds import Ballot, Outcome, Terms
    from visdm.domain.sampling import Criteria, Selection
    from visdm.ports import (
        BlobStore,
        Chain,
        Clock,
        Packages,
        Progress,
        Sandbox,
        Scratch,
        Vault,
        Verdicts,
    )


@dataclass(frozen=True)
class Consumer:
    """One consumer's account and tools. Every call may be repeated after a failure."""

    chain: Chain
    store: BlobStore
    vault: Vault
    packages: Packages
    scratch: Scratch
    sandbox: Sandbox
    clock: Clock
    verdicts: Verdicts

    def join(self) -> None:
        """Publish this account's encryption key, unless it is published."""
        if self.chain.recipient(self.chain.account) != self.vault.recipient:
            self.chain.publish_key(self.vault.recipient)

    def register_model(self, folder: Path, *, provider: int) -> int:
        """Package, encrypt, upload and register a model folder; return the asset's id."""
        recipient = parcels.recipient_of(self.chain, provider)
        with self.scratch.folder() as private:
            plain = private / "model.tar"
            summary = self.packages.build_model(folder, plain)
            mine = [
                asset
                for asset in self.chain.assets()
                if asset.owner == self.chain.account and asset.kind is Kind.MODEL
            ]
            known = parcels.already_sent(self, mine, summary.digest, provider)
            if known is not None:
                if not parcels.is_granted(self.store, parcels.parcel_of(known), recipient):
                    parcels.grant_anew(self, known, (recipient,))
                return known.asset
            payload, _ = parcels.pack(self, lambda sink: self.scratch.pour(plain, sink))
            parcel = parcels.grant(self, payload, (self.vault.recipient, recipient))
        with parcels.unless_refused(self, parcel):
            return self.chain.register(
                Kind.MODEL, provider, 0, NO_RESERVE, parcel.package, parcel.grants
            )

    def sample(
        self, criteria: Criteria, examples: Path | None = None, progress: Progress = silent
    ) -> Selection:
        """Choose a dataset from the market's metadata, and say why; it may be empty.

        `examples` are images of one's own, as a folder, a list or a table, that assets are to be
        like; they stay on this machine. Public tables are read, in the sandbox, where examples
        or conditions on images ask for it. Raises `InputError`, `FolderError`, `ImageError`.
        """
        criteria.check()
        return choose(prospects.candidates(self, criteria, examples, progress), criteria)

    def confirm(self, dataset: Dataset, market: str) -> None:
        """Compare a dataset that was kept with the market now; `market` is its catalog.

        Raises `InputError` naming the first asset that is not as it was, or `UnknownError`.
        """
        providers = {provider.index: provider for provider in self.chain.providers()}
        if dataset.provider not in providers:
            raise UnknownError("provider", dataset.provider, hint="choose anew: visdm sample")
        dataset.check(market, self.chain.assets(), providers[dataset.provider].fee)

    def seek(self, wanted: Wanted) -> str:
        """Say publicly what this account looks for, unless it said just that last; return the text.

        Raises `InputError` where it does not fit on the chain.
        """
        text = wanted.to_text()
        mine = [s.wanted for s in self.chain.soughts() if s.consumer == self.chain.account]
        if mine[-1:] != [text]:
            self.chain.seek(text)
        return text

    def open_round(self, terms: Terms) -> str:
        """Open a round; return its id, also when these very terms are open already.

        Raises `TermsError` when they contradict themselves, or no provider would compute them.
        """
        terms.check()
        fee = fee_of(self.chain, terms.provider, terms.assets)
        if terms.fee_cap < fee:
            raise TermsError(
                f"a fee cap of {terms.fee_cap} is below the provider's fee of {fee}",
                hint="raise the fee cap; what the provider does not take comes back",
            )
        for round_, known in self.chain.rounds().items():
            if known == terms:
                return round_
        return self.chain.open_round(terms)

    def submit(self, round_: str, ballots: Sequence[Ballot]) -> Mapping[int, str]:
        """Submit signed ballots that do not stand yet; return those skipped, by place."""
        cast, voters = self.chain.ballots(round_), self.chain.voters(round_)
        skipped, fresh = {}, []
        for place, ballot in enumerate(ballots):
            if not ballot.is_plausible(len(cast)):
                skipped[place] = "not a ballot"
            elif (voters[ballot.position], cast[ballot.position]) != (ballot.voter, ballot.choice):
                fresh.append(place)
        if fresh:
            answer = self.chain.submit_ballots(round_, [ballots[place] for place in fresh])
            skipped |= {fresh[index]: reason for index, reason in answer.items()}
        return skipped

    def close(self, round_: str) -> Outcome:
        """Close a round whose vote is over; return how it ended."""
        return self.chain.outcome(round_) or self.chain.close_round(round_)

    def expected(self, round_: str) -> Outcome:
        """Return how a round closed, or how it would close on the answers given so far."""
        closed = self.chain.outcome(round_)
        if closed is not None:
            return closed
        terms, register = self._terms(round_), {a.asset: a for a in self.chain.assets()}
        # Terms may name what is not on offer, or not there at all: it has no weight.
        offered = {
            number: Standing(a.samples, a.reserve, available=True)
            for number, a in register.items()
            if (a.kind, a.state, a.provider) == (Kind.DATA, State.DESCRIBED, terms.provider)
        }
        nothing = Standing(0, NO_RESERVE, available=False)
        standings = [offered.get(number, nothing) for number in terms.assets]
        return tally(terms, standings, self.chain.ballots(round_))

    def fund(self, round_: str) -> Job:
        """Pay a round into escrow, unless it is paid; one that is open is closed with it."""
        terms = self._terms(round_)
        if round_ not in self.chain.jobs():
            outcome = self.expected(round_)
            if not outcome.price:
                raise InputError(f"round {round_} has no price", hint="open another round")
            self.chain.fund(round_, outcome.price + terms.fee_cap)
        return self.chain.jobs()[round_]

    def report(self, round_: str) -> Report:
        """Return the public report of a settled job."""
        job = self._settled(round_)
        return Report.from_bytes(self.store.read(job.report), cid=job.report)

    def verify(self, round_: str) -> list[str]:
        """Return what is wrong with a settled job's report; nothing when it holds."""
        outcome = self.chain.outcome(round_)
        if outcome is None:
            raise UnknownError("closed round", round_, hint="see `visdm round list`")
        terms = self.chain.rounds()[round_]
        assets = self.chain.assets()
        packages = {asset.asset: asset.package for asset in assets}
        samples = {asset.asset: asset.samples for asset in assets}
        report = self.report(round_)
        return check(report, packages, terms, outcome, self._settled(round_), samples)

    def result(self, round_: str, target: Path) -> Report:
        """Fetch, decrypt and check the result of a settled job; write it to `target`."""
        report = self.report(round_)
        parcel = Parcel(self._settled(round_).result, report.grants)
        with self.scratch.folder() as private:
            plain = private / "result"
            grant = parcels.receive(self.store, self.vault, parcel, plain)
            if grant.giver != self._provider_of(round_):
                raise BlobError(parcel.package, "the result was not granted by its provider")
            self.scratch.keep(plain, target)
        return report

    def measure(
        self, model: Path, weights: Path, images: Path, report: Report, progress: Progress = silent
    ) -> Mapping[str, Any]:
        """Measure a model (its folder and weights) on a folder of images of one's own."""
        with self.scratch.folder() as private:
            package, script = private / "images.parquet", private / "model.tar"
            with self.scratch.writing(package) as sink:
                self.packages.build_data(images, sink, name="held-out images")
            self.packages.build_model(model, script)
            inputs = {"model": script, "weights": weights, "package": package}
            task = Computation("evaluate", {"classes": list(report.classes)}, inputs, Limits())
            return self.sandbox.run(task, private / "out", progress)

    def refund(self, round_: str) -> None:
        """Call back the money of a job that was not settled in time."""
        if self.chain.jobs()[round_].state is JobState.FUNDED:
            self.chain.refund(round_)

    def withdraw(self) -> int:
        """Take out what was left of fee caps, and refunds; 0 when there is nothing."""
        if not self.chain.claimable(self.chain.account):
            return 0
        return self.chain.withdraw()

    def _terms(self, round_: str) -> Terms:
        try:
            return self.chain.rounds()[round_]
        except KeyError:
            raise UnknownError("round", round_, hint="see `visdm round list`") from None

    def _provider_of(self, round_: str) -> str:
        index = self.chain.rounds()[round_].provider
        return next(p.account for p in self.chain.providers() if p.index == index)

    def _settled(self, round_: str) -> Job:
        job = self.chain.jobs().get(round_)
        if job is None or job.state is not JobState.SETTLED:
            raise UnknownError("settled job", round_, hint="see `visdm job list`")
        return job
