"""Maps of data assets, from public metadata alone (paper 4.2.1).

Tables are strangers' files: the sandbox alone opens them. A table that cannot be had or used
leaves its own asset off the map, with the reason, and keeps no other off it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from visdm.domain.assets import Kind, State
from visdm.domain.maps import METHODS, MOST, Map, read_map
from visdm.domain.tables import BREAKING, UNFETCHED, UNREAD
from visdm.errors import BlobError, InputError, JobError, UnknownError
from visdm.ports import Computation, Limits, silent
from visdm.services.counted import Counted
from visdm.services.published import fetch_table, metadata_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.domain.metadata import Metadata
    from visdm.ports import BlobStore, Chain, Progress, Sandbox, Scratch, Verdicts

PROGRAM = "embed"
LIMITS = Limits(seconds=600)

LOOKING = LIMITS.seconds // 2
"""Seconds for tables that were not looked through before; what is left waits for the next map."""

UNTOLD = "its owner discloses nothing that could be drawn"


class Surveyor(Protocol):
    """A role, with what it takes to make a map."""

    @property
    def chain(self) -> Chain:
        """Its account's line to the chain."""
        ...

    @property
    def store(self) -> BlobStore:
        """Where metadata and tables are."""
        ...

    @property
    def scratch(self) -> Scratch:
        """Where tables lie while they are read."""
        ...

    @property
    def sandbox(self) -> Sandbox:
        """Where tables are read."""
        ...

    @property
    def verdicts(self) -> Verdicts:
        """What was said of tables before."""
        ...


def map_of(
    role: Surveyor,
    assets: Sequence[int] = (),
    *,
    methods: Sequence[str] = METHODS,
    most: int = MOST,
    seed: int = 0,
    progress: Progress = silent,
) -> Map:
    """Make a map of data assets; of all that are on offer where none is named.

    `most` images are drawn at the most, fairly; the same seed gives the same map. Raises
    `UnknownError` where an asset is not on offer, `InputError` where nothing can be drawn.
    """
    left_out: dict[int, str] = {}
    described = {}
    offered = {asset.asset: asset for asset in _offered(role.chain, assets)}
    for asset in offered.values():
        try:
            described[asset.asset] = metadata_of(role.store, asset)
        except BlobError:
            left_out[asset.asset] = UNREAD
    counted = Counted(role.verdicts, described.values())
    settings: dict[str, Any] = {
        "assets": {
            str(number): counted.registered(number).told()
            for number, found in described.items()
            if found.images
        },
        "seconds": LOOKING,
        "seed": seed,
        "most": most,
        "methods": list(methods),
        "centres": [one for found in described.values() for one in _centres(found)],
    }
    told = {one["asset"] for one in settings["centres"]}
    for number, found in described.items():
        if problem := counted.problem(number):
            left_out[number] = problem
        elif not found.images and number not in told:
            left_out[number] = UNTOLD
    counting = [found for found in described.values() if found.asset not in left_out]
    with role.scratch.folder() as private:
        tables = _fetched(role, offered, counting, private, left_out)
        if not tables and not told:
            raise InputError("no asset has public metadata that a map can be made of")
        drawn = _drawn(role.sandbox, settings, tables, private / "out", left_out, progress)
    said = dict.fromkeys(drawn.drawn, "") | dict(drawn.left_out)
    counted.learn({number: said[number] for number in tables if number in said})
    return replace(drawn, left_out={**drawn.left_out, **left_out})


def _offered(chain: Chain, wanted: Sequence[int]) -> list[Asset]:
    offered = {
        asset.asset: asset
        for asset in chain.assets()
        if asset.kind is Kind.DATA and asset.state is State.DESCRIBED
    }
    for number in wanted:
        if number not in offered:
            raise UnknownError("data asset on offer", number, hint="see `visdm asset list`")
    return [offered[number] for number in dict.fromkeys(wanted or offered)]


def _centres(found: Metadata) -> list[dict[str, Any]]:
    """Return the classes of an asset that publishes no rows, where it tells of them."""
    if found.images:
        return []
    return [
        {
            "asset": found.asset,
            "class": label,
            "samples": group["samples"],
            "quality": group["quality"],
            "projection": group["projection"]["mean"],
        }
        for label, group in found.summary.get("by_class", {}).items()
    ]


def _fetched(
    role: Surveyor,
    offered: Mapping[int, Asset],
    counting: Sequence[Metadata],
    private: Path,
    left_out: dict[int, str],
) -> dict[int, Path]:
    tables = {}
    for found in counting:
        if not found.images:
            continue
        number = found.asset
        place = private / f"table-{number}"
        try:
            fetch_table(role.store, role.scratch, found, offered[number], place)
        except BlobError:
            left_out[number] = UNFETCHED
        else:
            tables[number] = place
    return tables


def _drawn(
    sandbox: Sandbox,
    settings: Mapping[str, Any],
    tables: Mapping[int, Path],
    output: Path,
    left_out: dict[int, str],
    progress: Progress,
) -> Map:
    try:
        return _run(sandbox, settings, tables, output, progress)
    except JobError:
        sound = {
            number: path
            for number, path in tables.items()
            if _holds(sandbox, settings, number, path, output)
        }
        if len(sound) in {0, len(tables)}:  # then no single table is at fault
            raise
    left_out |= {number: BREAKING for number in tables if number not in sound}
    return _run(sandbox, settings, sound, output, progress)


def _holds(
    sandbox: Sandbox, settings: Mapping[str, Any], number: int, path: Path, output: Path
) -> bool:
    """Tell whether a table can be read by itself, which takes a second."""
    alone = {**settings, "methods": [], "centres": []}
    try:
        _run(sandbox, alone, {number: path}, output, silent)
    except JobError:
        return False
    return True


def _run(
    sandbox: Sandbox,
    settings: Mapping[str, Any],
    tables: Mapping[int, Path],
    output: Path,
    progress: Progress,
) -> Map:
    inputs = {f"table-{number}": path for number, path in tables.items()}
    answer = sandbox.run(Computation(PROGRAM, settings, inputs, LIMITS), output, progress)
    asked = {*tables, *(one["asset"] for one in settings["centres"])}
    return read_map(answer, asked, settings["methods"])
