"""The folder that is written to: whole or as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from visdm.errors import OutputError
from visdm.showroom.place import FILES, GENERATOR, PAGE, check, replacing

if TYPE_CHECKING:
    from pathlib import Path

HEAD = f'<!DOCTYPE html><meta name="generator" content="{GENERATOR}"/>'


def write_all(made: Path, text: str) -> None:
    for name in FILES:
        (made / name).write_text(f"{HEAD}{text}")


def interrupted(out: Path) -> None:
    with replacing(out) as made:
        write_all(made, "new")
        raise KeyboardInterrupt


def overtaken(out: Path) -> None:
    with replacing(out) as made:
        write_all(made, "new")
        out.mkdir()
        (out / "mine.txt").write_text("mine")


def test_a_new_folder_appears_whole_with_the_folders_above_it(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "out"
    with replacing(out) as made:
        write_all(made, "new")
        assert not out.exists()
    assert {entry.name for entry in out.iterdir()} == set(FILES)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_block_that_fails_leaves_nothing_new_and_the_old_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with replacing(out) as made:
        write_all(made, "old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(out)
    assert (out / PAGE).read_text() == f"{HEAD}old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_taken_and_one_that_lost_its_page_is_not(tmp_path: Path) -> None:
    check(tmp_path)
    with replacing(tmp_path / "out") as made:
        write_all(made, "old")
    check(tmp_path / "out")
    (tmp_path / "out" / PAGE).unlink()
    with pytest.raises(OutputError):
        check(tmp_path / "out")


def test_what_came_into_the_way_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(OutputError):
        overtaken(out)
    assert [entry.name for entry in out.iterdir()] == ["mine.txt"]


def test_a_place_under_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"), replacing(tmp_path / "file" / "out") as made:
        write_all(made, "new")
