"""What suites about packages start from; a suite names it in `pytest_plugins`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memory.building import build
from memory.pictures import PETS, SOURCE, TOML, fill
from visdm.adapters.packages import FilePackages

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages


@pytest.fixture(params=[FilePackages])
def packages(request: pytest.FixtureRequest) -> Packages:
    built: Packages = request.param()
    return built


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return fill(tmp_path / "pets", PETS)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "package"


@pytest.fixture
def model(tmp_path: Path, packages: Packages, pets: Path) -> Path:
    folder = fill(tmp_path / "model", {"visdm.toml": TOML.encode(), "model.py": SOURCE.encode()})
    build(packages, pets, folder / "validation.parquet", name="held out")
    return folder
