"""Folders that are no class-per-folder trees, and targets that cannot be written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memory.building import build
from memory.disk import full_disk
from memory.pictures import fill, picture
from visdm.errors import (
    FolderError,
    ImageError,
    OutputError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)


def faults(packages: Packages, folder: Path, target: Path) -> dict[str, str]:
    """Check that a folder is refused and nothing written; return the files named."""
    with pytest.raises(ImageError) as caught:
        build(packages, folder, target, name="pets")
    assert list(target.parent.iterdir()) == []
    assert caught.value.hint
    return dict(caught.value.bad)


def folder_fault(packages: Packages, folder: Path, target: Path) -> FolderError:
    with pytest.raises(FolderError) as caught:
        build(packages, folder, target, name="pets")
    assert list(target.parent.iterdir()) == []
    return caught.value


def test_a_missing_folder_is_named(packages: Packages, tmp_path: Path, target: Path) -> None:
    error = folder_fault(packages, tmp_path / "gone", target)
    assert error.message == f"{tmp_path / 'gone'}: does not exist"


def test_a_file_is_not_a_folder(packages: Packages, tmp_path: Path, target: Path) -> None:
    fill(tmp_path, {"a.png": picture()})
    assert folder_fault(packages, tmp_path / "a.png", target).problem == "is not a folder"


def test_an_empty_folder_is_refused(packages: Packages, tmp_path: Path, target: Path) -> None:
    folder = fill(tmp_path / "pets", {".DS_Store": b""})
    assert folder_fault(packages, folder, target).problem == "is empty"


def test_classes_without_images_are_named(packages: Packages, pets: Path, target: Path) -> None:
    (pets / "birds").mkdir()
    fill(pets, {"fish/.DS_Store": b"", "frogs/notes.txt": b"notes"})
    problem = folder_fault(packages, pets, target).problem
    assert problem == "no images of the class birds, fish, frogs"


def test_an_image_without_a_class_is_named(packages: Packages, pets: Path, target: Path) -> None:
    fill(pets, {"lost.png": picture()})
    assert folder_fault(packages, pets, target).problem == "lost.png without a class"


def test_a_folder_of_images_without_classes_is_refused(
    packages: Packages, tmp_path: Path, target: Path
) -> None:
    folder = fill(tmp_path / "pets", {f"{number}.png": picture() for number in range(7)})
    problem = folder_fault(packages, folder, target).problem
    assert problem == "0.png, 1.png, 2.png, 3.png, 4.png and 2 more without a class"


def test_files_alone_are_no_class_folders(packages: Packages, tmp_path: Path, target: Path) -> None:
    folder = fill(tmp_path / "pets", {"notes.txt": b"notes"})
    assert folder_fault(packages, folder, target).problem == "holds no class folders"


def test_a_folder_inside_a_class_is_named(packages: Packages, pets: Path, target: Path) -> None:
    fill(pets, {"cats/young/a.png": picture()})
    problem = folder_fault(packages, pets, target).problem
    assert problem == "cats/young is a folder inside a class"


def test_a_link_out_of_the_folder_is_refused(
    packages: Packages, pets: Path, tmp_path: Path, target: Path
) -> None:
    fill(tmp_path, {"private/a.png": picture()})
    (pets / "cats" / "link.png").symlink_to(tmp_path / "private" / "a.png")
    problem = "cats/link.png is a link that leads out of the folder"
    assert folder_fault(packages, pets, target).problem == problem
    (pets / "cats" / "link.png").unlink()
    (pets / "eels").symlink_to(tmp_path / "private")
    problem = "eels is a link that leads out of the folder"
    assert folder_fault(packages, pets, target).problem == problem


def test_a_link_out_through_a_link_inside_is_refused(
    packages: Packages, pets: Path, tmp_path: Path, target: Path
) -> None:
    fill(tmp_path, {"private/a.png": picture()})
    (pets / ".hop").symlink_to(tmp_path / "private")
    (pets / "cats" / "link.png").symlink_to(pets / ".hop" / "a.png")
    assert "leads out" in folder_fault(packages, pets, target).problem


def test_a_link_that_leads_nowhere_or_in_a_circle_is_refused(
    packages: Packages, pets: Path, target: Path
) -> None:
    link = pets / "cats" / "link.png"
    link.symlink_to("gone.png")
    assert "leads nowhere" in folder_fault(packages, pets, target).problem
    link.unlink()
    link.symlink_to("link.png")
    assert "leads nowhere" in folder_fault(packages, pets, target).problem


def test_a_link_that_stays_inside_is_followed(packages: Packages, pets: Path, target: Path) -> None:
    (pets / "cats" / "link.png").symlink_to("../dogs/1.png")
    assert build(packages, pets, target, name="pets").samples == 5


def test_a_named_pipe_is_refused_and_not_waited_for(
    packages: Packages, pets: Path, target: Path
) -> None:
    os.mkfifo(pets / "cats" / "pipe.png")
    assert faults(packages, pets, target) == {"cats/pipe.png": "is not a regular file"}


def test_names_that_would_upset_a_terminal_are_escaped(
    packages: Packages, pets: Path, target: Path
) -> None:
    fill(pets, {"cats/\x1b[2J\n.png": b"words", os.fsdecode(b"cats/\xff.png"): b"words"})
    assert faults(packages, pets, target).keys() == {"cats/\\x1b[2J\\n.png", "cats/\\udcff.png"}
    fill(pets, {"a\x1b[2J/a.png": picture()})
    problem = folder_fault(packages, pets, target).problem
    assert problem == "the folder a\\x1b[2J cannot be the name of a class"


def test_a_failed_build_leaves_an_older_package_alone(
    packages: Packages, pets: Path, target: Path
) -> None:
    before = build(packages, pets, target, name="pets")
    fill(pets, {"cats/bad.png": b"words"})
    with pytest.raises(ImageError):
        build(packages, pets, target, name="pets")
    assert packages.inspect_data(target) == before


def test_a_full_disk_leaves_nothing(packages: Packages, pets: Path, target: Path) -> None:
    with full_disk(1024), pytest.raises(OutputError, match="File too large"):
        build(packages, pets, target, name="pets")
    assert list(target.parent.iterdir()) == []
