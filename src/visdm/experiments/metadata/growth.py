"""How time and memory of offline metadata grow with the number of images.

`visdm metadata` runs as its users run it, in processes of its own, over CIFAR-10 images in a
Parquet file. Time is the processor time of the whole process tree, which others on the machine
disturb least, and memory the largest sum of what its processes have resident, sampled; pages that
they share are counted for each. Starting Python is no part of the growth, so compared are the costs
of further images: from the first size to the second, and from there to the last.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from visdm.errors import FolderError, InputError, JobError
from visdm.ports import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (1_000, 10_000, 60_000)
MOST = 60_000
"""Images of CIFAR-10."""

FILES = ("train.parquet", "test.parquet")
TIME_TARGET = 1.25
"""Cost of a further image at the large sizes : that at the small ones, at most."""

MEMORY_TARGET = 1.2
MEMORY_CONSTANT = 32 << 20
"""Bytes that the largest size may have resident beside 1.2 times the smallest."""

_BATCH = 1_000
_PAUSE = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Size:
    """One run: seconds by the clock and of the processor, bytes resident at the most."""

    images: int
    seconds: float
    processor: float
    memory: int


@dataclass(frozen=True)
class Growth:
    """All runs, the smallest first."""

    sizes: tuple[Size, ...]

    @property
    def further(self) -> tuple[float, ...]:
        """Processor seconds of a further image, from each size to the next."""
        return tuple(
            (more.processor - less.processor) / (more.images - less.images)
            for less, more in pairwise(self.sizes)
        )

    @property
    def time_ratio(self) -> float:
        """The cost of a further image at the largest sizes against that at the smallest."""
        return self.further[-1] / self.further[0]

    @property
    def memory_ratio(self) -> float:
        """Memory at the largest size, less the constant, against that at the smallest."""
        return (self.sizes[-1].memory - MEMORY_CONSTANT) / self.sizes[0].memory

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "sizes": [asdict(size) for size in self.sizes],
            "further_image_seconds": list(self.further),
            "time_ratio": self.time_ratio,
            "time_target": TIME_TARGET,
            "memory_ratio": self.memory_ratio,
            "memory_target": MEMORY_TARGET,
            "memory_constant": MEMORY_CONSTANT,
        }


def measure(
    data: Path, sizes: tuple[int, ...] = SIZES, workers: int = 2, progress: Progress = silent
) -> Growth:
    """Describe the first images of `data`/cifar10, as many as each of `sizes` says, ascending.

    Raises `FolderError` where there are no such images, `InputError` where sizes do not tell
    growth (fewer than three, or not ascending, or more than there are), `JobError` where a run
    fails.
    """
    if len(sizes) < len(SIZES) or any(more <= less for less, more in pairwise(sizes)):
        raise InputError("growth needs three different sizes, ascending")
    files = [data / "cifar10" / name for name in FILES]
    for file in files:
        if not file.is_file():
            raise FolderError(file, "there is no such file", hint="name the folder with --data")
    if sizes[-1] > (there := sum(pq.read_metadata(file).num_rows for file in files)):
        raise InputError(f"there are {there:,} images, not {sizes[-1]:,}")
    done: list[Size] = []
    with tempfile.TemporaryDirectory(prefix="visdm-growth-") as place:
        for size in sizes:
            progress(len(done), len(sizes))
            source = Path(place) / f"{size}.parquet"
            _write(files, source, size)
            done.append(_run(source, Path(place) / str(size), workers))
            source.unlink()
    progress(len(sizes), len(sizes))
    return Growth(tuple(done))


def _write(files: list[Path], target: Path, size: int) -> None:
    schema = pa.schema([("image", pa.binary()), ("label", pa.string())])
    left = size
    with pq.ParquetWriter(target, schema, compression="none") as writer:
        for batch in _batches(files):
            if not left:
                break
            labels = batch.column("class_name").cast(pa.string())
            rows = pa.RecordBatch.from_arrays([batch.column("image"), labels], schema=schema)
            writer.write_batch(rows[:left])
            left -= min(left, len(rows))


def _batches(files: list[Path]) -> Iterator[Any]:
    for file in files:
        with pq.ParquetFile(file) as table:
            yield from table.iter_batches(_BATCH, columns=["image", "class_name"])


def _run(source: Path, out: Path, workers: int) -> Size:
    words = ["metadata", str(source), "-o", str(out), "--workers", str(workers), "--json"]
    begun, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(  # noqa: S603 - our own command, with paths of ours
            [sys.executable, "-m", "visdm", *words], stdout=said, stderr=subprocess.DEVNULL
        )
        try:
            while not (ended := os.wait4(running.pid, os.WNOHANG))[0]:
                peak = max(peak, sum(map(_resident, _tree(running.pid))))
                time.sleep(_PAUSE)
            running.returncode = os.waitstatus_to_exitcode(ended[1])
        finally:
            if running.returncode is None:  # we were interrupted: its folder goes with us
                running.kill()
                running.wait()
        if running.returncode:
            raise JobError(f"visdm metadata ended with {running.returncode}")
        said.seek(0)
        images = json.load(said)["samples"]
    seconds = time.perf_counter() - begun
    return Size(images, seconds, ended[2].ru_utime + ended[2].ru_stime, peak)


def _tree(root: int) -> list[int]:
    """Return a process and all that descend from it (Linux)."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (fields := _fields(Path(entry.path) / "stat")):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for process in found:  # it grows as we go
        found += children.get(process, [])
    return found


def _resident(process: int) -> int:
    fields = _fields(Path("/proc") / str(process) / "stat")
    return int(fields[21]) * _PAGE if fields else 0


def _fields(stat: Path) -> list[str]:
    """Return the fields of a process after its name, [] where it is gone; proc_pid_stat(5)."""
    try:
        return stat.read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return []
