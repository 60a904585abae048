"""`visdm metadata`: images of every kind described offline, and the bad ones named."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from io import BytesIO
from typing import TYPE_CHECKING

import imagehash
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest
from PIL import Image

from clusters import ray_cluster
from e2e.typed import Typed
from memory.pictures import animation, fill, picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ASKED = [
    *("path", "width", "height", "channels"),
    *("average_hash", "perceptual_hash", "difference_hash", "wavelet_hash"),
    *("color_hash", "crop_resistant_hash", "histogram"),
]
FILES = {"images.parquet", "croissant.json", "index.html"}
TREE = ("cats/1.png", "cats/old/2.png", "dogs/1.jpg", "dogs/1 again.png", "top.png")

visdm = Typed()


def smooth(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """Return a picture with shapes in it, for noise looks like no picture."""
    return Image.open(BytesIO(picture(seed=seed, size=(6, 5)))).resize(
        size, Image.Resampling.BICUBIC
    )


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    content = BytesIO()
    image.save(content, kind)
    return content.getvalue()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {name: encoded(smooth(seed)) for seed, name in enumerate(TREE)}
    files["dogs/1.jpg"] = encoded(smooth(2), "JPEG")
    files["dogs/1 again.png"] = encoded(Image.open(BytesIO(files["dogs/1.jpg"])))
    files |= {"readme.txt": b"not an image", "cats/labels.csv": b"a,b", ".hidden.png": b"?"}
    return fill(tmp_path_factory.mktemp("tree"), files)


@pytest.fixture(scope="module")
def described(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("described") / "out"
    visdm.ok("metadata", tree, "-o", out, "--workers", "2")
    return out


def test_a_tree_of_any_depth_is_described_with_each_folders_name_as_the_class(
    described: Path,
) -> None:
    table = pd.read_parquet(described / "images.parquet")
    assert dict(zip(table["path"], table["class"], strict=True)) == {
        "top.png": "",
        "cats/1.png": "cats",
        "cats/old/2.png": "old",
        "dogs/1 again.png": "dogs",
        "dogs/1.jpg": "dogs",
    }
    assert table.columns[0] == "path"
    assert set(ASKED) <= set(table.columns)
    assert {entry.name for entry in described.iterdir()} == FILES


def test_the_hashes_are_those_of_imagehash_and_the_histogram_that_of_pillow(
    tree: Path, described: Path
) -> None:
    for row in pd.read_parquet(described / "images.parquet").to_dict("records"):
        with Image.open(tree / str(row["path"])) as image:
            assert row["average_hash"] == str(imagehash.average_hash(image))
            assert row["perceptual_hash"] == str(imagehash.phash(image))
            assert row["difference_hash"] == str(imagehash.dhash(image))
            assert row["wavelet_hash"] == str(imagehash.whash(image))
            assert row["color_hash"] == str(imagehash.colorhash(image))
            assert row["crop_resistant_hash"] == str(imagehash.crop_resistant_hash(image))
            assert list(row["histogram"]) == image.convert("L").histogram()
            assert (row["width"], row["height"]) == image.size
            assert row["bytes"] == (tree / str(row["path"])).stat().st_size


def test_the_summary_counts_what_was_taken_left_out_passed_over_and_repeated(
    tree: Path, tmp_path: Path
) -> None:
    found = visdm.json("metadata", tree, "-o", tmp_path / "out", "--workers", "1", "--name", "pets")
    assert found["name"] == "pets"
    assert found["samples"] == 5
    assert found["class_counts"] == {"": 1, "cats": 1, "dogs": 2, "old": 1}
    assert (found["left_out"], found["ignored"]) == (0, 2)
    assert (found["duplicates"], found["near_duplicates"]) == (1, 1)


def test_the_same_images_give_the_same_files_by_any_number_of_workers(
    tree: Path, described: Path, tmp_path: Path
) -> None:
    visdm.ok("metadata", tree, "-o", tmp_path / "out", "--workers", "1", "--name", tree.name)
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (described / name).read_bytes()


def test_the_page_names_repeats_and_ends_by_path_and_holds_no_image(described: Path) -> None:
    page = (described / "index.html").read_text()
    repeats = page[page.index("Images that repeat each other") :]
    assert "<code>dogs/1 again.png</code>, <code>dogs/1.jpg</code>" in repeats
    assert "<img" not in page
    assert "src=" not in page
    assert "url(" not in page
    assert "<script" not in page
    assert "default-src &#x27;none&#x27;" in page


def test_a_name_that_is_markup_is_shown_on_the_page_and_not_obeyed(tmp_path: Path) -> None:
    name = "<script>alert(1)<!--.png"
    fill(tmp_path / "in", {name: encoded(smooth(1))})
    visdm.ok("metadata", tmp_path / "in", "-o", tmp_path / "out", "--workers", "1")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;!--.png" in page
    assert "<script" not in page


def test_a_flat_folder_has_no_classes(tmp_path: Path) -> None:
    fill(tmp_path / "in", {"b.png": encoded(smooth(1)), "a.webp": encoded(smooth(2), "WEBP")})
    visdm.ok("metadata", tmp_path / "in", "-o", tmp_path / "out", "--workers", "1")
    table = pd.read_parquet(tmp_path / "out" / "images.parquet")
    assert table[["path", "class"]].to_numpy().tolist() == [["a.webp", ""], ["b.png", ""]]


def test_a_parquet_source_names_its_rows(tmp_path: Path) -> None:
    source = tmp_path / "pets.parquet"
    images = [encoded(smooth(1)), b"", encoded(smooth(2))]
    pq.write_table(pa.table({"image": images, "label": ["cat", "cat", "dog"]}), source)
    code, _, said = visdm.run(("metadata", source, "-o", tmp_path / "out", "--workers", "1"))
    assert (code, said) == (0, "left out: pets.parquet#1: is empty\n")
    table = pd.read_parquet(tmp_path / "out" / "images.parquet")
    assert list(table["path"]) == ["pets.parquet#0", "pets.parquet#2"]
    assert list(table["class"]) == ["cat", "dog"]


def test_a_csv_source_names_its_paths(tmp_path: Path) -> None:
    fill(tmp_path, {"in/1.png": encoded(smooth(1)), "list.csv": b"path,label\nin/1.png,cat\n"})
    visdm.ok("metadata", tmp_path / "list.csv", "-o", tmp_path / "out", "--workers", "1")
    table = pd.read_parquet(tmp_path / "out" / "images.parquet")
    assert table[["path", "class"]].to_numpy().tolist() == [["in/1.png", "cat"]]


def bomb() -> bytes:
    """Return a small PNG that says it has 900 million pixels."""
    content = bytearray(encoded(Image.new("1", (8, 8))))
    content[16:24] = (30_000).to_bytes(4, "big") * 2
    import zlib  # noqa: PLC0415 - this case alone needs it

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def palette() -> bytes:
    image = smooth(5).quantize(16)
    content = BytesIO()
    image.save(content, "PNG", transparency=bytes(range(16)))
    return content.getvalue()


ODD: dict[str, Callable[[], bytes]] = {
    "1x1.png": lambda: encoded(Image.new("RGB", (1, 1), "red")),
    "16-bit.png": lambda: encoded(Image.new("I;16", (20, 20), 40_000)),
    "cmyk.jpg": lambda: encoded(smooth(3).convert("CMYK"), "JPEG"),
    "palette.png": palette,
    "strip.png": lambda: encoded(smooth(4).resize((20_000, 2))),
}
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "animated.gif": (lambda: animation("GIF"), "GIF"),
    "animated.webp": (lambda: animation("WEBP"), "2 frames"),
    "bomb.png": (bomb, "pixels"),
    "cut.jpg": (lambda: encoded(smooth(6, (200, 200)), "JPEG")[:2_000], "truncated"),
    "flipped.png": (lambda: encoded(smooth(7)).replace(b"IDAT", b"IDAU"), "is damaged"),
    "named.png": (lambda: b"words, not pixels", "not an image"),
    "zero.jpg": (lambda: b"", "is empty"),
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = {name: make() for name, make in ODD.items()}
    made |= {name: make() for name, (make, _) in BAD.items()}
    return fill(tmp_path_factory.mktemp("odd"), made)


def test_odd_images_are_described_and_bad_ones_named_each_with_the_reason(
    odd: Path, tmp_path: Path
) -> None:
    code, _, said = visdm.run(("metadata", odd, "-o", tmp_path / "out", "--workers", "2"))
    assert code == 0
    told = dict(line.removeprefix("left out: ").split(": ", 1) for line in said.splitlines())
    assert set(told) == set(BAD)
    for name, (_, reason) in BAD.items():
        assert reason in told[name]
    table = pd.read_parquet(tmp_path / "out" / "images.parquet").set_index("path")
    assert sorted(table.index) == sorted(ODD)
    assert table["mode"].to_dict() == {
        "1x1.png": "RGB",
        "16-bit.png": "I;16",
        "cmyk.jpg": "CMYK",
        "palette.png": "P",
        "strip.png": "RGB",
    }
    assert table.loc["strip.png", "width"] == 20_000


def test_strict_names_every_bad_image_and_writes_nothing(odd: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = visdm.refused("metadata", odd, "-o", out, "--strict", "--workers", "1")
    assert all(name in said for name in BAD)
    assert "left out:" not in said
    assert "hint: " in said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_one_good_image_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "in", {"zero.png": b"", "notes.txt": b"words"})
    said = visdm.refused("metadata", tmp_path / "in", "-o", tmp_path / "out", "--workers", "1")
    assert said.splitlines()[0] == "left out: zero.png: is empty"
    assert said.splitlines()[1].startswith("error: ")
    (tmp_path / "in" / "zero.png").unlink()
    assert "holds no images" in visdm.refused("metadata", tmp_path / "in", "-o", tmp_path / "out")
    assert "does not exist" in visdm.refused("metadata", tmp_path / "no", "-o", tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_what_the_command_wrote_is_replaced_and_anything_else_in_the_way_is_not(
    described: Path, tmp_path: Path
) -> None:
    fill(tmp_path, {"in/a.png": encoded(smooth(1)), "mine/notes.txt": b"mine", "file": b""})
    for name in FILES:
        fill(tmp_path / "ours", {name: (described / name).read_bytes()})
    always = ("metadata", tmp_path / "in", "--workers", "1", "-o")
    for taken in ("mine", "file", "in"):
        before = sorted(tmp_path.rglob("*"))
        assert taken in visdm.refused(*always, tmp_path / taken)
        assert sorted(tmp_path.rglob("*")) == before
    visdm.ok(*always, tmp_path / "ours")
    assert list(pd.read_parquet(tmp_path / "ours" / "images.parquet")["path"]) == ["a.png"]
    assert {entry.name for entry in (tmp_path / "ours").iterdir()} == FILES


@pytest.mark.parametrize("text", ["tomorrow", "2026-02-30", "31.1.2026", "2026-01-31T10:00"])
def test_a_day_that_is_none_is_refused_before_anything_is_measured(
    tmp_path: Path, text: str
) -> None:
    fill(tmp_path / "in", {"a.png": encoded(smooth(1))})
    said = visdm.refused(
        *("metadata", tmp_path / "in", "-o", tmp_path / "out", "--published", text), code=2
    )
    assert "--published" in said.splitlines()[-1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_a_page_of_ones_own_is_not_taken_for_ours(tmp_path: Path) -> None:
    fill(tmp_path, {"in/a.png": encoded(smooth(1)), "site/index.html": b"<h1>mine</h1>"})
    visdm.refused("metadata", tmp_path / "in", "-o", tmp_path / "site")
    assert (tmp_path / "site" / "index.html").read_bytes() == b"<h1>mine</h1>"


def stopped(folder: Path, how: signal.Signals) -> tuple[int, bytes]:
    """Describe 60 images and stop it while it writes; return its exit code and what it said."""
    fill(folder / "in", {f"{n}.png": encoded(smooth(n, (900, 900))) for n in range(60)})
    command = [sys.executable, "-m", "visdm", "metadata", "in", "-o", "out", "--workers", "2"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE) as running:
        patience = time.monotonic() + 120
        while not any(folder.glob(".visdm-*/*/images.parquet")):
            assert running.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.01)
        running.send_signal(how)
        _, said = running.communicate(timeout=60)
    return running.returncode, said


def test_an_interrupt_leaves_nothing_half_done(tmp_path: Path) -> None:
    code, said = stopped(tmp_path, signal.SIGINT)
    assert code == 130
    assert said.decode().split("\n")[-3:] == [
        "error: interrupted",
        "hint: run it again; it starts over, for nothing is kept of it",
        "",
    ]
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    code, _ = stopped(tmp_path, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert [entry.suffix for entry in tmp_path.iterdir() if entry.name != "in"] == [".part"]
    for image in sorted((tmp_path / "in").iterdir())[2:]:
        image.unlink()
    visdm.ok("metadata", tmp_path / "in", "-o", tmp_path / "out", "--workers", "1")
    assert {entry.name for entry in tmp_path.iterdir()} == {"in", "out"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # mlcroissant's own, of rdflib
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_the_document_validates_with_mlcroissant_and_loads_the_table_offline(
    tree: Path, tmp_path: Path
) -> None:
    import mlcroissant  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and without types

    stated = ("--license", "https://example.org/terms", "--creator", "Ann")
    when = ("--published", "2026-01-31", "--url", "https://example.org/pets")
    out = tmp_path / "out"
    visdm.ok("metadata", tree, "-o", out, "--workers", "1", *stated, *when)
    dataset = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    records = list(dataset.records("images"))
    table = pd.read_parquet(out / "images.parquet")
    assert [record["images/path"].decode() for record in records] == list(table["path"])
    assert [list(record["images/histogram"]) for record in records] == [
        list(counts) for counts in table["histogram"]
    ]
    assert {key.removeprefix("images/") for key in records[0]} == set(table.columns)
    (file,) = json.loads((out / "croissant.json").read_text())["distribution"]
    content = (out / "images.parquet").read_bytes()
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert file["contentSize"] == f"{len(content)} B"


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_ray_cluster_gives_the_same_table(tree: Path, described: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "visdm", "metadata", str(tree), "-o", str(out)]
    with ray_cluster(1) as address:
        command += ["--ray", address]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert ended.returncode == 0, ended.stderr
    assert (out / "images.parquet").read_bytes() == (described / "images.parquet").read_bytes()
