"""What storing costs: time as ratios against the bare work, and memory at a size beyond it.

Every ratio sets two ways over the same bytes side by side, in one process on one core, run in
turns; the median counts. The bytes lie in the page cache, so that disks are compared only where
both ways write.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyrage  # type: ignore[import-untyped]  # pyrage ships no types
from PIL import Image

from visdm.adapters.blocks.unixfs import build
from visdm.ports import Progress, Writer, silent
from visdm.wiring import open_store, packages, vault_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from visdm.adapters.blocks.cid import Cid

PIECE = 1 << 20
RUNS = 5
MEMORY_LIMIT = 300 << 20
TARGETS = {"import": 0.8, "encrypt": 0.9}
"""ours : bare, at least."""

_NOISE = (1024, 1024)
"""Pixels of an image of the large dataset: three mebibytes, stored and not compressed."""


@dataclass(frozen=True)
class Ratio:
    """One comparison: median seconds of the bare work and of ours over `size` bytes."""

    name: str
    against: str
    size: int
    bare: float
    ours: float

    @property
    def ratio(self) -> float:
        """Our speed as a part of the bare work's."""
        return self.bare / self.ours

    @property
    def target(self) -> float | None:
        """The least that it should be."""
        return TARGETS.get(self.name)


@dataclass(frozen=True)
class OnePass:
    """A whole dataset packaged, encrypted and imported: bytes in, peak memory, seconds."""

    images: int
    size: int
    memory: int
    seconds: float


@dataclass(frozen=True)
class StorageTable:
    """All comparisons, and the large dataset where it was asked for."""

    ratios: tuple[Ratio, ...]
    large: OnePass | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        rows = [{**asdict(row), "ratio": row.ratio, "target": row.target} for row in self.ratios]
        return {"ratios": rows, "one_pass": asdict(self.large) if self.large else None}


def measure(
    mebibytes: int, gibibytes: float, folder: Path | None = None, progress: Progress = silent
) -> StorageTable:
    """Compare over `mebibytes` of noise; pack a dataset of `gibibytes` too, unless that is 0.

    Work files lie in a new folder below `folder`, and are removed.
    """
    with tempfile.TemporaryDirectory(prefix="visdm-storage-", dir=folder) as place:
        # Each in a process of its own: peak memory is a process's, and so is the one core.
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            progress(0, 2)
            ratios = pool.apply(_compare, (Path(place), mebibytes << 20))
            progress(1, 2)
            large = pool.apply(_pack, (Path(place), gibibytes)) if gibibytes else None
        progress(2, 2)
    return StorageTable(tuple(ratios), large)


def _compare(place: Path, size: int) -> list[Ratio]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    source = place / "noise"
    with source.open("wb") as file:
        for _ in range(size // PIECE):
            file.write(os.urandom(PIECE))
    vault = vault_in(place)

    def blocks() -> None:
        with _emptied(place / "store") as folder:
            open_store([str(folder)]).put(source)

    def sealed() -> None:
        with (place / "sealed").open("wb") as out, vault.encrypting(out) as sealing:
            _copy(source, sealing)

    def poured() -> None:
        with (
            _emptied(place / "store") as folder,
            open_store([str(folder)]).adding() as upload,
            vault.encrypting(upload) as sealing,
        ):
            _copy(source, sealing)

    def by_turns() -> None:
        _bare_encryption(source, place / "sealed")
        with _emptied(place / "store") as folder:
            open_store([str(folder)]).put(place / "sealed")

    pairs: list[tuple[str, str, Callable[[], object], Callable[[], object]]] = [
        ("import", "hashlib.sha256", lambda: _hash(source), lambda: _cut(source)),
        (
            "import into a folder",
            "hashlib.sha256, and the same files written and synced",
            lambda: _hash_and_write(source, place / "store"),
            blocks,
        ),
        (
            "encrypt",
            "pyrage.encrypt_file",
            lambda: _bare_encryption(source, place / "sealed"),
            sealed,
        ),
        (
            "encrypt and import in one pass",
            "pyrage.encrypt_file to a file, and that imported",
            by_turns,
            poured,
        ),
    ]
    return [Ratio(name, bare, size, *_in_turns(a, b)) for name, bare, a, b in pairs]


def _in_turns(bare: Callable[[], object], ours: Callable[[], object]) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for run in range(RUNS + 1):
        for way, kept in zip((bare, ours), times, strict=True):
            begun = time.perf_counter()
            way()
            if run:  # the first warms caches
                kept.append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])


def _pieces(source: Path) -> Iterator[bytes]:
    with source.open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            yield piece


def _copy(source: Path, sink: Writer) -> None:
    for piece in _pieces(source):
        sink.write(piece)


def _hash(source: Path) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(source):
        digest.update(piece)
    return digest.hexdigest()


def _cut(source: Path) -> Cid:
    with source.open("rb", buffering=0) as file:
        return build(file, lambda _cid, _block: None)


def _hash_and_write(source: Path, place: Path) -> None:
    with _emptied(place) as folder:
        for number, piece in enumerate(_pieces(source)):
            hashlib.sha256(piece).digest()
            with (folder / str(number)).open("wb") as file:
                file.write(piece)
                file.flush()
                os.fsync(file.fileno())


def _bare_encryption(source: Path, target: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    pyrage.encrypt_file(str(source), str(target), [identity.to_public()])


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _pack(place: Path, gibibytes: float) -> OnePass:
    """Package, encrypt and import a tree of images; most of them share their bytes on the disk."""
    tree = place / "images"
    count = _lay_out(tree, int(gibibytes * (1 << 30)))
    vault = vault_in(place)
    begun = time.perf_counter()
    with _emptied(place / "store") as folder:
        with open_store([str(folder)]).adding() as upload, vault.encrypting(upload) as sealing:
            summary = packages().build_data(tree, sealing, name="large")
        seconds = time.perf_counter() - begun
    return OnePass(count, summary.size, _peak(), seconds)


def _lay_out(tree: Path, size: int) -> int:
    for label in ("even", "odd"):
        (tree / label).mkdir(parents=True)
    first = tree / "even" / "0.png"
    Image.effect_noise(_NOISE, 64).convert("RGB").save(first, compress_level=0)
    count = max(2, -(-size // first.stat().st_size))
    for number in range(1, count):
        # Links, for a tree of this size would only wear the disk; the builder reads each anew.
        (tree / ("odd" if number % 2 else "even") / f"{number}.png").hardlink_to(first)
    return count


def _peak() -> int:
    """Return the most memory that this process had resident, in bytes (Linux)."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) << 10
