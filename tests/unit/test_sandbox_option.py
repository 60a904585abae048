"""What scripts run in is said by --sandbox; to run them in nothing has to be said twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from visdm import wiring
from visdm.adapters.sandboxes import BareProcess, Bubblewrap, Gvisor
from visdm.cli import visdm
from visdm.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("kind", "made"), [("bubblewrap", Bubblewrap), ("gvisor", Gvisor), ("none", BareProcess)]
)
def test_a_sandbox_is_had_by_its_name(kind: str, made: type) -> None:
    assert type(wiring.sandbox(kind, unsafe=kind == "none")) is made


@pytest.mark.parametrize(("kind", "unsafe"), [("none", False), ("bubblewrap", True)])
def test_no_sandbox_is_taken_only_when_it_is_said_to_be_unsafe(kind: str, *, unsafe: bool) -> None:
    with pytest.raises(InputError) as caught:
        wiring.sandbox(kind, unsafe=unsafe)
    assert caught.value.hint == "say --sandbox none and --unsafe together, or neither"


@pytest.mark.parametrize(
    "words",
    [
        ["--unsafe"],
        ["--sandbox", "none"],
        ["--sandbox", "gvisor", "--unsafe"],
        ["--sandbox", "docker"],
    ],
)
def test_half_a_word_for_no_sandbox_runs_nothing(tmp_path: Path, words: list[str]) -> None:
    done = CliRunner().invoke(visdm, ["model", "profile", str(tmp_path / "none such"), *words])
    assert done.exit_code != 0
    assert "none such" not in done.output
