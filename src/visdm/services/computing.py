"""Computing: from packages that were granted to an account to what a report says of a job.

Nothing here is written to the chain or the store: a provider settles by what comes out, and another
one that computes the same job again compares it (`visdm.services.rerunning`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from visdm.domain.answers import SHAPE, read_trained
from visdm.domain.copies import overfull
from visdm.domain.findings import of_test, of_training
from visdm.domain.profiles import read_profile
from visdm.domain.regimes import Privacy, reached
from visdm.domain.rounds import Task
from visdm.domain.testing import METRICS_FILE, document, read_measured
from visdm.errors import JobError
from visdm.ports import Computation
from visdm.services import parcels
from visdm.services.published import metadata_of
from visdm.services.releasing import check_result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.domain.findings import Findings
    from visdm.domain.rounds import Terms
    from visdm.ports import BlobStore, Limits, Progress, Sandbox, Scratch, Vault

WEIGHTS = "model.safetensors"
NO_TRAINING = Privacy()
"""What a test is said to be: it teaches a network nothing."""


class Computing(Protocol):
    """An account with what it takes to compute a job."""

    @property
    def store(self) -> BlobStore:
        """Where packages and metadata are."""
        ...

    @property
    def vault(self) -> Vault:
        """What opens what was granted to it."""
        ...

    @property
    def scratch(self) -> Scratch:
        """Where plaintext is on its way."""
        ...

    @property
    def sandbox(self) -> Sandbox:
        """Where programs run."""
        ...

    @property
    def limits(self) -> Limits:
        """What one computation may use."""
        ...


@dataclass(frozen=True)
class Work:
    """A job to compute: its terms, and the assets whose owners consent, ascending."""

    terms: Terms
    model: Asset
    dataset: Sequence[Asset]
    threads: int

    @property
    def inputs(self) -> tuple[Asset, ...]:
        """All that is opened for it."""
        return (self.model, *self.dataset)


@dataclass(frozen=True)
class Computed:
    """What a job found, its `result` in clear in the private folder, and how private it was."""

    findings: Findings
    result: Path
    privacy: Privacy = NO_TRAINING


def compute(role: Computing, work: Work, private: Path, progress: Progress) -> Computed:
    """Open what a job takes, compute it in the sandbox and check what came out.

    Plaintext stays in the folder `private`. Raises `JobError` where there is no result that may
    leave, `BlobError` and `VaultError` where something cannot be opened.
    """
    profile = read_profile(metadata_of(role.store, work.model).summary)
    if work.terms.task is Task.TEST:
        # Before anything is opened: there is nothing to do with it.
        if not profile["weights"]:
            raise JobError("the model brings no weights to test")
        return _test(role, work, profile, private, progress)
    return _train(role, work, profile, private, progress)


def _train(
    role: Computing, work: Work, profile: Mapping[str, Any], private: Path, progress: Progress
) -> Computed:
    terms, numbers = work.terms, [asset.asset for asset in work.dataset]
    shown = {name: profile[name] for name in ("regime", "epsilon", "blueprint")}
    settings = {"seed": terms.seed, "method": terms.method, **shown}
    answer = _run(role, "train", settings, work, private, progress)
    trained = read_trained(answer, terms.method, numbers)
    _check_counts(work, trained.kept, trained.left_out)
    privacy = reached(profile, trained.epsilon)
    result = private / "out" / WEIGHTS
    check_result(role.scratch, result, trained, profile)
    findings = of_training(terms, trained, tuple(profile["classes"]))
    return Computed(findings, result, privacy)


def _test(
    role: Computing, work: Work, profile: Mapping[str, Any], private: Path, progress: Progress
) -> Computed:
    answer = _run(role, "test", {}, work, private, progress)
    measured = read_measured(answer, [asset.asset for asset in work.dataset])
    _check_counts(work, measured.kept, measured.left_out)
    # Written here, of checked numbers: whatever the script left as a file stays where it is.
    result = private / METRICS_FILE
    with role.scratch.writing(result) as sink:
        sink.write(document(measured.kept, measured.correct, measured.by_asset, measured.metrics))
    return Computed(of_test(work.terms, measured, tuple(profile["classes"])), result)


def _run(
    role: Computing,
    program: str,
    settings: Mapping[str, Any],
    work: Work,
    private: Path,
    progress: Progress,
) -> Mapping[str, Any]:
    """Open what a job takes and run a program on it.

    Nothing of it is read here: strangers' files are parsed in the sandbox alone.
    """
    inputs = {"model": private / "model"}
    inputs |= {f"asset-{a.asset}": private / f"asset-{a.asset}" for a in work.dataset}
    for asset, target in zip(work.inputs, inputs.values(), strict=True):
        parcels.receive(role.store, role.vault, parcels.parcel_of(asset), target)
    whole = {**settings, "assets": [a.asset for a in work.dataset], "threads": work.threads}
    return role.sandbox.run(
        Computation(program, whole, inputs, role.limits), private / "out", progress
    )


def _check_counts(
    work: Work, kept: Mapping[int, int], left_out: Mapping[int, Mapping[int, int]]
) -> None:
    """Raise `JobError` where an asset has fewer images than were counted: a script lied, and
    whoever checks the report would think that its provider did.
    """
    if overfull(kept, left_out, {asset.asset: asset.samples for asset in work.dataset}):
        raise JobError(SHAPE)
