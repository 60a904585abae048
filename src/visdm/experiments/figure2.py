"""Figure 2: cats, dogs and noise in a plane, by their metadata and nothing else (paper 4.2.1).

The paper plots 1,000 cats and 1,000 dogs of CIFAR-10 with 1,000 random images, by principal
components and by t-SNE, and sees noise apart. Here that is measured, for

- all features of the public table (quality and projection), and the same without `compression`;
- the projection alone, which is what the market published before it measured quality;
- the pixels themselves (their 50 principal components), which nobody on the market has.

Noise is drawn uniformly at random and comes in two encodings: as JPEG with the quantisation and
subsampling of the real files, which is the harder test, since it smooths the noise and the file's
format gives nothing away; and as PNG, as somebody would who fills a folder with nonsense.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # as above
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
from PIL import Image, JpegImagePlugin
from sklearn import decomposition  # type: ignore[import-untyped]  # as above

from visdm.compute.features import NAMES, QUALITIES, Standard, raw
from visdm.compute.images import decode, measure, record
from visdm.compute.planes import Principal, leading, neighbourhoods
from visdm.domain.maps import METHODS, PCA, TSNE, Map, Point
from visdm.errors import FolderError, InputError
from visdm.experiments.separability import Separability
from visdm.ports import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

EACH = 1_000
CAT, DOG, NOISE = "cat", "dog", "noise"
JPEG, PNG = "jpeg", "png"

METADATA, SIZELESS, PROJECTION, PIXELS = "metadata", "without compression", "projection", "pixels"
KINDS = (METADATA, SIZELESS, PROJECTION, PIXELS)
"""What places are made of."""

KEPT = 50
"""Components of the pixels that t-SNE gets, as is usual (van der Maaten & Hinton 2008)."""

FEWEST = 20
"""Images of each class that separability can be measured on."""


@dataclass(frozen=True)
class Row:
    """What was measured for one encoding of noise, one kind of features, one plane.

    `noise` is noise against real images, `cats` cats against dogs. `method` is pca, tsne, or
    `all` for the features themselves, before any plane.
    """

    encoding: str
    kind: str
    method: str
    noise: Separability
    cats: Separability


@dataclass(frozen=True)
class Figure2:
    """All that was measured, and the maps by encoding and kind, for the pictures."""

    each: int
    seed: int
    rows: tuple[Row, ...]
    maps: dict[tuple[str, str], Map]

    def row(self, encoding: str, kind: str, method: str) -> Row:
        """Return one row."""
        wanted = (encoding, kind, method)
        return next(r for r in self.rows if (r.encoding, r.kind, r.method) == wanted)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain JSON."""
        return {
            "each": self.each,
            "seed": self.seed,
            "rows": [asdict(row) for row in self.rows],
            "explained": {
                f"{encoding}, {kind}": list(found.explained)
                for (encoding, kind), found in self.maps.items()
            },
        }


def measure_figure2(
    data: Path, *, each: int = EACH, seed: int = 0, progress: Progress = silent
) -> Figure2:
    """Measure it on `each` cats, dogs and noise images; the same seed gives the same numbers.

    `data` is the folder that holds `cifar10/train.parquet`. Raises `FolderError`, `InputError`.
    """
    if each < FEWEST:
        raise InputError(f"{each} images of each class are too few", hint=f"take {FEWEST} or more")
    real = _real(data, each, seed)
    rows, maps = [], {}
    total, done = 2 * len(KINDS), 0
    labels = [label for label in (CAT, DOG, NOISE) for _ in range(each)]
    known = _measured([*real[CAT], *real[DOG]])
    for encoding in (JPEG, PNG):
        features = _features(known, _measured(noise(each, seed, encoding, real[CAT][0])))
        for kind in KINDS:
            planes, found = _place(features[kind], labels, kind, seed)
            maps[encoding, kind] = found
            rows += [_row(encoding, kind, name, at, each, seed) for name, at in planes.items()]
            done += 1
            progress(done, total)
    return Figure2(each, seed, tuple(rows), maps)


def noise(count: int, seed: int, encoding: str, like: bytes) -> list[bytes]:
    """Return `count` images of random pixels, of the size of the JPEG `like`.

    As JPEG they have its quantisation tables and subsampling too.
    """
    model = JpegImagePlugin.JpegImageFile(io.BytesIO(like))
    chance = np.random.default_rng([seed, 2])
    options: dict[str, Any] = {}
    if encoding == JPEG:
        sampling = JpegImagePlugin.get_sampling(model)
        options = {"qtables": model.quantization, "subsampling": sampling}
    made = []
    for _ in range(count):
        pixels = chance.integers(0, 256, (model.height, model.width, 3), dtype=np.uint8)
        target = io.BytesIO()
        Image.fromarray(pixels).save(target, encoding, **options)
        made.append(target.getvalue())
    return made


def _real(data: Path, each: int, seed: int) -> dict[str, list[bytes]]:
    """Return `each` files of both classes, drawn by the seed."""
    path = data / "cifar10" / "train.parquet"
    if not path.is_file():
        hint = "name the folder that holds cifar10/train.parquet with --data"
        raise FolderError(path, "there is no such file", hint=hint)
    try:
        table = pq.read_table(path, columns=["class_name", "image"])
    except (pa.ArrowException, OSError, ValueError):
        raise FolderError(path, "is not the CIFAR-10 that is needed") from None
    names = table.column("class_name").cast(pa.string())
    chance, found = np.random.default_rng([seed, 1]), {}
    for label in (CAT, DOG):
        own = table.filter(pc.equal(names, label)).column("image")
        if len(own) < each:
            raise FolderError(path, f"holds {len(own)} images of the class {label}, not {each}")
        chosen = chance.choice(len(own), each, replace=False)
        found[label] = [own[int(k)].as_py() for k in chosen]
    return found


def _measured(files: list[bytes]) -> tuple[Matrix, Matrix]:
    """Return the images' public features, and their pixels, a row each."""
    images = [decode(file) for file in files]
    table = [
        record(measures, size=len(file), label="")
        for measures, file in zip(measure(images), files, strict=True)
    ]
    quality = {name: [row[name] for row in table] for name in QUALITIES}
    projection = np.array([row["projection"] for row in table], dtype=np.float64)
    pixels = np.array([np.asarray(image.convert("RGB")).ravel() / 255 for image in images])
    return raw(quality, projection), pixels


def _features(*parts: tuple[Matrix, Matrix]) -> dict[str, Matrix]:
    """Return the features of each kind (n x k), in units of their deviation but for pixels."""
    found = np.concatenate([features for features, _ in parts])
    found = Standard.of(found)(found)
    pixels = np.concatenate([pixels for _, pixels in parts])
    components = decomposition.PCA(min(KEPT, *pixels.shape), svd_solver="covariance_eigh")
    return {
        METADATA: found,
        SIZELESS: np.delete(found, NAMES.index("compression"), axis=1),
        PROJECTION: found[:, len(QUALITIES) :],
        PIXELS: components.fit_transform(pixels),
    }


def _place(
    features: Matrix, labels: list[str], kind: str, seed: int
) -> tuple[dict[str, Matrix], Map]:
    """Return the points by method, and the map of it."""
    plane = Principal.of(features)
    named = {
        METADATA: NAMES,
        SIZELESS: tuple(name for name in NAMES if name != "compression"),
        PROJECTION: NAMES[len(QUALITIES) :],
    }
    names = named.get(kind, ())  # pixels have none
    found = {PCA: plane(features), TSNE: neighbourhoods(features, seed, silent)}
    points = tuple(
        Point(
            1,
            row,
            label,
            {name: (float(at[row, 0]), float(at[row, 1])) for name, at in found.items()},
        )
        for row, label in enumerate(labels)
    )
    first, second = (tuple(leading(axis, names)) for axis in plane.axes)
    return {**found, "all": features}, Map(
        points, METHODS, explained=plane.explained, leading=(first, second)
    )


def _row(encoding: str, kind: str, method: str, at: Matrix, each: int, seed: int) -> Row:
    is_noise = np.arange(len(at)) >= 2 * each
    real = at[: 2 * each]
    return Row(
        encoding=encoding,
        kind=kind,
        method=method,
        noise=Separability.of(at, is_noise, seed),
        cats=Separability.of(real, np.arange(len(real)) < each, seed),
    )
