"""Others open our packages with what they have: Hugging Face `datasets` and pandas."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from memory.building import build
from memory.pictures import PETS

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)

ORDER = ("cats/a.webp", "cats/b.jpeg", "dogs/1.png", "dogs/2.JPG")

WITH_DATASETS = """
import datasets, json, sys
images = datasets.load_dataset("parquet", data_files=sys.argv[1], split="train")
assert isinstance(images.features["image"], datasets.Image)
stored = images.cast_column("image", datasets.Image(decode=False))
print(json.dumps({
    "names": images.features["label"].names,
    "labels": images["label"][:],
    "sizes": [row["image"].size for row in images],
    "bytes": [row["image"]["bytes"].hex() for row in stored],
}))
"""

WITH_PANDAS = """
import io, json, sys, pandas
from PIL import Image
images = pandas.read_parquet(sys.argv[1])
stored = [cell["bytes"] for cell in images["image"]]
print(json.dumps({
    "labels": images["label"].tolist(),
    "sizes": [Image.open(io.BytesIO(content)).size for content in stored],
    "bytes": [content.hex() for content in stored],
}))
"""

BACK_AND_FORTH = """
import datasets, sys
images = datasets.load_dataset("parquet", data_files=sys.argv[1], split="train")
images.to_parquet(sys.argv[2])
"""


def read(program: str, place: Path, *paths: Path) -> str:
    """Run a reader without a network, its caches in `place`."""
    alone = {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": str(place / "huggingface"),
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    command = [sys.executable, "-c", program, *map(str, paths)]
    said = subprocess.run(
        command, env={**os.environ, **alone}, check=True, capture_output=True, text=True
    )
    return said.stdout


def read_json(program: str, place: Path, package: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(program, place, package))
    return found


def test_datasets_opens_a_package(
    packages: Packages, pets: Path, target: Path, tmp_path: Path
) -> None:
    build(packages, pets, target)
    assert read_json(WITH_DATASETS, tmp_path, target) == {
        "names": ["cats", "dogs"],
        "labels": [0, 0, 1, 1],
        "sizes": [[16, 12]] * 4,
        "bytes": [PETS[name].hex() for name in ORDER],
    }


def test_pandas_opens_a_package(
    packages: Packages, pets: Path, target: Path, tmp_path: Path
) -> None:
    build(packages, pets, target)
    assert read_json(WITH_PANDAS, tmp_path, target) == {
        "labels": [0, 0, 1, 1],
        "sizes": [[16, 12]] * 4,
        "bytes": [PETS[name].hex() for name in ORDER],
    }


def test_what_datasets_writes_gives_the_package_that_it_read(
    packages: Packages, pets: Path, target: Path, tmp_path: Path
) -> None:
    first = build(packages, pets, target)
    again = tmp_path / "again.parquet"
    read(BACK_AND_FORTH, tmp_path, target, again)
    assert again.read_bytes() != target.read_bytes()
    assert build(packages, again, tmp_path / "second") == first
    assert (tmp_path / "second").read_bytes() == target.read_bytes()
