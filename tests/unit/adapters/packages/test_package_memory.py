"""How much memory a build takes does not depend on how much there is to build from."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest
from PIL import Image

from memory.pictures import fill, picture

if TYPE_CHECKING:
    from pathlib import Path

IMAGES = 70
LIMIT = 300 << 10
"""KiB of the whole process, of which interpreter and libraries take about 70 MiB."""

# Not `ru_maxrss`: a new process starts with its parent's.
PROGRAM = """
import re, sys, pathlib
from visdm.adapters.packages import FilePackages
source, target = map(pathlib.Path, sys.argv[1:])
packages = FilePackages()
with target.open("wb") as sink:
    made = packages.build_data(source, sink, name="pets")
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
print(peak, made.samples, made.size, packages.inspect_data(target) == made)
"""


def built(source: Path, target: Path) -> tuple[int, int, int]:
    """Build in a process of its own; return its peak in KiB, the samples and the bytes."""
    command = [sys.executable, "-c", PROGRAM, str(source), str(target)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert said.pop() == "True"
    peak, samples, size = map(int, said)
    return peak, samples, size


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tree, a list and a table of the same 210 MiB of images."""
    noise, content = hashlib.shake_128(b"noise").digest(3 << 20), BytesIO()
    Image.frombytes("RGB", (1024, 1024), noise).save(content, "PNG", compress_level=0)
    folder = tmp_path_factory.mktemp("large")
    fill(folder, {"tree/cats/0.png": content.getvalue()})
    for number in range(1, IMAGES):
        (folder / "tree" / "cats" / f"{number}.png").hardlink_to(folder / "tree/cats/0.png")
    lines = "".join(f"tree/cats/{number}.png,cats\n" for number in range(IMAGES))
    (folder / "list.csv").write_text("path,label\n" + lines)
    page = {"image": [{"bytes": content.getvalue()}] * 7, "label": ["cats"] * 7}
    rows = pa.table(page)
    with pq.ParquetWriter(folder / "table.parquet", rows.schema, use_dictionary=False) as writer:
        for _ in range(IMAGES // 7):  # 21 MiB each, and each a single page
            writer.write_table(rows)
    return folder


@pytest.mark.parametrize("source", ["tree", "list.csv", "table.parquet"])
def test_hundreds_of_megabytes_of_images_are_never_held(
    large: Path, tmp_path: Path, source: str
) -> None:
    peak, samples, size = built(large / source, tmp_path / "package")
    assert samples == IMAGES
    assert size > 200 << 20
    assert peak < LIMIT


def test_many_small_images_take_no_more(tmp_path: Path) -> None:
    """The names of one class are held, nothing else that grows."""
    folder = fill(tmp_path / "pets", {"cats/first.png": picture(size=(1, 1))})
    peaks = []
    for count in (1_000, 10_000):
        for number in range(count // 2, count):
            (folder / "cats" / f"{number}.png").hardlink_to(folder / "cats" / "first.png")
        peak, samples, _ = built(folder, tmp_path / "package")
        assert samples > count // 2
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 8 << 10
    assert peaks[1] < LIMIT
