"""Program `survey`: what the public tables of the market's assets tell a consumer.

Inputs `table-<id>`, the per-image table of an asset, and maybe `examples`, a data package of the
consumer's own images. Settings `assets`, by id: `samples` and `classes` as registered, whether its
table was `accepted` before, and of an asset without a table `spreads`, the means and deviations
of its projection by class; `where`, conditions on images as `[column, relation, value]`; whether
`centres` are wanted; `threads`; `seconds`, in which tables are looked at that were not accepted
before.

They are strangers' files, and this program runs in the sandbox. A table that does not count
(`visdm.compute.acceptance`) takes its own asset out, with a reason. One query of DuckDB reads all
others: it may open these and nothing else, loads no extension and keeps no file.

The distance of an asset to the examples is the median over the examples of the distance, in
steps of projection, to the `NEAREST`th nearest of the asset's images. So many like it must be
there for an example to count as covered: one look-alike that was put in buys nothing. Where there
is no table it is guessed from images drawn, always the same, from normal distributions of the
means and deviations that are told.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from visdm.compute.tables import Tables  # isort: skip  # it says what is missing
from visdm.compute.acceptance import problems
from visdm.compute.examples import projections
from visdm.compute.likeness import Likeness, guessed
from visdm.domain.conditions import NUMBERS, RELATIONS, WORDS
from visdm.domain.tables import Registered
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def run(
    settings: dict[str, Any],
    inputs: dict[str, Path],
    output: Path,  # noqa: ARG001 - the programs' shape; this one writes no file
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Survey the tables; raise `JobError` where the settings or the examples are at fault."""
    where = [_condition(*condition) for condition in settings["where"]]
    told = {int(asset): said for asset, said in settings["assets"].items()}
    examples = projections(inputs["examples"]) if "examples" in inputs else None
    progress(1, 3)
    paths = {asset: inputs[f"table-{asset}"] for asset in told if f"table-{asset}" in inputs}
    known = {asset: Registered.of(told[asset]) for asset in paths}
    refused = problems(paths, known, settings.get("seconds", inf))
    counted = {asset: path for asset, path in paths.items() if asset not in refused}
    tables = Tables(counted, known, threads=int(settings.get("threads", 1)))
    found = tables.summed(where, projected=settings["centres"] or examples is not None)
    found |= {asset: {"problem": problem} for asset, problem in refused.items()}
    progress(2, 3)
    if examples is not None:
        _compare(tables, told, examples, found)
    progress(3, 3)
    return {"assets": {str(asset): said for asset, said in sorted(found.items())}}


def _compare(
    tables: Tables,
    told: Mapping[int, Mapping[str, Any]],
    examples: NDArray[np.float32],
    found: dict[int, dict[str, Any]],
) -> None:
    """Add to what was found of each asset its distance to the examples."""
    likeness = {asset: Likeness(examples) for asset, said in found.items() if "problem" not in said}
    for asset, rows in tables.projections(sorted(likeness)):
        likeness[asset].add(rows)
    for asset, nearest in likeness.items():
        found[asset]["distance"] = nearest.distance()
    for asset, said in told.items():
        if asset not in found and said.get("spreads"):
            found[asset] = {"guessed": guessed(examples, said["spreads"], asset)}


def _condition(column: str, relation: str, value: float | str) -> tuple[str, str, float | str]:
    fits = isinstance(value, str) if column in WORDS else isinstance(value, int | float)
    if column not in {*NUMBERS, *WORDS} or relation not in RELATIONS or not fits:
        raise JobError("a condition names no column of the tables")
    return column, relation, value
