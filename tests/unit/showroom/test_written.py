"""The folder that is written to: whole or as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
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


@pytest.mark.parametrize("name", ["out", "lock", "made"])
def test_a_new_folder_appears_whole_with_the_folders_above_it(tmp_path: Path, name: str) -> None:
    out = tmp_path / "a" / "b" / name
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


KILLED = """
import os, signal, sys
from pathlib import Path
from visdm.showroom.place import replacing
with replacing(Path(sys.argv[1])) as made:
    (made / "images.parquet").write_text("half of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def parts(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir() if entry.suffix == ".part"}


def killed(out: Path) -> None:
    """Write half of `out` in a process that is then killed."""
    code = subprocess.run([sys.executable, "-c", KILLED, out], check=False).returncode
    assert code == -signal.SIGKILL


def test_what_a_killed_process_left_is_removed_and_a_living_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    killed(tmp_path / "out")
    (dead,) = parts(tmp_path)
    with replacing(tmp_path / "out") as mine:
        assert dead not in parts(tmp_path)
        killed(tmp_path / "other")
        with replacing(tmp_path / "other") as other:
            assert parts(tmp_path) == {mine.parent.name, other.parent.name}
            write_all(mine, "mine")
            write_all(other, "other")
    assert {entry.name for entry in tmp_path.iterdir()} == {"out", "other"}


def test_what_is_only_called_like_a_left_over_is_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").write_text("")
    (tmp_path / ".visdm-aaaaaaaa.part").symlink_to(elsewhere)
    (tmp_path / ".visdm-bbbbbbbb.part").mkdir()  # without a lock: nobody knows whose
    (tmp_path / ".visdm-cccccccc.part").write_text("a file")
    before = parts(tmp_path)
    with replacing(tmp_path / "out") as made:
        write_all(made, "new")
    assert parts(tmp_path) == before
    assert [entry.name for entry in elsewhere.iterdir()] == ["lock"]


def test_a_place_under_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"), replacing(tmp_path / "file" / "out") as made:
        write_all(made, "new")
