"""The vaults that the suite of the port `Vault` runs over, memory and age, and files to encrypt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memory.vault import MemoryVault
from ports.vault.payloads import PLAIN
from visdm.adapters.vault import AgeVault

if TYPE_CHECKING:
    from pathlib import Path

    from ports.vault.payloads import NewVault
    from visdm.ports import Vault


@pytest.fixture(params=["memory", "age"])
def vaults(request: pytest.FixtureRequest, tmp_path: Path) -> NewVault:
    if request.param == "memory":
        return MemoryVault
    return lambda name: AgeVault.create(tmp_path / f"{name}.identity")


@pytest.fixture
def vault(vaults: NewVault) -> Vault:
    return vaults("alice")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain"
    path.write_bytes(PLAIN)
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Make a folder of its own for what is written."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder
