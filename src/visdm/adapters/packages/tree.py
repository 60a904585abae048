"""A class-per-folder tree of images, as a source: what is in it, and what does not belong."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from visdm.adapters.packages.files import IRREGULAR, entries, leads_out, read, shown
from visdm.adapters.packages.source import Sample
from visdm.domain.models import MAX_NAME, is_name
from visdm.domain.packages import IMAGE_SUFFIXES, MAX_CLASSES
from visdm.errors import FolderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LAYOUT = "make one folder per class, with images directly inside: photos/cats/1.jpg"
_UNNAMED = f"is not named as an image ({', '.join(IMAGE_SUFFIXES)})"
_NAMED = 5
_ITSELF = "."
"""The folder, and so the class, of images that need none."""


@dataclass(frozen=True)
class Tree:
    """Samples by class, then file name. No more than one class's names are held at a time."""

    root: Path
    classes: tuple[str, ...]
    total: int
    bad: tuple[tuple[str, str], ...]
    ignored: int = 0

    def samples(self) -> Iterator[Sample]:
        """Read the images one by one."""
        for label, folder in enumerate(self.classes):
            for name in _looked_into(self.root / folder).images:
                path = shown(f"{folder}/{name}")
                yield Sample(path, label, *read(self.root / folder / name), path)


@contextmanager
def opened(root: Path, *, flat: bool = False) -> Iterator[Tree]:
    """Look at every name under `root` without opening a file.

    Where `flat`, images may lie in `root` itself, all of one class. Raises `FolderError` when
    it is not a class-per-folder tree.
    """
    try:
        tree = _surveyed(root, flat=flat)
    except OSError as error:
        raise FolderError(root, f"cannot be looked at ({error.strerror})") from error
    yield tree


@dataclass
class _Names:
    """What lies in a folder, sorted; `strays` with what is wrong with each."""

    folders: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    strays: list[tuple[str, str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def _surveyed(root: Path, *, flat: bool) -> Tree:
    top = _looked_into(root)
    if flat and top.images and not top.folders:
        for name in top.links:
            _refuse_escape(root, name)
        strays = tuple((shown(name), problem) for name, problem in top.strays)
        return Tree(root, (_ITSELF,), len(top.images), strays)
    if not (top.folders or top.images or top.strays):
        raise FolderError(root, "is empty", hint="name a folder with files in it")
    _refuse_outside(root, top.images)
    if not top.folders:
        raise FolderError(root, "holds no class folders", hint=_LAYOUT)
    if len(top.folders) > MAX_CLASSES:
        raise FolderError(root, f"holds more than {MAX_CLASSES} classes", hint=_LAYOUT)
    bad, empty, total = [(shown(name), problem) for name, problem in top.strays], [], 0
    for folder in top.folders:
        inside = _inside(root, folder)
        total += len(inside.images)
        bad += [(shown(f"{folder}/{name}"), problem) for name, problem in inside.strays]
        if not inside.images:
            empty.append(folder)
    if empty:
        problem = f"no images of the class {_some(empty)}"
        raise FolderError(root, problem, hint="add images to it or remove the folder")
    return Tree(root, tuple(top.folders), total, tuple(bad))


def _inside(root: Path, folder: str) -> _Names:
    if not is_name(folder):
        problem = f"the folder {shown(folder)} cannot be the name of a class"
        raise FolderError(root, problem, hint=f"at most {MAX_NAME} printable characters")
    if (root / folder).is_symlink():
        _refuse_escape(root, folder)
    inside = _looked_into(root / folder)
    for name in inside.links:
        _refuse_escape(root, f"{folder}/{name}")
    if inside.folders:
        problem = f"{shown(f'{folder}/{inside.folders[0]}')} is a folder inside a class"
        raise FolderError(root, problem, hint=_LAYOUT)
    return inside


def _looked_into(folder: Path) -> _Names:
    """Part the names in a folder by what they stand for; of its entries nothing else is kept."""
    names = _Names()
    for entry in entries(folder):
        # An entry's own answers fail where links go in a circle; asking a path costs more.
        asked = Path(entry) if entry.is_symlink() else entry
        if entry.is_symlink():
            names.links.append(entry.name)
        if asked.is_dir():
            names.folders.append(entry.name)
        elif not asked.is_file():
            names.strays.append((entry.name, IRREGULAR))
        elif not entry.name.lower().endswith(IMAGE_SUFFIXES):
            names.strays.append((entry.name, _UNNAMED))
        else:
            names.images.append(entry.name)
    names.folders.sort()
    names.images.sort()
    names.strays.sort()
    names.links.sort()
    return names


def _refuse_outside(root: Path, images: Sequence[str]) -> None:
    if images:
        problem = f"{_some(images)} without a class"
        raise FolderError(root, problem, hint=_LAYOUT)


def _refuse_escape(root: Path, inside: str) -> None:
    try:
        out = leads_out(root.resolve(), root / inside)
    except (OSError, RuntimeError):
        raise FolderError(root, f"{shown(inside)} is a link that leads nowhere") from None
    if out:
        hint = "copy the file into the folder: what is packed must be what you see there"
        problem = f"{shown(inside)} is a link that leads out of the folder"
        raise FolderError(root, problem, hint=hint)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(shown(name) for name in names[:_NAMED]) + more
