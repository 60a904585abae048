"""A class-per-folder tree of images: what is in it, and what does not belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.domain.models import MAX_NAME, is_name
from visdm.domain.packages import IMAGE_SUFFIXES, MAX_CLASSES
from visdm.errors import FolderError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LAYOUT = "make one folder per class, with images directly inside: photos/cats/1.jpg"
_HIDDEN = ("thumbs.db", "desktop.ini")
_NAMED = 5


@dataclass(frozen=True)
class Tree:
    """`images` are (label, path) by class, then file name; `strays` (name, problem)."""

    root: Path
    classes: tuple[str, ...]
    images: tuple[tuple[int, Path], ...]
    strays: tuple[tuple[str, str], ...]

    def name(self, path: Path) -> str:
        """Return how messages call `path`."""
        return shown(path.relative_to(self.root).as_posix())


def survey(root: Path) -> Tree:
    """Look at every name under `root` without opening a file.

    Raises `FolderError` when it is not a class-per-folder tree.
    """
    try:
        return _surveyed(root)
    except OSError as error:
        raise FolderError(root, f"cannot be looked at ({error.strerror})") from error


def _surveyed(root: Path) -> Tree:
    entries = listed(root)
    folders = [entry for entry in entries if entry.is_dir()]
    loose = [entry for entry in entries if not entry.is_dir()]
    _refuse_outside(root, [entry for entry in loose if _is_image(entry)])
    if not folders:
        raise FolderError(root, "holds no class folders", hint=_LAYOUT)
    if len(folders) > MAX_CLASSES:
        raise FolderError(root, f"holds more than {MAX_CLASSES} classes", hint=_LAYOUT)
    strays = [(shown(entry.name), _stray(entry)) for entry in loose]
    images: list[tuple[int, Path]] = []
    empty: list[str] = []
    for label, folder in enumerate(folders):
        inside = _inside(root, folder)
        images += [(label, entry) for entry in inside if _is_image(entry)]
        others = [entry for entry in inside if not _is_image(entry)]
        strays += [(shown(f"{folder.name}/{entry.name}"), _stray(entry)) for entry in others]
        if len(others) == len(inside):
            empty.append(folder.name)
    if empty:
        problem = f"no images of the class {_some(empty)}"
        raise FolderError(root, problem, hint="add images to it or remove the folder")
    return Tree(root, tuple(folder.name for folder in folders), tuple(images), tuple(strays))


def listed(root: Path) -> list[Path]:
    """Return what lies directly in a folder, by name, hidden files left out.

    Raises `FolderError` when the folder cannot be listed or a link leads out of it.
    """
    try:
        entries = sorted(root.iterdir(), key=lambda entry: entry.name)
        entries = [entry for entry in entries if not _is_hidden(entry.name)]
    except FileNotFoundError:
        raise FolderError(root, "does not exist", hint="check the path") from None
    except NotADirectoryError:
        raise FolderError(root, "is not a folder", hint="name the folder") from None
    except OSError as error:
        raise FolderError(root, f"cannot be listed ({error.strerror})") from error
    if not entries:
        raise FolderError(root, "is empty", hint="name a folder with files in it")
    return entries


def shown(name: str) -> str:
    """Return a file's name fit for one line on a terminal, whatever bytes it is made of."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def _inside(root: Path, folder: Path) -> list[Path]:
    if not is_name(folder.name):
        problem = f"the folder {shown(folder.name)} cannot be the name of a class"
        raise FolderError(root, problem, hint=f"at most {MAX_NAME} printable characters")
    _refuse_escape(root, folder)
    try:
        inside = listed(folder)
    except FolderError as error:
        if error.problem == "is empty":
            return []
        raise
    for entry in inside:
        _refuse_escape(root, entry)
        if entry.is_dir():
            problem = f"{shown(f'{folder.name}/{entry.name}')} is a folder inside a class"
            raise FolderError(root, problem, hint=_LAYOUT)
    return inside


def _refuse_outside(root: Path, images: Sequence[Path]) -> None:
    if images:
        problem = f"{_some([entry.name for entry in images])} without a class"
        raise FolderError(root, problem, hint=_LAYOUT)


def _refuse_escape(root: Path, entry: Path) -> None:
    if not entry.is_symlink():
        return
    name = shown(entry.relative_to(root).as_posix())
    try:
        inside = entry.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        raise FolderError(root, f"{name} is a link that leads nowhere") from None
    if not inside:
        hint = "copy the file into the folder: what is packed must be what you see there"
        raise FolderError(root, f"{name} is a link that leads out of the folder", hint=hint)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _HIDDEN


def _is_image(entry: Path) -> bool:
    return entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file()


def _stray(entry: Path) -> str:
    if not entry.is_file():
        return "is not a regular file"
    return f"is not named as an image ({', '.join(IMAGE_SUFFIXES)})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(shown(name) for name in names[:_NAMED]) + more
