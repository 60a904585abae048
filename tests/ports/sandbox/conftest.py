"""The sandboxes that the suite of the port `Sandbox` runs over: every kind, and a bare process."""

from __future__ import annotations

import secrets
import textwrap
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from ports.sandbox.scripts import PRELUDE
from visdm.adapters.sandboxes import BareProcess, Bubblewrap, Gvisor
from visdm.errors import SandboxError
from visdm.ports import Computation, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ports.sandbox.scripts import Make, Run


WALLED: dict[str, type[Bubblewrap | Gvisor]] = {"bubblewrap": Bubblewrap, "gvisor": Gvisor}


@cache
def missing(kind: str) -> str:
    try:
        WALLED[kind]().check()
    except SandboxError as error:
        return error.message
    return ""


@pytest.fixture(params=[*WALLED, "bare"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "bare":
        return BareProcess
    if missing(request.param):
        pytest.skip(missing(request.param))
    return WALLED[request.param]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / f"output-{secrets.token_hex(8)}"  # found in no other process


@pytest.fixture
def run(make: Make, output: Path) -> Run:
    """Run a script as the program; it has `job`, `out` and `answer` at hand."""

    def run(
        script: str,
        inputs: Mapping[str, Path] | None = None,
        settings: Mapping[str, Any] | None = None,
        progress: Callable[[int, int], None] = lambda *_: None,
        **limits: int,
    ) -> Mapping[str, Any]:
        sandbox = make(entry=("-c", PRELUDE + textwrap.dedent(script)))
        generous = {"seconds": 60, **limits}
        job = Computation("probe", settings or {}, inputs or {}, Limits(**generous))
        return sandbox.run(job, output, progress)

    return run
