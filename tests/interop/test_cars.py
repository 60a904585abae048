"""CAR files: ipfs-car unpacks ours, we import its."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visdm.adapters.blocks import BlockFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    RunNode = Callable[..., str]

IPFS_CAR = Path(__file__).parents[2] / "node_modules" / "ipfs-car" / "bin.js"
MIB = 1 << 20
SIZES = (0, MIB, 20 * MIB + 1)


def store_car(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "visdm", "store", "car", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def asset(path: Path, size: int) -> tuple[Path, bytes]:
    content = hashlib.shake_256(str(path).encode()).digest(size)
    path.write_bytes(content)
    return path, content


@pytest.mark.parametrize("size", SIZES)
def test_ipfs_car_unpacks_an_asset_that_we_exported(
    size: int, run_node: RunNode, tmp_path: Path
) -> None:
    file, content = asset(tmp_path / "asset", size)
    cid = BlockFolder(tmp_path / "ours").put(file)
    car = tmp_path / "asset.car"
    store_car("export", cid, "-o", car, "--store", tmp_path / "ours")
    assert run_node(IPFS_CAR, "roots", car).split() == [cid]
    run_node(IPFS_CAR, "unpack", car, "--output", tmp_path / "unpacked")
    assert (tmp_path / "unpacked").read_bytes() == content


@pytest.mark.parametrize("size", SIZES)
def test_we_import_a_file_that_ipfs_car_packed(
    size: int, run_node: RunNode, tmp_path: Path
) -> None:
    file, content = asset(tmp_path / "asset", size)
    car = tmp_path / "asset.car"
    cid = run_node(IPFS_CAR, "pack", "--no-wrap", file, "--output", car).strip()
    store_car("import", car, "--store", tmp_path / "ours")
    BlockFolder(tmp_path / "ours").get(cid, tmp_path / "read")
    assert (tmp_path / "read").read_bytes() == content
