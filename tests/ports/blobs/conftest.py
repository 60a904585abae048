from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ports.blobs.stores import KINDS, small

if TYPE_CHECKING:
    from pathlib import Path

    from ports.blobs.stores import Held


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def held(kind: str, tmp_path: Path) -> Held:
    return small(kind, tmp_path / "store")


@pytest.fixture
def other(kind: str, tmp_path: Path) -> Held:
    """A store elsewhere."""
    return small(kind, tmp_path / "elsewhere")
