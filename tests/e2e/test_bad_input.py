"""What users get wrong: one line that names it, a hint, an exit code, and nothing left behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def visdm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "visdm", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def refused(*arguments: str | Path, naming: str, code: int = 1) -> None:
    """Check that the command ends with a single error line that holds `naming`, and a hint."""
    ended = visdm(*arguments)
    lines = ended.stderr.strip().splitlines()
    assert ended.returncode == code, ended.stderr
    assert [line.partition(":")[0] for line in lines] == ["error", "hint"], ended.stderr
    assert naming in lines[0]
    assert len(lines[1]) > len("hint: ")
    assert ended.stdout == ""


def _empty(folder: Path) -> str:
    shutil.rmtree(folder)
    folder.mkdir()
    return folder.name


def _class_without_images(folder: Path) -> str:
    (folder / "9").mkdir()
    return "9"


def _truncated_jpeg(folder: Path) -> str:
    from PIL import Image  # noqa: PLC0415  # needed by this case alone

    whole = folder / "0" / "photo.jpg"
    Image.effect_noise((64, 64), 50).save(whole)
    whole.write_bytes(whole.read_bytes()[:700])
    return "photo.jpg"


def _text_named_png(folder: Path) -> str:
    (folder / "1" / "notes.png").write_text("not an image")
    return "notes.png"


def _image_outside_any_class(folder: Path) -> str:
    stray = next((folder / "0").iterdir())
    stray.rename(folder / "stray.png")
    return "stray.png"


def _too_few_to_go_round(folder: Path) -> str:
    for file in sorted((folder / "7").iterdir())[2:]:
        file.unlink()
    return "7"


def _single_class(folder: Path) -> str:
    for name in ("1", "7"):
        shutil.rmtree(folder / name)
    return folder.name


@pytest.mark.parametrize(
    "spoil",
    [
        _empty,
        _class_without_images,
        _truncated_jpeg,
        _text_named_png,
        _image_outside_any_class,
        _too_few_to_go_round,
        _single_class,
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_before_anything_is_registered(
    spoil: Callable[[Path], str], few_images: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "images", tmp_path / "out"
    shutil.copytree(few_images, folder)
    named = spoil(folder)
    refused("demo", "--data", folder, "--out", out, naming=named)
    assert not out.exists()


def test_every_bad_image_is_named_at_once(few_images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    shutil.copytree(few_images, folder)
    _text_named_png(folder)
    _truncated_jpeg(folder)
    ended = visdm("demo", "--data", folder, "--out", tmp_path / "out")
    assert "notes.png" in ended.stderr
    assert "photo.jpg" in ended.stderr


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused("demo", "--data", tmp_path / "nowhere", naming="nowhere")


@pytest.mark.parametrize("copied", ["not", "whole", "renamed"])
def test_two_suppliers_with_the_same_folder_are_refused(
    few_images: Path, tmp_path: Path, copied: str
) -> None:
    first, second = few_images, few_images
    if copied != "not":
        second = tmp_path / "copy"
        shutil.copytree(first, second)
    if copied == "renamed":
        for file in list(second.rglob("*.png")):
            file.rename(file.with_name(f"my-{file.name}"))
    out = tmp_path / "out"
    refused("demo", "--data", first, "--data", second, "--out", out, naming="same images")
    assert not out.exists()


@pytest.mark.parametrize(
    ("ladder", "named"),
    [
        ("0.10,0.05", "0.10 comes before 0.05"),
        ("0.05,0.05", "0.05"),
        ("0.05,cheap", "cheap"),
        ("20000000", "20000000"),
        (",".join(str(price) for price in range(1, 102)), "101 prices"),
    ],
)
def test_a_price_ladder_out_of_order_is_refused(ladder: str, named: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused("demo", "--ladder", ladder, "--out", out, naming=named)
    assert not out.exists()


def test_an_out_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused("demo", "--out", tmp_path / "file" / "out", naming="file")


def test_an_out_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "out" / "world" / "atlas.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    refused("demo", "--out", tmp_path / "out", naming="world")
    assert kept.read_text() == "mine"


def test_an_unknown_account_is_named_with_those_that_are_known(
    few_images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--data", few_images, "--suppliers", "2", "--sandbox", "none", "--unsafe", "--json")
    assert visdm("demo", "--out", out, *options).returncode == 0
    refused("earnings", "show", "supplier-9", "--home", out, naming="supplier-9")
    refused("asset", "show", "99", "--home", out, naming="99")
    refused("job", "verify", "0xnothing", "--home", out, naming="0xnothing")
    _falsify_the_report(out)
    assert visdm("job", "verify", "0x", "--home", out).returncode == 3


def _falsify_the_report(out: Path) -> None:
    cid = json.loads(visdm("job", "list", "--home", out, "--json").stdout)[0]["report"]
    (block,) = (out / "world" / "blobs" / "blocks").rglob(cid)
    block.write_bytes(block.read_bytes().replace(b'"shapley"', b'"shaplay"'))


def test_a_home_without_a_market_is_named(tmp_path: Path) -> None:
    refused("asset", "list", "--home", tmp_path, naming=tmp_path.name)


@pytest.mark.parametrize(
    "arguments", [("demo", "--suppliers", "99"), ("demo", "--nonsense"), ("nonsense",)]
)
def test_wrong_usage_exits_with_two(arguments: tuple[str, ...]) -> None:
    ended = visdm(*arguments)
    assert ended.returncode == 2
    assert "Error:" in ended.stderr
