"""The market on the embedded chain at a stage of its trade, and hostile contracts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts import scene
from contracts.hostile import Stage, deploy
from contracts.scene import PURSE, WHO, EvmWorld, play
from visdm.adapters.evm.contracts import Market, artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contracts.hostile import Made

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def evm(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> Iterator[Callable[[str], EvmWorld]]:
    """Yield what makes the market at a stage: a function of the stage's name."""
    kept = scene.evm_stages(tmp_path_factory.getbasetemp() / "market")
    made: list[EvmWorld] = []

    def world(stage: str) -> EvmWorld:
        made.append(EvmWorld(tmp_path / f"chain-{len(made)}", kept[stage]))
        return made[-1]

    yield world
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The contracts of contracts/test/EvilTokens.sol, compiled as those that ship are."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    node = shutil.which("node", path=places)
    if not node or not (ROOT / "node_modules" / "solc").is_dir():
        missing = "Node.js or the contract compiler is not set up; run: make contracts"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    # The compiler takes what lies in contracts/src, so the test contracts get a tree of theirs.
    tree = tmp_path_factory.mktemp("hostile")
    (tree / "contracts" / "src").mkdir(parents=True)
    shutil.copy(ROOT / "contracts" / "test" / "EvilTokens.sol", tree / "contracts" / "src")
    shutil.copy(ROOT / "contracts" / "build.mjs", tree / "contracts")
    (tree / "node_modules").symlink_to(ROOT / "node_modules", target_is_directory=True)
    build = [node, str(tree / "contracts" / "build.mjs"), "--out", str(tree / "out")]
    done = subprocess.run(build, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {path.stem: json.loads(path.read_text()) for path in (tree / "out").glob("*.json")}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, hostile: Made) -> tuple[Path, Market, str]:
    """The chain's file, where the hostile market is on it, and the puppet."""
    folder = tmp_path_factory.mktemp("prepared")
    bare = EvmWorld(folder / "bare")
    token = deploy(bare, hostile["EvilToken"])
    jobs = deploy(bare, artifact("Jobs"), token)
    contract = bare.node.web3.eth.contract(address=jobs, abi=artifact("Jobs")["abi"])  # type: ignore[call-overload]  # a checked address
    catalog = contract.functions.catalog().call({"from": WHO["stranger"]})
    market = Market(token, str(catalog), jobs)
    puppet = deploy(bare, hostile["Puppet"])
    bare.close()
    stage = Stage(folder / "chain", bare.path, hostile, market, puppet)
    stage.do("EvilToken", "mint", WHO["deployer"], PURSE)
    for reached in play(stage):
        if reached == "priced":
            break
    stage.close()
    return stage.path, market, puppet


@pytest.fixture
def stage(prepared: tuple[Path, Market, str], hostile: Made, tmp_path: Path) -> Iterator[Stage]:
    path, market, puppet = prepared
    world = Stage(tmp_path / "chain", path, hostile, market, puppet)
    yield world
    world.close()
