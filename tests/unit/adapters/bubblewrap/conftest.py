"""The sandbox itself, beyond what hostile scripts try (`tests/attacks`)."""

from __future__ import annotations

import pytest

from visdm.adapters.sandboxes import Bubblewrap
from visdm.errors import SandboxError


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> None:
    try:
        Bubblewrap().check()
    except SandboxError as error:
        pytest.skip(error.message)
