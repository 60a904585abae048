"""The compiled contracts that ship are those that contracts/src compiles to."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "src" / "visdm" / "contracts"
BUILD = ROOT / "contracts" / "build.mjs"
STALE = "the shipped artifacts are not what contracts/ compiles to; run: make contracts"


def artifacts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}


def node() -> str:
    """Node.js from the environment or the machine; its absence fails where CI is set."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("node", path=places)
    if found and (ROOT / "node_modules" / "solc").is_dir():
        return found
    missing = "Node.js or the contract compiler is not set up; run: make contracts"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def build(tree: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [node(), str(tree / "contracts" / "build.mjs"), "--out", str(out)],
        check=False,
        capture_output=True,
        text=True,
    )


def tree_with(folder: Path, name: str, solidity: str) -> Path:
    """A repository in another place, holding one contract and the same compiler."""
    (folder / "contracts" / "src").mkdir(parents=True)
    shutil.copy(BUILD, folder / "contracts" / "build.mjs")
    (folder / "node_modules").symlink_to(ROOT / "node_modules", target_is_directory=True)
    (folder / "contracts" / "src" / name).write_text(solidity)
    return folder


def test_a_rebuild_gives_the_bytes_that_ship(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    rebuilt, shipped = artifacts(tmp_path), artifacts(SHIPPED)
    assert sorted(rebuilt) == sorted(shipped), STALE
    changed = [name for name in rebuilt if rebuilt[name] != shipped[name]]
    assert not changed, STALE


def test_the_bytes_do_not_depend_on_the_folder_or_on_other_contracts(tmp_path: Path) -> None:
    another = "// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.0;\ncontract A {}\n"
    tree = tree_with(tmp_path / "a place with spaces", "A.sol", another)
    (tree / "contracts" / "devnet").mkdir()
    shutil.copy(ROOT / "contracts" / "devnet" / "DevToken.sol", tree / "contracts" / "devnet")
    done = build(tree, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rebuilt = artifacts(tmp_path / "out")
    assert sorted(rebuilt) == ["A.json", "DevToken.json"]
    assert rebuilt["DevToken.json"] == artifacts(SHIPPED)["DevToken.json"], STALE


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("function f() external { uint256 unused; }", "Unused local variable"),
        ("function f() external { nothing(); }", "Undeclared identifier"),
    ],
    ids=["warning", "error"],
)
def test_a_complaint_of_the_compiler_fails_the_build_and_writes_nothing(
    tmp_path: Path, body: str, complaint: str
) -> None:
    head = "// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.0;\n"
    tree = tree_with(tmp_path / "tree", "Flawed.sol", f"{head}contract Flawed {{ {body} }}\n")
    done = build(tree, tmp_path / "out")
    assert done.returncode == 1
    assert complaint in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["Catalog", "Jobs", "SupplierDAO", "DevToken"])
def test_each_contract_ships_with_its_interface_and_bytecode(name: str) -> None:
    artifact = json.loads((SHIPPED / f"{name}.json").read_text())
    assert artifact["name"] == name
    assert artifact["abi"]
    assert re.fullmatch(r"0x([0-9a-f]{2}){100,}", artifact["bytecode"])  # no library left open
    assert re.match(r"0\.8\.37\+commit\.", artifact["compiler"]["version"])


def test_the_wheel_carries_the_artifacts(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if name.startswith("visdm/contracts/")}
    assert {f"visdm/contracts/{name}" for name in artifacts(SHIPPED)} <= carried
    assert artifacts(SHIPPED)
