"""Folders of any depth as a source that names and leaves out what it cannot use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memory.pictures import fill, picture
from visdm.adapters.packages import FilePackages, gathered
from visdm.errors import FolderError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.adapters.packages.gathered import Gathered


def look(root: Path, without: Path | None = None) -> tuple[Gathered, list[tuple[str, str, str]]]:
    """Return what was seen, and each sample as (path, class, problem)."""
    with gathered.opened(root, without or root / "nowhere") as found:
        taken = [(one.path, found.classes[one.label], one.problem) for one in found.samples()]
    return found, taken


def test_the_class_is_the_name_of_the_folder_that_holds_the_image(tmp_path: Path) -> None:
    names = ("top.png", "a/x.png", "b/a/y.png", "b/z.jpeg")
    fill(tmp_path, {name: picture() for name in names})
    found, taken = look(tmp_path)
    assert taken == [
        ("top.png", "", ""),
        ("a/x.png", "a", ""),
        ("b/z.jpeg", "b", ""),
        ("b/a/y.png", "a", ""),
    ]
    assert (found.classes, found.total) == (("", "a", "b"), 4)


def test_other_files_are_counted_and_images_of_other_formats_are_read_to_be_named(
    tmp_path: Path,
) -> None:
    fill(tmp_path, {"a.gif": b"GIF89a", "b.TIFF": b"", "c.txt": b"", "d": b"", ".e.png": b""})
    found, taken = look(tmp_path)
    assert [path for path, _, _ in taken] == ["a.gif", "b.TIFF"]
    assert found.ignored == 2


def test_links_are_followed_to_files_inside_and_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    fill(tmp_path, {"root/a/x.png": picture(), "secret.png": picture(seed=1)})
    (root / "inside.png").symlink_to(root / "a" / "x.png")
    (root / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "gone.png").symlink_to(root / "nothing.png")
    (root / "loop.png").symlink_to(root / "loop.png")
    (root / "a" / "up").symlink_to(root)
    (root / "notes.txt").symlink_to(root / "nothing.txt")
    found, taken = look(root)
    assert [path for path, _, _ in taken] == ["inside.png", "a/x.png"]
    assert dict(found.bad) == {
        "out.png": gathered.OUT,
        "gone.png": gathered.NOWHERE,
        "loop.png": gathered.NOWHERE,
        "a/up": gathered.UNFOLLOWED,
    }
    assert found.ignored == 1


def test_a_pipe_named_as_an_image_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    found, taken = look(tmp_path)
    assert dict(found.bad) == {"pipe.png": "is not a regular file"}
    assert not taken


def test_the_folder_that_is_written_to_is_not_looked_into(tmp_path: Path) -> None:
    fill(tmp_path, {"a.png": picture(), "out/b.png": picture(), "other/out/c.png": picture()})
    found, _ = look(tmp_path, tmp_path / "out")
    assert found.total == 2


def test_names_that_are_no_text_are_written_out_and_still_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\n.png")).write_bytes(picture())
    _, taken = look(tmp_path)
    assert taken == [("\\udcff\\n.png", "", "")]


def test_a_file_that_is_no_source_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, {"notes.txt": b"words"})
    with (
        pytest.raises(FolderError, match="is not a folder"),
        FilePackages().images(tmp_path / "notes.txt", without=tmp_path),
    ):
        raise AssertionError
