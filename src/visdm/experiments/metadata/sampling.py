"""How long it takes to look into a market's public tables, and to pick from them.

The tables are real rows: images of CIFAR-10 are measured once, and each table is drawn from
them with a seed of its own. Timed is the program `survey` from its first line to its answer: once
over tables that it never saw, all of which it looks through, and then over tables that it
accepted, as whoever asks again does. The latter takes turns with the loop it replaces: each
table read into memory by PyArrow, its rows filtered, its means taken. The choice is timed by
itself.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # as above
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from visdm.compute import survey
from visdm.compute.images import QUALITY, SCHEMA, decode, record
from visdm.compute.images import measure as measured
from visdm.domain.assets import Asset, Kind, Provider, State
from visdm.domain.candidates import Candidate, Criteria
from visdm.domain.conditions import Condition
from visdm.domain.metadata import Metadata
from visdm.domain.sampling import choose
from visdm.domain.tables import Registered
from visdm.domain.traits import Traits, read_survey
from visdm.errors import FolderError, InputError
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.ports import Progress

MEASURED = 1_000
RUNS = 5
SECONDS = 1.0
"""The target for a million rows."""

WHERE = (Condition("sharpness", ">=", 500.0), Condition("width", ">=", 32.0))
BUDGET = 10**10
FEE = 1_000


@dataclass(frozen=True)
class Sampled:
    """Seconds, medians of `RUNS` runs: `survey` with conditions alone, `centres` with the means
    of projections too, `loop` what both replace, `choice` picking within a budget. `first` is
    one survey of tables that were not accepted before.
    """

    rows: int
    assets: int
    threads: int
    first: float
    survey: float
    centres: float
    loop: float
    choice: float
    chosen: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON, with the target."""
        return {**asdict(self), "target": SECONDS, "met": self.survey + self.choice < SECONDS}


def measure(data: Path, progress: Progress, *, rows: int, assets: int, threads: int) -> Sampled:
    """Measure on `rows` in all, spread over `assets`.

    Raises `FolderError` where the images are not there, `InputError` where an asset gets no row.
    """
    if not 0 < assets <= rows:
        raise InputError(f"{rows} rows are too few for {assets} assets", hint="a row for each")
    with tempfile.TemporaryDirectory() as folder:
        paths = _tables(data, Path(folder), rows // assets, assets, progress)
        classes = _classes(data)
        registered = Registered(rows // assets, tuple(classes))
        settings = {
            "where": [[c.column, c.relation, c.value] for c in WHERE],
            "threads": threads,
            "assets": _told(registered, assets),
        }
        inputs = {path.stem: path for path in paths}
        begun = time.perf_counter()
        answer = survey.run({**settings, "centres": True}, inputs, Path(folder), silent)
        first = round(time.perf_counter() - begun, 3)
        settings["assets"] = _told(replace(registered, accepted=True), assets)
        market = _market(answer, classes, rows // assets)
        times: dict[str, list[float]] = {"survey": [], "centres": [], "loop": [], "choice": []}
        asked = Criteria(where=WHERE, share=0.1, budget=BUDGET, ranks={"balance": 1, "quality": 1})
        ways: dict[str, Callable[[], object]] = {
            "survey": lambda: survey.run(
                {**settings, "centres": False}, inputs, Path(folder), silent
            ),
            "loop": lambda: _loop(paths),
            "centres": lambda: survey.run(
                {**settings, "centres": True}, inputs, Path(folder), silent
            ),
            "choice": lambda: choose(market, asked),
        }
        for run in range(RUNS):
            for name, way in ways.items():
                times[name].append(_timed(way))
            progress(assets + run + 1, assets + RUNS)
    seconds = {name: round(statistics.median(each), 3) for name, each in times.items()}
    chosen = len(choose(market, asked).chosen)
    return Sampled(
        rows=rows // assets * assets,
        assets=assets,
        threads=threads,
        first=first,
        chosen=chosen,
        **seconds,
    )


def _told(registered: Registered, assets: int) -> dict[str, Any]:
    return {str(number): registered.told() for number in range(1, assets + 1)}


def _timed(way: Callable[[], object]) -> float:
    begun = time.perf_counter()
    way()
    return time.perf_counter() - begun


def _loop(paths: list[Path]) -> list[tuple[int, list[float]]]:
    found = []
    for path in paths:
        table = pq.read_table(path, columns=["class", "width", *QUALITY])
        fits = pc.and_(
            pc.greater_equal(table["sharpness"], 500.0), pc.greater_equal(table["width"], 32)
        )
        grouped = table.append_column("fits", fits).group_by("class")
        sums = grouped.aggregate([("fits", "sum"), *((name, "mean") for name in QUALITY)])
        found.append((pc.sum(sums["fits_sum"]).as_py(), sums.to_pylist()))
    return found


def _tables(data: Path, folder: Path, rows: int, assets: int, progress: Progress) -> list[Path]:
    source = _measured(data)
    paths = []
    for number in range(1, assets + 1):
        drawn = np.random.default_rng(number).integers(0, source.num_rows, rows)
        table = source.take(pa.array(drawn))
        table = table.add_column(0, SCHEMA.field("row"), pa.array(np.arange(rows), pa.int32()))
        paths.append(folder / f"table-{number}.parquet")
        pq.write_table(table.cast(SCHEMA), paths[-1], compression="zstd")
        progress(number, assets + RUNS)
    return paths


def _images(data: Path) -> list[dict[str, Any]]:
    path = data / "cifar10" / "test.parquet"
    if not path.is_file():
        raise FolderError(path, "there is no such file", hint="name its folder with --data")
    table = pq.read_table(path, columns=["class_name", "image"])
    rows: list[dict[str, Any]] = table.slice(0, MEASURED).to_pylist()
    return rows


def _classes(data: Path) -> list[str]:
    return sorted({str(row["class_name"]) for row in _images(data)})


def _measured(data: Path) -> pa.Table:
    rows = _images(data)
    measures = measured([decode(row["image"]) for row in rows])
    records = [
        record(one, size=len(row["image"]), label=row["class_name"])
        for one, row in zip(measures, rows, strict=True)
    ]
    return pa.Table.from_pylist(records, schema=pa.schema(list(SCHEMA)[1:]))


def _market(answer: dict[str, Any], classes: list[str], rows: int) -> list[Candidate]:
    numbers = {int(number): classes for number in answer["assets"]}
    provider = Provider(1, "0x", "EU", FEE)
    found = []
    for number, traits in read_survey(answer, numbers).items():
        asset = Asset(
            asset=number,
            kind=Kind.DATA,
            state=State.DESCRIBED,
            owner="0x",
            provider=1,
            samples=rows,
            reserve=number % 7 * 10_000,
            package="",
            grants="",
        )
        if isinstance(traits, Traits):
            metadata = Metadata(number, Kind.DATA, "", rows, tuple(classes))
            found.append(Candidate(asset, metadata, provider, traits))
    return found
