"""What a hostile script can do outside the sandbox and cannot do inside: a test per property.

`attack` runs one script twice, as a bare process and in the sandbox. Each test first checks
that the attack works outside, so that its failing inside proves something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from unit.adapters.bubblewrap.attacks import computation, script
from visdm.adapters.sandboxes import BareProcess, Bubblewrap
from visdm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from unit.adapters.bubblewrap.attacks import Attack


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> None:
    try:
        Bubblewrap().check()
    except SandboxError as error:
        pytest.skip(error.message)


@pytest.fixture
def attack(tmp_path: Path) -> Attack:
    """Return what the script got outside, and inside."""

    def attack(
        text: str, inputs: Mapping[str, Path] | None = None, **settings: object
    ) -> tuple[Any, Any]:
        job = computation(settings, inputs or {})
        outside = BareProcess(entry=script(text)).run(job, tmp_path / "outside")
        inside = Bubblewrap(entry=script(text)).run(job, tmp_path / "inside")
        return outside["got"], inside["got"]

    return attack
