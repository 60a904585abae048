"""A small real market: embedded chain, block store, age; programs in the test's process."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from memory.sandbox import InProcess
from visdm import wiring
from visdm.demo.images import lay_out, write_digits
from visdm.demo.model_folder import write_model
from visdm.ports import Limits
from visdm.wiring import open_world, packages, sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from visdm.wiring import World

SEED = 7
NAMES = ("operator", "provider-1", "consumer-1", "supplier-1", "supplier-2", "supplier-3")
EACH = 4
"""Images per class and part."""


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return folders of disjoint images, `a`, `b`, `c` and `validation`, of two classes."""
    everything = tmp_path_factory.mktemp("digits")
    write_digits(everything)
    home = tmp_path_factory.mktemp("parts")
    for place, name in enumerate(("a", "b", "c", "validation")):
        chosen = slice(place * EACH, (place + 1) * EACH)
        images = [
            (label, file)
            for label in ("0", "1")
            for file in sorted((everything / label).iterdir())[chosen]
        ]
        lay_out(images, home / name)
    return {folder.name: folder for folder in home.iterdir()}


@pytest.fixture(scope="session")
def model(parts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the demo's model folder."""
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, parts["validation"], packages())
    return folder


@pytest.fixture(scope="session")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a market in which everybody has joined; the provider has index 1."""
    folder = tmp_path_factory.mktemp("joined") / "world"
    with open_world(folder, SEED, NAMES, computes=sandbox("none", unsafe=True)) as opened:
        opened.deploy()
        opened.provider("provider-1", Limits()).join("EU", 10)
        opened.consumer("consumer-1").join()
        for name in NAMES[3:]:
            opened.supplier(name).join()
        opened.chain("operator").transfer(opened.address("consumer-1"), 10**12)
    return folder


@pytest.fixture(scope="session")
def described(
    joined: Path, parts: dict[str, Path], model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the same with three described assets and a described model, asset 4."""
    folder = tmp_path_factory.mktemp("described") / "world"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(wiring.SANDBOXES, "bubblewrap", InProcess)
        shutil.copytree(joined, folder)
        with open_world(folder, SEED, NAMES) as opened:
            for name, part in (("supplier-1", "a"), ("supplier-2", "b"), ("supplier-3", "c")):
                opened.supplier(name).offer(parts[part], name=part, provider=1)
            opened.consumer("consumer-1").register_model(model, provider=1)
            assert opened.provider("provider-1", Limits()).describe_waiting() == {}
    return folder


def copy_of(folder: Path, target: Path, patch: pytest.MonkeyPatch) -> AbstractContextManager[World]:
    """Open a market of one's own, just like the one in `folder`."""
    patch.setitem(wiring.SANDBOXES, "bubblewrap", InProcess)
    shutil.copytree(folder, target)
    return open_world(target, SEED, NAMES)


@pytest.fixture
def world(joined: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Yield a market of one's own in which everybody has joined."""
    with copy_of(joined, tmp_path / "world", monkeypatch) as opened:
        yield opened


@pytest.fixture
def market(described: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Yield a market of one's own with three described assets and a model."""
    with copy_of(described, tmp_path / "world", monkeypatch) as opened:
        yield opened
