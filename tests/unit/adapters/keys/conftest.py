"""A folder with two accounts under one password, at a cost that suits tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyrage  # type: ignore[import-untyped]  # pyrage ships no types
import pytest

from unit.adapters.keys import quick_age
from visdm.adapters.keys import KeyFolder

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that hold nothing
WORK = 2
"""Of scrypt: nobody guesses in a test."""


@dataclass(frozen=True)
class Place:
    folder: Path

    @property
    def keys(self) -> KeyFolder:
        return KeyFolder(self.folder, work=WORK)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let age files cost nothing, save where a test is marked by name to take the real ones."""
    if "as_shipped" not in request.fixturenames:
        monkeypatch.setattr(pyrage.passphrase, "encrypt", quick_age.encrypt)


@pytest.fixture
def as_shipped() -> None:
    """Let everything cost what it costs a user."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "keys")
    made.keys.create("ann", PASSWORD)
    made.keys.create("bob", PASSWORD)
    return made
