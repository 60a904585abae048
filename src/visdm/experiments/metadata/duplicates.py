"""How fast near-duplicates are found among millions, and what the rule finds and mistakes.

The search is timed on random hashes, and on hashes as uneven as real ones: each chunk of 16 bits,
by which buckets are made, is drawn from the hashes of CIFAR-10. Among the queries are copies of
rows of the reference, altered in as many bits as the rule allows, and fewer.

The rule is tried on CIFAR-10, on photographs and on scikit-learn's digits: which altered pictures
are found, and how many pictures are marked that are nobody's alteration. CIFAR-10 has
near-duplicates of its own, so its marks are not mistakes all.
"""

from __future__ import annotations

import io
import resource
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
from PIL import Image

from visdm.compute.buckets import CHUNKS, WIDTH
from visdm.compute.duplicates import WIDE, Hashes, against, against_in_pool, within
from visdm.compute.looks import look
from visdm.compute.pools import open_pool
from visdm.errors import FolderError
from visdm.experiments.metadata.alterations import ALTERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from visdm.ports import Progress

SECONDS = 60.0
"""The target for a million against a million."""
PLANTED = 10_000
ALTERED = 1_000
"""Pictures of each set that are altered, at the most."""
MARKED = 10_000
"""Pictures of CIFAR-10 that are compared with each other, and with all others."""

_AT_ONCE = 256


@dataclass(frozen=True)
class Searched:
    """One search: `rows` against as many. Memory is the most of any process, in bytes."""

    hashes: str
    rows: int
    seconds: float
    planted: int
    found: int
    others: int
    memory: int


@dataclass(frozen=True)
class Recalled:
    """How many of `pictures` altered ones are found, by alteration, and how many are marked
    though nobody altered them: within the set, and against other pictures of the same kind.
    """

    name: str
    pictures: int
    found: dict[str, float]
    whole: int
    within: int
    against: int | None


@dataclass(frozen=True)
class Duplicates:
    """What was measured, on so many processes or on a Ray cluster."""

    workers: int
    ray: bool
    searches: tuple[Searched, ...]
    rule: tuple[Recalled, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        met = all(one.seconds <= SECONDS for one in self.searches)
        return {**asdict(self), "target": SECONDS, "met": met}


def measure(
    data: Path, progress: Progress, *, rows: int, workers: int, ray: str, rule: bool = True
) -> Duplicates:
    """Search `rows` against `rows`; alter the pictures of `data`. Raises `FolderError`."""
    pictures = cifar(data / "cifar10" / "train.parquet")
    real = looked(pictures)
    sets = {"CIFAR-10": pictures, "photographs": photographs(data / "photos"), "digits": digits()}
    steps = 2 + (len(sets) if rule else 0)
    searches = []
    for place, (name, made) in enumerate({"random": random, "like real ones": uneven}.items()):
        reference, query = made(rows, 1, real), made(rows, 2, real)
        searches.append(search(name, query, reference, workers, ray))
        progress(place + 1, steps)
    found = []
    for place, (name, some) in enumerate(sets.items() if rule else ()):
        found.append(recall(name, some, real if name == "CIFAR-10" else None))
        progress(place + 3, steps)
    return Duplicates(workers, bool(ray), tuple(searches), tuple(found))


def search(name: str, query: Hashes, reference: Hashes, workers: int, ray: str) -> Searched:
    """Plant copies among the queries, and time the search for them."""
    query, planted = plant(query, reference)
    with open_pool(workers, ray) as pool:
        start = time.perf_counter()
        found = against_in_pool(pool, query, reference, workers)
        seconds = time.perf_counter() - start
    right = int((found[planted] >= 0).sum())
    most = max(resource.getrusage(who).ru_maxrss for who in _WHO)
    others = int((found >= 0).sum()) - right
    return Searched(name, len(query), seconds, len(planted), right, others, most << 10)


_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def random(rows: int, seed: int, real: Hashes) -> Hashes:
    """Return random hashes, with everything else from real pictures."""
    source = np.random.default_rng(seed)
    drawn = real.take(source.integers(0, len(real), rows))
    bits = source.integers(0, 2**64, (rows, 4), dtype=np.uint64)
    return _detailed(drawn, bits, source)


def uneven(rows: int, seed: int, real: Hashes) -> Hashes:
    """Return hashes of which each chunk is some real picture's."""
    source = np.random.default_rng(seed)
    drawn = real.take(source.integers(0, len(real), rows))
    bits = drawn.bits.copy()
    for chunk in range(CHUNKS):
        column, place = divmod(chunk, CHUNKS // 2)
        mask = np.uint64(((1 << WIDTH) - 1) << (WIDTH * place))
        other = real.bits[source.integers(0, len(real), rows), column]
        bits[:, column] = (bits[:, column] & ~mask) | (other & mask)
    return _detailed(drawn, bits, source)


def _detailed(drawn: Hashes, bits: Any, source: np.random.Generator) -> Hashes:  # noqa: ANN401 - an array
    none = np.zeros(len(bits), dtype=bool)
    exact = source.integers(0, 2**64, len(bits), dtype=np.uint64)
    return replace(drawn, bits=bits, plain=none, flat=none, exact=exact)


def plant(query: Hashes, reference: Hashes) -> tuple[Hashes, Any]:
    """Put altered copies of the reference among the queries; return these, and where they are."""
    source = np.random.default_rng(3)
    count = min(PLANTED, len(query) // 2)
    places = source.choice(len(query), count, replace=False)
    copies = reference.take(source.choice(len(reference), count, replace=False))
    bits = copies.bits.copy()
    for row, distance in enumerate(source.integers(0, WIDE.reach + 1, count).tolist()):
        for bit in source.choice(128, distance, replace=False).tolist():
            bits[row, bit // 64] ^= np.uint64(1 << (bit % 64))
    order = np.arange(len(query))
    order[places] = len(query) + np.arange(count)
    copies = replace(copies, bits=bits, exact=source.integers(0, 2**64, count, dtype=np.uint64))
    return Hashes.joined([query, copies]).take(order), places


def recall(name: str, pictures: Sequence[Picture], whole: Hashes | None) -> Recalled:
    """Alter pictures and look for them; count what is marked without being altered."""
    some = [picture() for picture in pictures[:ALTERED]]
    originals, found = looked(some), {}
    for alteration, alter in ALTERATIONS.items():
        hit = against(looked(alter(image) for image in some), originals)
        found[alteration] = float((hit == np.arange(len(some))).mean())
    own = whole if whole is not None else looked(pictures)
    first, others = own.take(slice(0, MARKED)), own.take(slice(MARKED, None))
    return Recalled(
        name,
        len(some),
        found,
        len(own),
        int((within(first) >= 0).sum()),
        int((against(first, others) >= 0).sum()) if len(others) else None,
    )


def looked(pictures: Iterable[Picture | Image.Image]) -> Hashes:
    """Return what pictures are compared by."""
    parts, some = [], []
    for picture in pictures:
        some.append(picture if isinstance(picture, Image.Image) else picture())
        if len(some) == _AT_ONCE:
            parts.append(look(some))
            some = []
    return Hashes.joined([*parts, look(some)])


class Picture:
    """An encoded image, decoded when it is called."""

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded

    def __call__(self) -> Image.Image:
        """Return it in RGB."""
        return Image.open(io.BytesIO(self._encoded)).convert("RGB")


def cifar(path: Path) -> list[Picture]:
    """Read CIFAR-10's images. Raises `FolderError`."""
    if not path.is_file():
        raise FolderError(path, "there is no such file", hint="name its folder with --data")
    return [Picture(cell.as_py()) for cell in pq.read_table(path, columns=["image"])["image"]]


def photographs(folder: Path) -> list[Picture]:
    """Read photographs, none of which is like another. Raises `FolderError`."""
    files = sorted(folder.glob("*.JPEG"))
    if not files:
        raise FolderError(folder, "holds no photographs", hint="name its folder with --data")
    return [Picture(file.read_bytes()) for file in files]


def digits() -> list[Picture]:
    """Return scikit-learn's digits, 8x8: all differ, and many look alike."""
    # Untyped, a second to load, and used here alone.
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # noqa: PLC0415

    found = []
    for pixels in load_digits().images:
        file = io.BytesIO()
        Image.fromarray((pixels * 15).astype(np.uint8)).save(file, "PNG")
        found.append(Picture(file.getvalue()))
    return found
