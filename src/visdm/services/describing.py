"""Describing assets: a provider opens one, has it looked into, and publishes what it found.

What is in a package is read in the sandbox alone. What the package, its grant or its owner is at
fault for is published as the reason why it is refused; what the world is at fault for is nobody's
refusal, and the asset waits on.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from visdm.domain.answers import read_disclosure
from visdm.domain.assets import Kind, State
from visdm.domain.copies import earlier_than, read_copies
from visdm.domain.metadata import SAME_SHARE, Metadata
from visdm.domain.packages import Disclosure
from visdm.domain.permissions import milli_shown
from visdm.domain.regimes import stated
from visdm.errors import (
    InputError,
    JobError,
    NotGrantedError,
    OutputError,
    RefusedError,
    VaultError,
    WorldError,
)
from visdm.ports import Computation, silent
from visdm.services import compared, parcels
from visdm.services.compared import PRINTS_LIMIT, Comparing, Fetched, Shelf
from visdm.services.profiles import profiled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.errors import VisdmError
    from visdm.ports import Chain, Limits, Progress, Sandbox

PACKAGE = "package"
IMAGES = "images.parquet"
PRINTS = "prints.parquet"
COMPARING_SHARE = 4
"""Of the time for describing an asset, reading others' tables may take one part in so many."""


class Describer(Comparing, Protocol):
    """A provider, with what it takes to describe what is sent to it."""

    @property
    def chain(self) -> Chain:
        """Its account's line to the chain."""
        ...

    @property
    def sandbox(self) -> Sandbox:
        """Where packages are read."""
        ...

    @property
    def limits(self) -> Limits:
        """What one computation may use."""
        ...

    @property
    def threads(self) -> int:
        """Processes that measure images beside each other."""
        ...


def undescribed(role: Describer) -> list[Asset]:
    """Return the assets that wait for this provider's description, oldest first."""
    mine = role.indices()
    return [
        asset
        for asset in role.chain.assets()
        if asset.provider in mine and asset.state is State.REGISTERED
    ]


def describe_waiting(role: Describer, progress: Progress) -> dict[int, VisdmError]:
    """Describe every asset that waits; return by asset what kept one from being described."""
    waiting = undescribed(role)
    if not waiting:
        return {}
    with role.scratch.folder() as kept:
        return _one_by_one(role, waiting, Shelf(role.scratch, kept), progress)


def _one_by_one(
    role: Describer, waiting: list[Asset], shelf: Shelf, progress: Progress
) -> dict[int, VisdmError]:
    faults: dict[int, VisdmError] = {}
    for place, asset in enumerate(waiting):
        try:
            describe(role, asset, silent, shelf)
        # A disk too full for it, or an owner who took it away meanwhile, is its own misfortune.
        except (WorldError, OutputError, RefusedError) as fault:
            faults[asset.asset] = fault
        progress(place + 1, len(waiting))
    return faults


def describe(
    role: Describer, asset: Asset, progress: Progress, shelf: Shelf | None = None
) -> Metadata | None:
    """Publish what is in an asset, or why it is refused (then None).

    What it is compared with comes from the `shelf`, or goes there, where many are described.
    Raises `NotGrantedError` where its owner has still to grant it to this account's key,
    `OutputError` where there is no room for it, `RefusedError` where it waits no more, and what
    else the world is at fault for.
    """
    try:
        with role.scratch.folder() as private:
            metadata = examine(role, asset, private, progress, shelf)
    except NotGrantedError:
        raise
    except (InputError, VaultError) as error:
        role.chain.refuse(asset.asset, error.message)
        return None
    except JobError as error:
        role.chain.refuse(asset.asset, error.reason)
        return None
    role.chain.describe(asset.asset, role.store.write(metadata.to_bytes()))
    return metadata


def examine(
    role: Describer,
    asset: Asset,
    private: Path,
    progress: Progress,
    shelf: Shelf | None = None,
) -> Metadata:
    """Open an asset in a private folder and return what is to be published of it.

    Raises `InputError`, `VaultError` or `JobError` where it is to be refused, `BlobError` where
    it cannot be had.
    """
    package = private / PACKAGE
    grant = parcels.receive(role.store, role.vault, parcels.parcel_of(asset), package)
    if grant.giver != asset.owner:
        raise VaultError(f"the grant of asset {asset.asset} was not made by its owner")
    if asset.kind is Kind.MODEL:
        profile = profiled(role.sandbox, package, private, role.limits, progress)
        _check_declared(asset, profile)
        return Metadata(
            asset=asset.asset,
            kind=asset.kind,
            name=profile["name"],
            samples=0,
            classes=tuple(profile["classes"]),
            summary=profile,
        )
    earlier = earlier_than(asset, role.chain.assets())
    fetched = compared.fetch(role, earlier, private, shelf)
    return _of_images(role, asset, earlier, fetched, private, progress)


def _check_declared(asset: Asset, profile: Mapping[str, Any]) -> None:
    """Raise `InputError` unless a model trains as its owner declared on chain, where owners of
    images look.
    """
    said = stated(profile)
    if (said.regime, said.epsilon) != (asset.regime.word, asset.epsilon):
        raise InputError(
            f"its package says {_trains(said.regime, said.epsilon)}, but "
            f"{_trains(asset.regime.word, asset.epsilon)} was declared"
        )


def _trains(word: str, epsilon: int) -> str:
    return f"{word} training" + (f" with an epsilon of {milli_shown(epsilon)}" if epsilon else "")


def _of_images(
    role: Describer,
    asset: Asset,
    earlier: list[Asset],
    fetched: Fetched,
    private: Path,
    progress: Progress,
) -> Metadata:
    found, uncompared = _described(role, earlier, fetched, private, progress)
    output = private / found.pop("output")
    if found["samples"] != asset.samples:
        raise InputError(
            f"it holds {found['samples']} samples, but {asset.samples} were registered"
        )
    if found["duplicates"] > SAME_SHARE * asset.samples:
        raise InputError("most of its images are repeated")
    prints = _prints(role, output / PRINTS)
    copies = read_copies(found, asset.samples, [known.asset for known in earlier])
    uncompared |= set(found["uncompared"])
    # The package says what its owner discloses; nothing here may say otherwise.
    disclosure = read_disclosure(found)
    public = disclosure is Disclosure.FULL
    return Metadata(
        asset=asset.asset,
        kind=asset.kind,
        name=str(found["name"]),
        samples=asset.samples,
        classes=tuple(found["classes"]),
        summary={
            **{name: said for name, said in found.items() if name != "copies"},
            "uncompared": sorted(uncompared),
        },
        images=role.store.put(output / IMAGES) if public else "",
        prints=role.store.write(role.vault.seal(prints, role.vault.recipient)),
        disclosure=disclosure,
        copies=copies,
    )


def _described(
    role: Describer, earlier: list[Asset], fetched: Fetched, private: Path, progress: Progress
) -> tuple[dict[str, Any], set[int]]:
    """Return what `describe` answers, with its `output`, and the assets not compared with.

    What others published may bring it down, or a print of one's own that cannot be read: that
    is no fault of the asset, which is then described by itself.
    """
    package = {"package": private / PACKAGE}
    settings = {
        "workers": role.threads,
        "assets": {str(number): each.told() for number, each in fetched.registered.items()},
        "seconds": role.limits.seconds // COMPARING_SHARE,
    }

    def run(inputs: dict[str, Path], output: str) -> dict[str, Any]:
        task = Computation("describe", settings, inputs, role.limits)
        return {**role.sandbox.run(task, private / output, progress), "output": output}

    if fetched.inputs:
        with suppress(JobError):
            return run({**package, **fetched.inputs}, "beside"), fetched.missing
    return run(package, "alone"), {known.asset for known in earlier}


def _prints(role: Describer, path: Path) -> bytes:
    if role.scratch.size(path) > PRINTS_LIMIT:
        raise InputError("it holds more images than this provider can compare")
    return role.scratch.read(path, PRINTS_LIMIT)
