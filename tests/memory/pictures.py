"""Image folders and packages of strangers, made on the spot."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
from PIL import Image

from visdm.adapters.packages import rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


TOML = """
name = "digits CNN"
module = "model"
[input]
mode = "L"
size = [8, 8]
[training]
epochs = 8
batch = 32
optimizer = "adam"
learning_rate = 0.003
[config]
width = 16
"""
SOURCE = "def build_model(config):\n    raise RuntimeError('was run')\n"


def picture(kind: str = "PNG", seed: int = 0, size: tuple[int, int] = (16, 12)) -> bytes:
    """Return the bytes of an image file full of noise, so that no two are alike."""
    width, height = size
    noise = hashlib.shake_128(str(seed).encode()).digest(width * height * 3)
    content = BytesIO()
    Image.frombytes("RGB", size, noise).save(content, kind)
    return content.getvalue()


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = BytesIO()
    frames[0].save(content, kind, save_all=True, append_images=frames[1:])
    return content.getvalue()


def fill(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


PETS = {
    "dogs/2.JPG": picture("JPEG", 1),
    "dogs/1.png": picture("PNG", 2),
    "cats/a.webp": picture("WEBP", 3),
    "cats/b.jpeg": picture("JPEG", 4),
}


def stranger(
    target: Path,
    *,
    shown: Sequence[bytes | None],
    labels: Sequence[int | None],
    classes: object = ("cats", "dogs"),
    name: str | None = "pets",
    **writing: object,
) -> Path:
    """Write a package as somebody could who has pyarrow and no scruples."""
    cells = [None if content is None else {"bytes": content, "path": "x"} for content in shown]
    table = pa.table({"image": cells, "label": labels}, schema=rows.COLUMNS)
    metadata = rows.described(name or "", ["?"])
    listed = json.dumps(list(classes) if isinstance(classes, tuple) else classes)
    metadata["huggingface"] = metadata["huggingface"].replace('["?"]', listed)
    if name is None:
        del metadata["visdm.name"]
    options = {"compression": "none", "use_dictionary": False, **writing}
    pq.write_table(table.replace_schema_metadata(metadata), target, **options)
    return target


GOOD = [picture(seed=seed) for seed in range(4)]
