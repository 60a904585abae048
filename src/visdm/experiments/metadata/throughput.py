"""How fast images are measured, beside the loop that the paper's authors would write.

That loop opens one file after another with Pillow and asks `imagehash` for five hashes and
OpenCV for the histogram of the greys. Ours gives the same columns, and is checked to. The
two take turns, file by file or batch by batch, in one process on one core, by that core's
time; then ours has several processes, and turns are by the clock.
"""

from __future__ import annotations

import io
import os
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
from PIL import Image

from visdm.compute.images import HASHES, decode, measure
from visdm.compute.images.hashing import hashed
from visdm.compute.images.pixels import Bands, alike, counted
from visdm.compute.pools import Processes
from visdm.errors import FolderError, InputError
from visdm.ports import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

ROUNDS = 3
WORKERS = 2
FIVE = HASHES[:5]
TARGETS = {"photographs": (3.0, 5.0), "CIFAR-10": (10.0, 0.0)}
"""Least ratios to the loop's speed, on one core and on two."""

_THUMBNAILS = 2048
_BATCH = {"photographs": 4, "CIFAR-10": 256}
_INSTALL = "pip install imagehash opencv-python-headless"

Columns = tuple[str | tuple[int, ...], ...]
"""Of one image: five hashes and the counts of 256 greys."""


@dataclass(frozen=True)
class Speed:
    """Images a second on one set of them, and ratios to the loop's speed.

    `several` is of `WORKERS` processes; `full` is of all columns, the crop-resistant hash
    and quality too, on one core.
    """

    name: str
    images: int
    baseline: float
    ours: float
    several: float
    full: float
    one_ratio: float
    several_ratio: float
    full_ratio: float

    @property
    def targets(self) -> tuple[float, float]:
        """The least ratios on one core and on several; 0 where there is none."""
        return TARGETS[self.name]


@dataclass(frozen=True)
class Round:
    """Seconds of one round: the loop by its core's time and by the clock, ours by one core's
    time, ours with all columns, and ours by the clock on `WORKERS` processes.
    """

    loop: float
    clock: float
    ours: float
    full: float
    several: float


@dataclass(frozen=True)
class Throughput:
    """What was measured of each set."""

    speeds: tuple[Speed, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        rows = [{**asdict(speed), "targets": speed.targets} for speed in self.speeds]
        return {"workers": WORKERS, "speeds": rows}


def measure_throughput(data: Path, progress: Progress = silent) -> Throughput:
    """Measure on the photographs and the CIFAR-10 images of a folder.

    Raises `FolderError` where it lacks them, `InputError` where the loop's libraries are
    missing or give other columns than ours.
    """
    sets = {"photographs": _photographs(data), "CIFAR-10": _thumbnails(data)}
    speeds = []
    for number, (name, files) in enumerate(sets.items()):
        progress(number, len(sets))
        speeds.append(_speed(name, _batches(files, _BATCH[name])))
    progress(len(sets), len(sets))
    return Throughput(tuple(speeds))


def _speed(name: str, batches: list[list[bytes]]) -> Speed:
    images = sum(map(len, batches))
    rounds = []
    one, several = Processes(1), Processes(WORKERS)
    try:
        list(several.map(ours, batches[:WORKERS]))  # so that both have their libraries loaded
        for _ in range(ROUNDS):
            (turn,) = one.map(_turns, [batches])
            began = time.perf_counter()
            list(several.map(ours, batches))
            rounds.append(Round(*turn, time.perf_counter() - began))
    finally:
        one.close()
        several.close()
    return speed(name, images, rounds)


def speed(name: str, images: int, rounds: Sequence[Round]) -> Speed:
    """Return medians over rounds: of the speeds, and of the ratios within a round."""

    def median(value: Callable[[Round], float]) -> float:
        return statistics.median(map(value, rounds))

    return Speed(
        name,
        images,
        baseline=images / median(lambda row: row.loop),
        ours=images / median(lambda row: row.ours),
        several=images / median(lambda row: row.several),
        full=images / median(lambda row: row.full),
        one_ratio=median(lambda row: row.loop / row.ours),
        several_ratio=median(lambda row: row.clock / row.several),
        full_ratio=median(lambda row: row.loop / row.full),
    )


def _turns(batches: list[list[bytes]]) -> tuple[float, float, float, float]:
    """Return seconds of the loop by this core's time and by the clock, of ours, and of all."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    loop, clock, mine, full = 0.0, 0.0, 0.0, 0.0
    for batch in batches:
        began = time.perf_counter()
        spent, expected = _timed(baseline, batch)
        clock += time.perf_counter() - began
        loop += spent
        spent, found = _timed(ours, batch)
        mine += spent
        if found != expected:
            raise InputError("the loop and ours give different columns")
        full += _timed(_everything, batch)[0]
    return loop, clock, mine, full


def _timed(work: Callable[[list[bytes]], Any], batch: list[bytes]) -> tuple[float, Any]:
    began = time.process_time()
    answer = work(batch)
    return time.process_time() - began, answer


def baseline(files: Iterable[bytes]) -> list[Columns]:
    """Return the columns of each file as the paper's authors would have them."""
    try:
        import cv2  # noqa: PLC0415 - only this experiment needs it
        import imagehash  # noqa: PLC0415 - as above
        import numpy as np  # noqa: PLC0415 - as above
    except ImportError:
        raise InputError("the loop to compare with lacks a library", hint=_INSTALL) from None
    rows: list[Columns] = []
    for file in files:
        image = Image.open(io.BytesIO(file))
        hashes = (
            *(imagehash.average_hash(image), imagehash.phash(image), imagehash.dhash(image)),
            *(imagehash.whash(image), imagehash.colorhash(image)),
        )
        counts = cv2.calcHist([np.array(image.convert("L"))], [0], None, [256], [0, 256])
        rows.append((*map(str, hashes), tuple(int(count) for count in counts.ravel())))
    return rows


def ours(files: Sequence[bytes]) -> list[Columns]:
    """Return the same columns of each file."""
    images = [decode(file) for file in files]
    rows: list[Columns] = [()] * len(images)
    for places in alike(images):
        bands = Bands.of([images[place] for place in places])
        columns = [*hashed(bands, FIVE).values(), map(tuple, counted(bands.grey).tolist())]
        for place, row in zip(places, zip(*columns, strict=True), strict=True):
            rows[place] = row
    return rows


def _everything(files: Sequence[bytes]) -> int:
    return len(measure([decode(file) for file in files]))


def _photographs(data: Path) -> list[bytes]:
    files = sorted((data / "photos").glob("*.JPEG"))
    if not files:
        raise FolderError(data / "photos", "holds no photographs", hint="name it with --data")
    return [file.read_bytes() for file in files]


def _thumbnails(data: Path) -> list[bytes]:
    path = data / "cifar10" / "test.parquet"
    if not path.is_file():
        raise FolderError(path, "there is no such file", hint="name its folder with --data")
    table = pq.read_table(path, columns=["image"])
    files: list[bytes] = table.column("image").slice(0, _THUMBNAILS).to_pylist()
    return files


def _batches(files: list[bytes], size: int) -> list[list[bytes]]:
    return [files[start : start + size] for start in range(0, len(files), size)]
