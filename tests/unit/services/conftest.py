"""A small real market: embedded chain, block store, age; programs in the test's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memory.sandbox import InProcess
from visdm.demo.images import lay_out, write_digits
from visdm.demo.model_folder import write_model
from visdm.ports import Limits
from visdm.wiring import open_world, packages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.wiring import World

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


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Yield a market in which everybody has joined; the provider has index 1."""
    monkeypatch.setattr("visdm.wiring.Bubblewrap", InProcess)
    with open_world(tmp_path / "world", 7, NAMES) as opened:
        opened.deploy()
        opened.provider("provider-1", Limits()).join("EU", 10)
        opened.consumer("consumer-1").join()
        for name in NAMES[3:]:
            opened.supplier(name).join()
        opened.chain("operator").transfer(opened.address("consumer-1"), 10**12)
        yield opened
