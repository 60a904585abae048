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
from visdm.ports import Computation, silent
from visdm.services.budgets import UNTRIED, Budget
from visdm.services.counted import Counted
from visdm.services.published import fetch_table, metadata_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.domain.metadata import Metadata
    from visdm.ports import (
        BlobStore,
        Chain,
        Clock,
        Limits,
        Progress,
        Sandbox,
        Scratch,
        Verdicts,
    )

PROGRAM = "embed"
LOOK = 60
"""Seconds for reading one table by itself, which takes one or two."""

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
    def clock(self) -> Clock:
        """What the time for reading them is measured by."""
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
        drawing = _Drawing(role.sandbox, Budget(role.clock), settings, private / "out")
        drawn = drawing.run(tables, left_out, progress)
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


class _Drawing:
    """Runs the program, and again without the tables that bring it down.

    All runs have one budget of time: tables that it does not suffice for are left out.
    """

    def __init__(
        self, sandbox: Sandbox, budget: Budget, settings: Mapping[str, Any], output: Path
    ) -> None:
        self._sandbox = sandbox
        self._budget = budget
        self._settings = settings
        self._output = output

    def run(self, tables: Mapping[int, Path], left_out: dict[int, str], progress: Progress) -> Map:
        """Return the map; `left_out` gets the tables that it is without, with the reason.

        Raises `JobError` when it is not the fault of single tables, or the time is used up.
        """
        try:
            return self._once(self._settings, tables, self._budget.half(), progress)
        except JobError:
            faults = {number: self._fault(number, path) for number, path in tables.items()}
            sound = {number: path for number, path in tables.items() if not faults[number]}
            if len(sound) in {0, len(tables)}:  # then no single table is at fault
                raise
        left_out |= {number: fault for number, fault in faults.items() if fault}
        return self._once(self._settings, sound, self._budget.rest(), progress)

    def _fault(self, number: int, path: Path) -> str:
        """Return why a table cannot be read by itself; '' where it can."""
        if not self._budget.suffices(LOOK):  # as much is then left for the map itself
            return UNTRIED
        alone = {**self._settings, "methods": [], "centres": []}
        try:
            self._once(alone, {number: path}, self._budget.half(LOOK), silent)
        except JobError:
            return BREAKING
        return ""

    def _once(
        self,
        settings: Mapping[str, Any],
        tables: Mapping[int, Path],
        limits: Limits,
        progress: Progress,
    ) -> Map:
        inputs = {f"table-{number}": path for number, path in tables.items()}
        # Tables that were not looked through before get half of it; the rest wait for the next map.
        timed = {**settings, "seconds": limits.seconds // 2}
        task = Computation(PROGRAM, timed, inputs, limits)
        answer = self._sandbox.run(task, self._output, progress)
        asked = {*tables, *(one["asset"] for one in settings["centres"])}
        return read_map(answer, asked, settings["methods"])
