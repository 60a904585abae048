"""What a hostile script can do outside a sandbox and cannot do inside: a test per property.

`attack` runs one script twice, as a bare process and in a sandbox. Each test first checks
that the attack works outside, so that its failing inside proves something. The suite runs
over every sandbox in `SANDBOXES`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from attacks.hostile import Make, computation, script
from visdm.adapters.sandboxes import BareProcess, Bubblewrap
from visdm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from attacks.hostile import Attack

SANDBOXES: dict[str, Make] = {"bubblewrap": Bubblewrap}


@cache
def missing(name: str) -> str:
    try:
        SANDBOXES[name]().check()
    except SandboxError as error:
        return error.message
    return ""


@pytest.fixture(params=SANDBOXES)
def walled(request: pytest.FixtureRequest) -> Make:
    """Make a sandbox of each kind; skip the kinds that cannot be had here."""
    if missing(request.param):
        pytest.skip(missing(request.param))
    return SANDBOXES[request.param]


@pytest.fixture
def attack(walled: Make, tmp_path: Path) -> Attack:
    """Return what the script got outside, and inside."""

    def attack(
        text: str, inputs: Mapping[str, Path] | None = None, **settings: object
    ) -> tuple[Any, Any]:
        job = computation(settings, inputs or {})
        outside = BareProcess(entry=script(text)).run(job, tmp_path / "outside")
        inside = walled(entry=script(text)).run(job, tmp_path / "inside")
        return outside["got"], inside["got"]

    return attack
