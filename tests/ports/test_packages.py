"""The port `Packages`: what is built is read back, and is the same wherever it is built."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest

from memory.building import build
from memory.pictures import PETS, fill, picture
from visdm.adapters.packages import rows
from visdm.errors import (
    FolderError,
    InputError,
    ModelError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)


def test_images_are_packed_byte_for_byte_by_class_and_name(
    packages: Packages, pets: Path, target: Path
) -> None:
    summary = build(packages, pets, target, name="pets")
    rows = pq.read_table(target).to_pylist()
    order = ["cats/a.webp", "cats/b.jpeg", "dogs/1.png", "dogs/2.JPG"]
    assert [row["image"]["bytes"] for row in rows] == [PETS[name] for name in order]
    assert [row["label"] for row in rows] == [0, 0, 1, 1]
    assert summary.classes == ("cats", "dogs")
    assert (summary.name, summary.samples) == ("pets", 4)


def test_the_summary_is_that_of_the_bytes(packages: Packages, pets: Path, target: Path) -> None:
    summary = build(packages, pets, target, name="pets")
    assert summary.digest == hashlib.sha256(target.read_bytes()).hexdigest()
    assert summary.size == target.stat().st_size
    assert packages.inspect_data(target) == summary


def test_file_names_stay_with_the_owner(packages: Packages, tmp_path: Path, target: Path) -> None:
    folder = fill(tmp_path / "pets", {"cats/jane-doe-at-home.png": picture()})
    build(packages, folder, target, name="pets")
    assert b"jane-doe" not in target.read_bytes()
    assert str(folder).encode() not in target.read_bytes()


def test_the_same_files_elsewhere_give_the_same_bytes(
    packages: Packages, pets: Path, tmp_path: Path, target: Path
) -> None:
    build(packages, pets, target, name="pets")
    other = fill(tmp_path / "else" / "where", dict(reversed(PETS.items())))
    build(packages, other, tmp_path / "second", name="pets")
    assert (tmp_path / "second").read_bytes() == target.read_bytes()


def test_another_process_gives_the_same_bytes(packages: Packages, pets: Path, target: Path) -> None:
    program = (
        "import sys, pathlib; from visdm.adapters.packages import FilePackages;"
        "a, b = map(pathlib.Path, sys.argv[1:]);"
        "print(FilePackages().build_data(a, b.open('wb'), name='pets').digest)"
    )
    command = [sys.executable, "-c", program, str(pets), str(target)]
    seeded = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    said = subprocess.run(command, env=seeded, check=True, capture_output=True, text=True)
    assert said.stdout.strip() == build(packages, pets, target, name="pets").digest


def test_the_schema_is_what_datasets_writes(packages: Packages, pets: Path, target: Path) -> None:
    """`datasets` takes features from the metadata where the types below are met exactly."""
    build(packages, pets, target, name="pets")
    schema = pq.read_schema(target)
    stored = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert schema.remove_metadata() == pa.schema([("image", stored), ("label", pa.int64())])
    assert json.loads(schema.metadata[b"huggingface"]) == {
        "info": {
            "features": {
                "image": {"_type": "Image"},
                "label": {"names": ["cats", "dogs"], "_type": "ClassLabel"},
            }
        }
    }
    assert schema.metadata[b"visdm.name"] == b"pets"


def test_the_footer_repeats_no_image_bytes(packages: Packages, pets: Path, target: Path) -> None:
    build(packages, pets, target, name="pets")
    group = pq.ParquetFile(target).metadata.row_group(0)
    assert [group.column(place).is_stats_set for place in range(3)] == [False, False, True]
    assert target.read_bytes().count(PETS["dogs/1.png"][:64]) == 1


def test_a_row_group_ends_at_its_bytes_or_its_rows(
    packages: Packages, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {f"cats/{number:02}.png": picture(seed=number) for number in range(10)}
    folder = fill(tmp_path / "pets", small)
    monkeypatch.setattr(rows, "GROUP_ROWS", 4)
    build(packages, folder, target, name="pets")
    assert _groups(target) == [4, 4, 2]
    monkeypatch.setattr(rows, "GROUP_BYTES", 2 * max(map(len, small.values())))
    summary = build(packages, folder, target, name="pets")
    assert _groups(target) == [2, 2, 2, 2, 2]
    monkeypatch.setattr(rows, "GROUP_BYTES", 1)
    summary = build(packages, folder, target, name="pets")
    assert _groups(target) == [1] * 10
    assert packages.inspect_data(target) == summary


def _groups(package: Path) -> list[int]:
    metadata = pq.ParquetFile(package).metadata
    return [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)]


def test_progress_counts_every_image(packages: Packages, pets: Path, target: Path) -> None:
    seen: list[tuple[int, int]] = []
    build(
        packages, pets, target, name="pets", progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("clutter", ["cats/.DS_Store", "Thumbs.db", "dogs/Thumbs.db", ".git/HEAD"])
def test_hidden_files_change_nothing(
    packages: Packages, pets: Path, target: Path, clutter: str
) -> None:
    before = build(packages, pets, target, name="pets")
    fill(pets, {clutter: b"clutter"})
    assert build(packages, pets, target, name="pets") == before


def test_the_content_decides_and_not_the_suffix(
    packages: Packages, tmp_path: Path, target: Path
) -> None:
    folder = fill(tmp_path / "pets", {"cats/a.png": picture("JPEG"), "cats/b.jpg": picture("WEBP")})
    assert build(packages, folder, target, name="pets").samples == 2


def test_one_class_is_enough(packages: Packages, tmp_path: Path, target: Path) -> None:
    folder = fill(tmp_path / "pets", {"cats/a.png": picture()})
    assert build(packages, folder, target, name="pets").classes == ("cats",)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "\x1b[31m", "\ud800"])
def test_a_name_that_cannot_be_shown_is_refused(
    packages: Packages, pets: Path, target: Path, name: str
) -> None:
    with pytest.raises(InputError, match="cannot be the name") as caught:
        build(packages, pets, target, name=name)
    assert caught.value.message.isprintable()
    assert list(target.parent.iterdir()) == []


def test_a_model_folder_is_packed_and_read_back(
    packages: Packages, model: Path, target: Path
) -> None:
    summary = packages.build_model(model, target)
    assert summary.name == "digits CNN"
    assert summary.validation == 4
    assert summary.config["training"]["epochs"] == 8
    assert summary.config["config"] == {"width": 16}
    assert summary.digest == hashlib.sha256(target.read_bytes()).hexdigest()
    assert summary.size == target.stat().st_size
    assert packages.inspect_model(target) == summary


def test_any_tar_reader_opens_a_model_package(
    packages: Packages, model: Path, target: Path
) -> None:
    packages.build_model(model, target)
    with tarfile.open(target, "r:") as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [
            "model.py",
            "validation.parquet",
            "visdm.toml",
        ]
        for member in members:
            assert (member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o644)
            file = tar.extractfile(member)
            assert file is not None
            assert file.read() == (model / member.name).read_bytes()


def test_the_same_model_elsewhere_gives_the_same_bytes(
    packages: Packages, model: Path, tmp_path: Path, target: Path
) -> None:
    packages.build_model(model, target)
    names = ["visdm.toml", "validation.parquet", "model.py"]
    other = fill(tmp_path / "copy", {name: (model / name).read_bytes() for name in names})
    (other / "model.py").chmod(0o755)
    fill(other, {"__pycache__/model.cpython-311.pyc": b"", ".DS_Store": b""})
    packages.build_model(other, tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == target.read_bytes()


def test_a_missing_package_is_named(packages: Packages, target: Path) -> None:
    with pytest.raises(FolderError, match="package: cannot be read"):
        packages.inspect_data(target)
    with pytest.raises(ModelError, match="package: cannot be read"):
        packages.inspect_model(target)
