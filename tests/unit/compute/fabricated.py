"""Packages for the tests of compute: real Parquet, PNG and tar files of small pictures."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.errors import JobError

DEMO = Path(__file__).parents[3] / "src" / "visdm" / "demo" / "model"

TOML = """
name = "test model"
module = "model"
[input]
mode = "{mode}"
size = [8, 8]
[training]
epochs = {epochs}
batch = 16
optimizer = "{optimizer}"
learning_rate = {rate}
regime = "{regime}"
[config]
width = 8
"""

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def toml(
    *,
    mode: str = "L",
    epochs: int = 2,
    optimizer: str = "adam",
    rate: float = 0.01,
    regime: str = "loop",
    epsilon: float | None = None,
) -> bytes:
    """Return a `visdm.toml`."""
    text = TOML.format(mode=mode, epochs=epochs, optimizer=optimizer, rate=rate, regime=regime)
    return (text + (f"[private]\nepsilon = {epsilon}\n" if epsilon else "")).encode()


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401 - Pillow's options
    """Return pixels (height, width[, 3]) as an image file."""
    target = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(target, kind, **options)
    return target.getvalue()


def schema_metadata(classes: Sequence[str], name: str = "pictures", **more: str) -> dict[str, str]:
    """Return the metadata of a data package's schema; `more` stands beside the name."""
    label = {"names": list(classes), "_type": "ClassLabel"}
    features = {"image": {"_type": "Image"}, "label": label}
    found = {"huggingface": json.dumps({"info": {"features": features}}), "visdm.name": name}
    return {**found, **{f"visdm.{key}": value for key, value in more.items()}}


def data_package(
    path: Path,
    images: Sequence[bytes | None],
    labels: Sequence[int | None],
    classes: Sequence[str],
    *,
    nested: bool = True,
    **more: str,
) -> Path:
    """Write a data package; `nested` as `datasets` stores images, else as plain bytes.

    `more` is what it says of itself beside its name.
    """
    column = (
        pa.array([None if i is None else {"bytes": i, "path": None} for i in images], STRUCT)
        if nested
        else pa.array(list(images), pa.binary())
    )
    table = pa.table({"image": column, "label": pa.array(list(labels), pa.int64())})
    pq.write_table(table.replace_schema_metadata(schema_metadata(classes, **more)), path)
    return path


def stripes(count: int, seed: int, side: int = 8) -> tuple[list[np.ndarray], list[int]]:
    """Return noisy pictures of upright (0) and level (1) stripes, and which they are."""
    source = np.random.default_rng(seed)
    labels = [int(label) for label in source.integers(0, 2, count)]
    pictures = []
    for label in labels:
        upright = np.tile((np.arange(side) % 4 < 2) * 120.0, (side, 1))
        picture = np.roll(upright, int(source.integers(0, 4)), axis=1) + 40
        picture = picture + source.normal(0, 25, (side, side))
        pictures.append((picture.T if label else picture).clip(0, 255))
    return pictures, labels


def stripes_package(path: Path, count: int, seed: int, *, wrong: float = 0.0) -> Path:
    """Write a data package of stripes, a share `wrong` of the labels turned round."""
    pictures, labels = stripes(count, seed)
    lies = round(count * wrong)
    labels = [1 - label if place < lies else label for place, label in enumerate(labels)]
    return data_package(path, [encoded(p) for p in pictures], labels, ["upright", "level"])


def model_package(
    path: Path,
    validation: Path,
    *,
    script: str | None = None,
    settings: bytes | None = None,
    others: Mapping[str, str] | None = None,
    weights: bytes | None = None,
) -> Path:
    """Write a model package; without `script` it is the demo's network."""
    source = script if script is not None else (DEMO / "model.py").read_text()
    files = {
        "model.py": source.encode(),
        "validation.parquet": validation.read_bytes(),
        "visdm.toml": settings or toml(),
        **{name: content.encode() for name, content in (others or {}).items()},
        **({} if weights is None else {"weights.safetensors": weights}),
    }
    return tar(path, files)


def tar(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write an uncompressed tar."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def ignore(done: int, total: int) -> None:
    """Ignore progress."""


def said(error: JobError) -> str:
    """Return an error's reason, once it is sure that it is short and on one line."""
    assert error.reason.isprintable()
    assert len(error.reason) < 500
    return error.reason
