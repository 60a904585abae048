"""Rerunning: another account computes a settled job again, and compares (DESIGN promise 5).

It needs the packages, so their owners must have granted them to it. It computes with what the
report and the chain say: the same terms, dataset, threads. On the same machine and libraries the
numbers are equal to the last bit (`visdm.compute.determinism`); where they are not, what else
differs is told beside them, and whoever asked decides.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from visdm.domain.findings import Findings
from visdm.domain.regimes import Regime
from visdm.errors import InputError, NotGrantedError
from visdm.services import parcels
from visdm.services.computing import Work, compute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from visdm.domain.assets import Asset
    from visdm.domain.reports import Report
    from visdm.ports import Bytes, Chain, Progress
    from visdm.services.computing import Computing

    class Rerunner(Computing, Protocol):
        """A provider that was granted a job's packages."""

        @property
        def chain(self) -> Chain:
            """Its account's line to the chain."""
            ...


MAX_THREADS = 256
"""Of a report, which a stranger wrote: this machine starts as many."""

SHOWN = 5
"""Numbers of one kind that are told apart, where many differ."""

EXACT_IN_PRIVATE = ("validation", "classes", "kept", "left_out", "correct", "by_asset")
"""What private training leaves as it is: its noise is drawn anew each time."""


@dataclass(frozen=True)
class Comparison:
    """What a rerun found otherwise than its report says, as sentences, and what to know beside."""

    problems: Sequence[str]
    notes: Sequence[str]


def ungranted(role: Rerunner, round_: str) -> list[Asset]:
    """Return what of a job's dataset and model this account cannot open, the model last.

    Raises `BlobError` where the grants of an asset are gone, as they are once it is retired.
    """
    work = _work(role, round_, 1)
    found = []
    for asset in (*work.dataset, work.model):
        try:
            parcels.grant_of(role.store, role.vault, parcels.parcel_of(asset))
        except NotGrantedError:
            found.append(asset)
    return found


def rerun(role: Rerunner, round_: str, report: Report, progress: Progress) -> Comparison:
    """Compute a job anew, of whose `report` everything else was checked, and compare.

    Raises `JobError` where it cannot be computed here, `VaultError` where it is not granted.
    """
    if not 0 < report.threads <= MAX_THREADS:
        raise InputError(f"the report's {report.threads} threads are more than can be had")
    work = _work(role, round_, report.threads)
    with role.scratch.folder() as private:
        computed = compute(role, work, private, progress)
        digest = role.scratch.pour(computed.result, _Nowhere()).digest
    told = {**vars(computed.findings), **vars(computed.privacy), "digest": digest}
    private_ = computed.privacy.regime == Regime.PRIVATE.word
    names = _compared(private=private_)
    problems = [
        sentence
        for name in names
        for sentence in _differing(name, getattr(report, name), told[name])
    ]
    return Comparison(problems, [*_unlike(role, report), *([NOISE] if private_ else [])])


NOISE = "private training draws its noise anew: what it leads to is not compared"


def _compared(*, private: bool) -> list[str]:
    """Return the names of the fields that a rerun must find again."""
    if private:
        return [*EXACT_IN_PRIVATE, "regime", "epsilon", "delta"]
    return [*(field.name for field in fields(Findings)), "regime", "epsilon", "delta", "digest"]


def _work(role: Rerunner, round_: str, threads: int) -> Work:
    terms, outcome = role.chain.rounds()[round_], role.chain.outcome(round_)
    assets = {asset.asset: asset for asset in role.chain.assets()}
    dataset = [
        assets[number]
        for place, number in enumerate(terms.assets)
        if outcome is not None and outcome.includes(place)
    ]
    return Work(terms, assets[terms.model], dataset, threads)


def _differing(name: str, claimed: Any, found: Any) -> list[str]:  # noqa: ANN401 - fields of any type
    """Return how a field differs: entry by entry, where it has many."""
    what = name.replace("_", " ")
    before, after = _entries(claimed), _entries(found)
    if before is None or after is None:
        return [] if claimed == found else [f"{what}: {claimed!r} in the report, {found!r} anew"]
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    told = [
        f"{what} of {_shown(key)}: {before.get(key)!r} in the report, {after.get(key)!r} anew"
        for key in keys[:SHOWN]
    ]
    return [*told, f"{what}: {len(keys) - SHOWN} more differ"] if len(keys) > SHOWN else told


def _entries(value: Any) -> Mapping[Any, Any] | None:  # noqa: ANN401 - as above
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple) and value and all(isinstance(each, tuple) for each in value):
        return dict(value)
    return None


def _shown(key: object) -> str:
    return (" and ".join(map(str, key)) or "nobody") if isinstance(key, tuple) else str(key)


def _unlike(role: Rerunner, report: Report) -> list[str]:
    """Say on what else than the provider's the job was computed now: the likely cause."""
    here, there = role.sandbox.versions, report.versions
    notes = [
        f"{name} was {there.get(name, 'not there')}, here it is {here.get(name, 'not there')}"
        for name in sorted({*here, *there})
        if here.get(name) != there.get(name)
    ]
    if report.sandbox != role.sandbox.name:
        notes.append(f"it ran in {report.sandbox}, here it runs in {role.sandbox.name}")
    return notes


class _Nowhere:
    """Takes bytes whose digest alone is wanted."""

    def write(self, content: Bytes, /) -> int:
        return len(content)
