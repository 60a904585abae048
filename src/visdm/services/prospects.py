"""The market's data assets as a consumer may look at them: what the chain, their public
metadata and, where it is asked for, their public tables say.

Tables are strangers' files: they are opened in the sandbox alone. A table that cannot be had,
is broken or says something else than was registered takes its own asset out, with the reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from visdm.domain.assets import Kind
from visdm.domain.candidates import Candidate, is_candidate, misfits
from visdm.domain.metadata import Metadata
from visdm.domain.tables import BREAKING, UNFETCHED, UNREAD
from visdm.domain.traits import Traits, read_survey, spreads, told
from visdm.errors import BlobError, JobError
from visdm.ports import Computation
from visdm.services.budgets import UNTRIED, Budget
from visdm.services.counted import Counted
from visdm.services.published import fetch_table, metadata_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from visdm.domain.assets import Asset, Provider
    from visdm.domain.candidates import Criteria
    from visdm.domain.conditions import Condition
    from visdm.ports import (
        BlobStore,
        Chain,
        Clock,
        Packages,
        Progress,
        Sandbox,
        Scratch,
        Verdicts,
    )

PROGRAM = "survey"
EXAMPLES = "examples"


class Looker(Protocol):
    """A role, with what it takes to look at the market."""

    @property
    def chain(self) -> Chain:
        """Its account's line to the chain."""
        ...

    @property
    def store(self) -> BlobStore:
        """Where metadata and tables are."""
        ...

    @property
    def packages(self) -> Packages:
        """What packs the examples."""
        ...

    @property
    def scratch(self) -> Scratch:
        """Where examples and tables lie while they are read."""
        ...

    @property
    def sandbox(self) -> Sandbox:
        """Where tables are read."""
        ...

    @property
    def clock(self) -> Clock:
        """What the time for reading them is measured by."""
        ...

    @property
    def verdicts(self) -> Verdicts:
        """What was said of tables before."""
        ...


def candidates(
    ports: Looker, criteria: Criteria, examples: Path | None, progress: Progress
) -> list[Candidate]:
    """Return every data asset on offer with what is known of it, by id."""
    found = described(ports, criteria.where)
    if not criteria.where and examples is None:
        return found
    # An asset that is out for other reasons has its table neither fetched nor read.
    asked = replace(criteria, where=())
    promising = [each for each in found if not any(misfits(each, asked))]
    looked = _looked_into(ports, criteria, promising, examples, progress)
    return [looked.get(each.number, each) for each in found]


def described(ports: Looker, where: Sequence[Condition]) -> list[Candidate]:
    """Return every data asset on offer with what its metadata tells, by id."""
    providers = {provider.index: provider for provider in ports.chain.providers()}
    data = [asset for asset in ports.chain.assets() if asset.kind is Kind.DATA]
    credits_ = {asset.asset: ports.chain.credit(asset.asset) for asset in data}
    earned: Counter[str] = Counter()
    jobs: Counter[str] = Counter()
    for asset in data:
        earned[asset.owner] += credits_[asset.asset].earned
        jobs[asset.owner] += credits_[asset.asset].jobs
    return [
        replace(
            _candidate(ports.store, asset, providers[asset.provider], where),
            earned=credits_[asset.asset].earned,
            jobs=credits_[asset.asset].jobs,
            owner_earned=earned[asset.owner],
            owner_jobs=jobs[asset.owner],
        )
        for asset in data
        if is_candidate(asset)
    ]


def _candidate(
    store: BlobStore, asset: Asset, provider: Provider, where: Sequence[Condition]
) -> Candidate:
    problem = ""
    try:
        metadata = metadata_of(store, asset)
    except BlobError:
        # A provider that publishes nonsense hurts its own assets, not the market.
        problem, metadata = UNREAD, Metadata(asset.asset, Kind.DATA, "", asset.samples, ())
    traits = told(metadata.summary, asset.samples, where)
    return Candidate(asset, metadata, provider, traits, problem=problem)


def _looked_into(
    ports: Looker,
    criteria: Criteria,
    found: Sequence[Candidate],
    examples: Path | None,
    progress: Progress,
) -> dict[int, Candidate]:
    with ports.scratch.folder() as private:
        inputs, missing = {}, {}
        counted = Counted(ports.verdicts, [each.metadata for each in found])
        if examples is not None:
            inputs[EXAMPLES] = private / EXAMPLES
            with ports.scratch.writing(inputs[EXAMPLES]) as sink:
                ports.packages.build_data(examples, sink, name=EXAMPLES, flat=True)
        for each in found:
            if problem := counted.problem(each.number):
                missing[each.number] = replace(each, problem=problem)
            elif each.metadata.images:
                table = private / f"table-{each.number}"
                try:
                    fetch_table(ports.store, ports.scratch, each.metadata, each.asset, table)
                    inputs[table.name] = table
                except BlobError:
                    missing[each.number] = replace(each, problem=UNFETCHED)
        there = [each for each in found if each.number not in missing]
        tools = ports.sandbox, Budget(ports.clock), counted
        survey = _Survey(*tools, criteria, inputs, private)
        said = survey.run(there, progress)
    return missing | {each.number: _with(each, said.get(each.number)) for each in there}


class _Survey:
    """Runs the program over ever fewer tables where one of them brings it down.

    All runs have one budget of time: tables that it does not suffice for are left out.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        budget: Budget,
        counted: Counted,
        criteria: Criteria,
        inputs: Mapping[str, Path],
        private: Path,
    ) -> None:
        self._sandbox = sandbox
        self._budget = budget
        self._criteria = criteria
        self._inputs = inputs
        self._private = private
        self._counted = counted
        self._runs = 0

    def run(
        self, found: Sequence[Candidate], progress: Progress
    ) -> dict[int, Traits | str | float]:
        """Return what the tables say, by asset. Raises `JobError` when it is not their fault."""
        try:
            return self._once(found, progress)
        except JobError as error:
            tables = [each for each in found if self._has_table(each)]
            if not tables:
                raise
            rest = [each for each in found if not self._has_table(each)]
            # Without any table it must work, or the fault is not theirs.
            said = self._once(rest, progress)
            parts = _halves(tables) if len(tables) > 1 else [tables]
            for part in parts:
                said |= self._apart(part, progress)
            if len(tables) > 1 and all(said[each.number] in (BREAKING, UNTRIED) for each in tables):
                raise error from None
            return said

    def _apart(
        self, tables: Sequence[Candidate], progress: Progress
    ) -> dict[int, Traits | str | float]:
        if not self._budget.suffices():
            return {each.number: UNTRIED for each in tables}
        try:
            return self._once(tables, progress)
        except JobError:
            if len(tables) == 1:
                return {tables[0].number: BREAKING}
        first, second = _halves(tables)
        return {**self._apart(first, progress), **self._apart(second, progress)}

    def _once(
        self, found: Sequence[Candidate], progress: Progress
    ) -> dict[int, Traits | str | float]:
        self._runs += 1
        limits = self._budget.half()
        names = {f"table-{each.number}" for each in found} | {EXAMPLES}
        settings = {
            "where": [[c.column, c.relation, c.value] for c in self._criteria.where],
            "centres": "diversity" in self._criteria.ranks,
            "threads": 1,
            # Tables that were not looked through before get half; the rest wait for the next time.
            "seconds": limits.seconds // 2,
            "assets": {str(each.number): self._registered(each) for each in found},
        }
        inputs = {name: path for name, path in self._inputs.items() if name in names}
        task = Computation(PROGRAM, settings, inputs, limits)
        answer = self._sandbox.run(task, self._private / f"out-{self._runs}", progress)
        told_ = {
            each.number: each.metadata.classes
            for each in found
            if self._has_table(each) or (EXAMPLES in inputs and self._spreads(each))
        }
        said = read_survey(answer, told_)
        self._counted.learn(
            {
                each.number: heard if isinstance(heard := said[each.number], str) else ""
                for each in found
                if self._has_table(each)
            }
        )
        return said

    def _has_table(self, candidate: Candidate) -> bool:
        return f"table-{candidate.number}" in self._inputs

    def _registered(self, candidate: Candidate) -> dict[str, Any]:
        if self._has_table(candidate):
            return self._counted.registered(candidate.number).told()
        return {"spreads": self._spreads(candidate)}

    @staticmethod
    def _spreads(candidate: Candidate) -> list[list[Any]]:
        return spreads(candidate.metadata.summary, candidate.asset.samples)


def _halves(tables: Sequence[Candidate]) -> list[Sequence[Candidate]]:
    half = len(tables) // 2
    return [tables[:half], tables[half:]]


def _with(candidate: Candidate, said: Traits | str | float | None) -> Candidate:
    if isinstance(said, str):
        return replace(candidate, problem=said)
    if isinstance(said, Traits):
        # Centres are read where they are asked for; those that were told are as good otherwise.
        centres = said.centres or candidate.traits.centres
        return replace(candidate, traits=replace(said, centres=centres))
    return replace(candidate, traits=replace(candidate.traits, distance=said))
