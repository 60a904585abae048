from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from visdm.compute.programs import PROGRAMS, Program


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_every_program_can_be_run_as_the_entry_runs_it(name: str) -> None:
    run = import_module(PROGRAMS[name]).run
    assert (
        list(inspect.signature(run).parameters)
        == list(inspect.signature(Program.run).parameters)[1:]
    )
