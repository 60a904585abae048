from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
import pytest
from PIL import Image

from unit.compute.fabricated import data_package, encoded, ignore, said
from visdm.compute import describe
from visdm.compute.copies import read_prints
from visdm.compute.describe import IMAGES, PRINTS
from visdm.compute.images import SCHEMA
from visdm.compute.looks import hashes_of
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path


def noise(seed: int, height: int = 12, width: int = 16) -> bytes:
    return encoded(np.random.default_rng(seed).integers(0, 256, (height, width, 3)))


def detailed(seed: int) -> bytes:
    """Return a picture that is neither plain nor like another."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return encoded(np.asarray(Image.fromarray(coarse).resize((40, 40), Image.Resampling.BICUBIC)))


@pytest.fixture
def described(tmp_path: Path) -> tuple[dict[str, Any], Path]:
    flat = encoded(np.full((20, 10), 100))
    files = [noise(0), noise(1), flat, noise(0), noise(2, height=30)]
    package = data_package(tmp_path / "p", files, [0, 2, 2, 0, 2], ["cat", "dog", "owl"])
    return describe.run({}, {"package": package}, tmp_path, ignore), tmp_path


def test_the_summary_counts_what_is_there(described: tuple[dict[str, Any], Path]) -> None:
    summary, _ = described
    json.dumps(summary, allow_nan=False)
    assert summary["name"] == "pictures"
    assert summary["samples"] == 5
    assert summary["classes"] == ["cat", "dog", "owl"]
    assert summary["class_counts"] == {"cat": 2, "dog": 0, "owl": 3}
    assert summary["width"] == [10, 16]
    assert summary["height"] == [12, 30]
    assert summary["modes"] == {"L": 1, "RGB": 4}
    assert summary["duplicates"] == 1


def test_every_image_has_a_row_in_the_order_of_the_package(
    described: tuple[dict[str, Any], Path],
) -> None:
    summary, output = described
    rows = pq.read_table(output / IMAGES).to_pylist()
    assert [row["row"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["class"] for row in rows] == ["cat", "owl", "owl", "cat", "owl"]
    assert [row["height"] for row in rows] == [12, 12, 20, 12, 30]
    assert rows[0] | {"row": 3} == rows[3]
    assert rows[2]["sharpness"] == 0.0
    assert summary["bytes"] == sum(row["bytes"] for row in rows)
    mean = sum(row["brightness"] for row in rows) / 5
    assert summary["quality"]["brightness"]["mean"] == pytest.approx(mean, abs=0.001)


def test_a_public_row_has_the_columns_that_were_agreed_and_no_other(
    described: tuple[dict[str, Any], Path],
) -> None:
    schema = pq.read_schema(described[1] / IMAGES)
    assert schema.names == [
        *("row", "width", "height", "channels", "mode", "bytes", "class"),
        *("brightness", "contrast", "sharpness", "entropy"),
        *("colorfulness", "noise", "compression"),
        *("average_hash", "perceptual_hash", "difference_hash", "wavelet_hash"),
        *("color_hash", "crop_resistant_hash"),
        *("histogram", "histogram_red", "histogram_green", "histogram_blue"),
        "projection",
    ]


def test_fingerprints_are_kept_apart_from_what_is_published(
    described: tuple[dict[str, Any], Path],
) -> None:
    summary, output = described
    hashes, prints = read_prints(output / PRINTS)
    assert hashes is None  # they are public
    assert len(prints) == 5
    assert prints[0] == prints[3]
    public = json.dumps(summary).encode() + (output / IMAGES).read_bytes()
    assert not any(bytes(each) in public for each in prints)
    assert not any(each.hex().encode() in public for each in prints)


def test_the_same_images_offered_again_have_the_same_fingerprints(tmp_path: Path) -> None:
    kinds = {"one": {"kind": "PNG"}, "two": {"kind": "WEBP", "lossless": True}}
    found = []
    for name, options in kinds.items():
        pixels = [np.random.default_rng(seed).integers(0, 256, (9, 9, 3)) for seed in range(4)]
        files = [encoded(p, **options) for p in pixels]  # type: ignore[arg-type] # Pillow's
        files = files if name == "one" else files[::-1]
        package = data_package(tmp_path / name, files, [0] * 4, ["cat"])
        describe.run({}, {"package": package}, tmp_path, ignore)
        found.append(sorted(read_prints(tmp_path / PRINTS)[1].tolist()))
    assert found[0] == found[1]


def test_images_of_earlier_assets_are_counted_for_the_earliest(tmp_path: Path) -> None:
    def describe_pictures(name: str, seeds: list[int], earlier: list[str]) -> dict[str, Any]:
        files = [detailed(seed) for seed in seeds]
        package = data_package(tmp_path / "p", files, [0] * len(files), ["cat"])
        inputs = {"package": package}
        for number, known in enumerate(earlier, start=1):
            inputs |= {f"table-{number}": tmp_path / known / IMAGES}
            inputs |= {f"prints-{number}": tmp_path / known / PRINTS}
        (tmp_path / name).mkdir()
        told = {"samples": len(files), "classes": ["cat"]}
        assets = {str(number): told for number in range(1, len(earlier) + 1)}
        return describe.run({"assets": assets}, inputs, tmp_path / name, ignore)

    assert describe_pictures("a", [0, 1, 2, 3], [])["copies"] == {}
    assert describe_pictures("b", [3, 4, 5, 6], ["a"])["copies"] == {"1": 1}
    third = describe_pictures("c", [3, 4, 7, 8], ["a", "b"])
    assert third["copies"] == {"1": 1, "2": 1}
    assert (third["duplicates"], third["near_duplicates"]) == (0, 0)
    assert describe_pictures("d", [9, 9, 4, 4], ["a", "b", "c"])["near_duplicates"] == 2


@pytest.mark.parametrize("damage", ["no Parquet", "fewer rows", "another column", "lying counts"])
def test_a_broken_table_of_a_stranger_is_told_and_stops_nobody(tmp_path: Path, damage: str) -> None:
    package = data_package(tmp_path / "p", [detailed(n) for n in range(4)], [0] * 4, ["cat"])
    describe.run({}, {"package": package}, tmp_path, ignore)
    table, strange = pq.read_table(tmp_path / IMAGES), tmp_path / "strange"
    if damage == "fewer rows":
        table = table.slice(0, 3)
    elif damage == "another column":
        table = table.set_column(
            table.column_names.index("average_hash"), "average_hash", table["row"]
        )
    elif damage == "lying counts":
        place = table.column_names.index("histogram")
        table = table.set_column(place, "histogram", [[[1] * 256] * 4])
    pq.write_table(table, strange)
    if damage == "no Parquet":
        strange.write_bytes(b"PAR1 not at all PAR1")
    inputs = {"package": package, "table-7": strange, "table-9": tmp_path / IMAGES}
    (tmp_path / "again").mkdir()
    told = {"samples": 4, "classes": ["cat"]}
    settings = {"assets": {"7": told, "9": told}}
    found = describe.run(settings, inputs, tmp_path / "again", ignore)
    assert (found["uncompared"], found["copies"]) == ([7], {"9": 4})


def test_every_bad_row_is_named_by_its_number(tmp_path: Path) -> None:
    files = [noise(0), noise(1)[:200], noise(2), b"GIF89a", None, noise(3)]
    package = data_package(tmp_path / "p", files, [0, 0, 9, 0, 0, 0], ["cat"])
    with pytest.raises(JobError) as caught:
        describe.run({}, {"package": package}, tmp_path, ignore)
    assert said(caught.value) == (
        "the package has bad rows: row 1 is truncated or damaged; "
        "row 2 has a label that stands for no class; "
        "row 3 is not a JPEG, PNG or WebP image; row 4 holds no image"
    )
    assert not (tmp_path / IMAGES).exists()


def test_the_same_package_is_described_in_the_same_bytes(tmp_path: Path) -> None:
    package = data_package(tmp_path / "p", [noise(n) for n in range(9)], [0] * 9, ["cat"])
    found = []
    for _ in range(2):
        describe.run({}, {"package": package}, tmp_path, ignore)
        found.append((tmp_path / IMAGES).read_bytes())
    assert found[0] == found[1]


def test_progress_ends_at_the_number_of_images(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    package = data_package(tmp_path / "p", [noise(0)] * 120, [0] * 120, ["cat"])
    describe.run({}, {"package": package}, tmp_path, lambda done, total: seen.append((done, total)))
    assert seen == [(50, 120), (100, 120), (120, 120)]


# What its owner discloses.


def test_an_aggregate_package_leaves_no_table_and_keeps_its_hashes_with_the_fingerprints(
    tmp_path: Path,
) -> None:
    files = [noise(seed) for seed in range(12)]
    full, aggregate = tmp_path / "full", tmp_path / "aggregate"
    for place in (full, aggregate):
        place.mkdir()
        package = data_package(place / "p", files, [0] * 12, ["cat"], disclosure=place.name)
        summary = describe.run({}, {"package": package}, place, ignore)
        assert summary["disclosure"] == place.name
    assert {path.name for path in aggregate.iterdir()} == {"p", PRINTS}
    rows = pq.read_table(full / IMAGES)
    hashes, digests = read_prints(aggregate / PRINTS)
    assert hashes is not None
    assert (hashes.bits == hashes_of(rows).bits).all()
    assert (digests == read_prints(full / PRINTS)[1]).all()


def test_a_package_from_before_there_was_a_choice_discloses_all(
    described: tuple[dict[str, Any], Path],
) -> None:
    assert described[0]["disclosure"] == "full"
    assert (described[1] / IMAGES).exists()


@pytest.mark.parametrize("asked", ["", "none", "FULL", "full ", "aggregate,full", "\u202efull"])
def test_a_disclosure_that_there_is_not_is_refused_and_nothing_is_described(
    asked: str, tmp_path: Path
) -> None:
    package = data_package(tmp_path / "p", [noise(0)], [0], ["cat"], disclosure=asked)
    with pytest.raises(JobError) as caught:
        describe.run({}, {"package": package}, tmp_path, ignore)
    assert said(caught.value) == "the package asks for a disclosure that there is not"
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_settings_do_not_override_what_the_owner_discloses(tmp_path: Path) -> None:
    files = [noise(seed) for seed in range(12)]
    package = data_package(tmp_path / "p", files, [0] * 12, ["cat"], disclosure="aggregate")
    settings = {"disclosure": "full", "visdm.disclosure": "full"}
    summary = describe.run(settings, {"package": package}, tmp_path, ignore)
    assert summary["disclosure"] == "aggregate"
    assert not (tmp_path / IMAGES).exists()


# At scale.


def test_two_workers_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    files = [noise(n, height=8 + n % 5) for n in range(110)]
    package = data_package(tmp_path / "p", files, [0, 1] * 55, ["cat", "dog"])
    found = []
    for workers in (1, 2):
        summary = describe.run({"workers": workers}, {"package": package}, tmp_path, ignore)
        table = (tmp_path / IMAGES).read_bytes()
        found.append((json.dumps(summary), table, (tmp_path / PRINTS).read_bytes()))
    assert found[0] == found[1]


def test_every_bad_row_is_named_whichever_portion_it_is_in(tmp_path: Path) -> None:
    files = [b"GIF89a" if n in (3, 60, 119) else noise(n) for n in range(120)]
    package = data_package(tmp_path / "p", files, [0] * 120, ["cat"])
    with pytest.raises(JobError) as caught:
        describe.run({}, {"package": package}, tmp_path, ignore)
    named = "; ".join(f"row {n} is not a JPEG, PNG or WebP image" for n in (3, 60, 119))
    assert said(caught.value) == f"the package has bad rows: {named}"
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_the_table_is_written_in_groups_as_the_images_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describe, "GROUP_ROWS", 60)
    package = data_package(tmp_path / "p", [noise(0, 4, 4)] * 120, [0] * 120, ["cat"])
    describe.run({}, {"package": package}, tmp_path, ignore)
    written = pq.ParquetFile(tmp_path / IMAGES)
    assert written.schema_arrow.equals(SCHEMA)
    groups = [written.metadata.row_group(k).num_rows for k in range(written.num_row_groups)]
    assert groups == [100, 20]


def test_describing_does_not_wait_for_torch() -> None:
    code = "import sys, visdm.compute.describe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
