"""The sandboxes that the suite of the port `Sandbox` runs over: bubblewrap and a bare process."""

from __future__ import annotations

import textwrap
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from ports.sandbox.scripts import PRELUDE
from visdm.adapters.sandboxes import BareProcess, Bubblewrap
from visdm.errors import SandboxError
from visdm.ports import Computation, Limits, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ports.sandbox.scripts import Make, Run


@cache
def missing() -> str:
    try:
        Bubblewrap().check()
    except SandboxError as error:
        return error.message
    return ""


def bubblewrap(**options: Any) -> Sandbox:  # noqa: ANN401 - passed on as they are
    if missing():
        pytest.skip(missing())
    return Bubblewrap(**options)


@pytest.fixture(params=[bubblewrap, BareProcess], ids=["bubblewrap", "bare"])
def make(request: pytest.FixtureRequest) -> Make:
    maker: Make = request.param
    return maker


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


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
