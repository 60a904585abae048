"""What a user gets with `pip install`: all that the package reads of itself."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = target.glob("visdm-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("name", ["Catalog", "Jobs", "SupplierDAO", "DevToken"])
def test_the_compiled_contracts_ship_so_that_nobody_needs_a_compiler(
    inside: set[str], name: str
) -> None:
    assert f"visdm/contracts/{name}.json" in inside


def test_every_file_of_the_package_ships(inside: set[str]) -> None:
    source = ROOT / "src"
    ours = {
        str(path.relative_to(source))
        for path in (source / "visdm").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours <= inside
    assert "visdm/drawing/page.css" in ours
    assert "visdm/demo/model/visdm.toml" in ours


def test_no_test_and_no_source_of_the_contracts_ships(inside: set[str]) -> None:
    assert not [name for name in inside if name.startswith("tests") or name.endswith(".sol")]
