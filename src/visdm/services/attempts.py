"""One attempt at an errand. The chain is asked first what is left to do, and last what was done.

What an attempt stores is noted as it is stored. Once its errand has ended, what of it the chain
does not point to is dropped: a result that a killed attempt sealed is nobody's. A report that was
stored is remembered before it is settled, and settled again in the same words after a fault: so a
settlement that is stuck cannot come to stand beside another one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from visdm.domain.assets import State
from visdm.domain.errands import What
from visdm.domain.jobs import JobState
from visdm.errors import BlobError, JobError
from visdm.services.remembering import Remembering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visdm.domain.errands import Errand
    from visdm.ports import Chain, JobTable, Progress
    from visdm.services.provider import ComputeProvider, Delivery


@dataclass(frozen=True)
class Attempt:
    """An attempt at `errand`; `progress` hears how far its computation is."""

    provider: ComputeProvider
    table: JobTable
    errand: Errand
    progress: Progress

    def __call__(self) -> None:
        """Do what is left to do. Raises what keeps it from being done now."""
        if self.errand.what is What.ASSET:
            self._describe()
        else:
            self._job()

    def _describe(self) -> None:
        # An asset's images may be another's too, and their public table the same file.
        describing = replace(self.provider, store=self._remembering(files=False))
        for asset in describing.chain.assets():
            if str(asset.asset) == self.errand.name and asset.state is State.REGISTERED:
                describing.describe(asset, self.progress)
        sweep(self.provider, self.table, self.errand)

    def _job(self) -> None:
        job = self.provider.chain.jobs()[self.errand.name]
        if job.state is JobState.FUNDED:
            self._fulfil()
        elif job.credited < len(job.shares):
            self.provider.chain.pay(self.errand.name)
        sweep(self.provider, self.table, self.errand)

    def _fulfil(self) -> None:
        """Settle or refund: what a stranger is at fault for fails the next time too."""
        if not self.errand.doomed:
            try:
                self.provider.settle(self._delivery())
            except JobError as error:
                self.table.doom(self.errand.key, error.reason)
            else:
                return
        self.provider.give_up(self.errand.name)

    def _delivery(self) -> Delivery:
        """Return what an earlier attempt stored whole, or compute it."""
        key = self.errand.key
        if self.errand.report:
            try:
                return self.provider.delivery(self.errand.name, self.errand.report)
            except BlobError:
                self.table.ready(key, "")
        computing = replace(self.provider, store=self._remembering(files=True))
        delivery = computing.compute(self.errand.name, self.progress)
        self.table.ready(key, delivery.cid)
        return delivery

    def _remembering(self, *, files: bool) -> Remembering:
        key, attempt = self.errand.key, self.errand.attempts
        return Remembering(
            self.provider.store, lambda cid: self.table.note(key, attempt, cid), files
        )


def sweep(provider: ComputeProvider, table: JobTable, errand: Errand) -> None:
    """Drop what attempts at an ended errand stored in vain; do nothing while it has not ended."""
    notes = table.noted().get(errand.key, ())
    pointed = _pointed(provider.chain, errand) if notes else None
    if pointed is None:
        return
    kept = _kept(notes, pointed)
    for cid in dict.fromkeys(cid for _, cid in notes):
        if cid not in kept:
            provider.store.drop(cid)
    table.forget(errand.key)


def _pointed(chain: Chain, errand: Errand) -> str | None:
    """Return the document that the chain points to: '' for none, None while that may change."""
    if errand.what is What.JOB:
        job = chain.jobs().get(errand.name)
        return None if job is None or job.state is JobState.FUNDED else job.report
    for asset in chain.assets():
        if str(asset.asset) == errand.name and asset.state is not State.REGISTERED:
            return asset.metadata
    return None


def _kept(notes: Sequence[tuple[int, str]], pointed: str) -> set[str]:
    """Return all that the attempt stored which wrote the document that the chain points to.

    Where no attempt is known to have written it, nothing is known to be in vain.
    """
    by = {attempt for attempt, cid in notes if cid == pointed}
    return {cid for attempt, cid in notes if pointed and (not by or attempt in by)}
