"""The market at a stage of its trade, on each implementation of the port `Chain`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from contracts import scene
from contracts.scene import EvmWorld, MemoryWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contracts.scene import At, World
    from memory.chain import MemoryMarket


@pytest.fixture(scope="session")
def memory_stages() -> dict[str, MemoryMarket]:
    return scene.memory_stages()


@pytest.fixture(scope="session")
def evm_stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return scene.evm_stages(tmp_path_factory.getbasetemp() / "market")


@pytest.fixture(params=["memory", "evm"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[At]:
    """Yield what makes the market at a stage: a function of the stage's name."""
    kept = request.getfixturevalue(f"{request.param}_stages")
    made: list[World] = []

    def world(stage: str) -> World:
        if request.param == "memory":
            made.append(MemoryWorld(copy.deepcopy(kept[stage])))
        else:
            made.append(EvmWorld(tmp_path / f"chain-{len(made)}", kept[stage]))
        return made[-1]

    yield world
    for each in made:
        each.close()
