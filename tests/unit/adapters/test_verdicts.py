"""What was said of public tables outlives the process, and damage costs a second look alone."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from visdm.adapters.verdicts import FileVerdicts
from visdm.domain.tables import NUMBERS

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_said_is_known_to_the_next_and_to_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "tables.jsonl"
    assert FileVerdicts(path).known({"a"}) == {}
    FileVerdicts(path).keep({"a": "", "b": NUMBERS})
    FileVerdicts(path).keep({"c": ""})
    assert FileVerdicts(path).known({"a", "b", "d"}) == {"a": "", "b": NUMBERS}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_was_cut_off_takes_no_other_along(tmp_path: Path) -> None:
    path = tmp_path / "tables.jsonl"
    FileVerdicts(path).keep({"a": ""})
    with path.open("ab") as file:
        file.write(b'["b", "\n[1, 2]\n{}\n7\n["c", 3]\n[["x"], ""]\n\xff\n["d"')
    FileVerdicts(path).keep({"e": ""})
    assert FileVerdicts(path).known({"a", "b", "c", "d", "e"}) == {"a": "", "e": ""}


def test_a_folder_that_cannot_be_written_forgets(tmp_path: Path) -> None:
    nowhere = FileVerdicts(tmp_path / "missing" / "tables.jsonl")
    nowhere.keep({"a": ""})
    assert nowhere.known({"a"}) == {}
