"""A folder of images in any order, as a source: flat, or of any depth.

Its images are to be described, not packed, so what would be refused in a package is named and
left out here. An image's class is the name of the folder that it lies in; directly under the
root it has none.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from visdm.adapters.packages.files import IRREGULAR, entries, leads_out, read, shown
from visdm.adapters.packages.source import Sample
from visdm.domain.packages import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif"),
    *(".jp2", ".jpe", ".jxl", ".pbm", ".pcx", ".pgm", ".pnm", ".ppm", ".psd", ".svg", ".tga"),
    *(".tif", ".tiff"),
)
"""Of images too, so that one whose format is not taken is named and not passed over."""

UNFOLLOWED = "is a link to a folder, and none is followed"
OUT = "is a link that leads out of the folder"
NOWHERE = "is a link that leads nowhere"


@dataclass(frozen=True)
class Gathered:
    """Samples folder by folder; no more than one folder's names are held at a time.

    `ignored` counts the files that are no images by their names. `without` is not looked into.
    """

    root: Path
    without: Path
    classes: tuple[str, ...]
    total: int
    ignored: int
    bad: tuple[tuple[str, str], ...]

    def samples(self) -> Iterator[Sample]:
        """Read the images one by one."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        for found in _folders(self.root, self.without):
            label = numbers.get(found.class_, -1)
            if label < 0:  # it came after we had looked
                continue
            for name in found.images:
                path = shown(found.inside + name)
                yield Sample(path, label, *read(found.folder / name), path)


@contextmanager
def opened(root: Path, without: Path) -> Iterator[Gathered]:
    """Look at every name under `root` without opening a file; links are not followed out of it.

    Raises `FolderError` when a folder cannot be listed.
    """
    classes: set[str] = set()
    bad: list[tuple[str, str]] = []
    total = ignored = 0
    for found in _folders(root, without):
        total += len(found.images)
        ignored += found.ignored
        bad += [(shown(found.inside + name), problem) for name, problem in found.strays]
        if found.images:
            classes.add(found.class_)
    yield Gathered(root, without, tuple(sorted(classes)), total, ignored, tuple(sorted(bad)))


@dataclass
class _Folder:
    """What lies in a folder; `inside` is its path under the root, as a prefix."""

    folder: Path
    inside: str
    class_: str
    images: list[str] = field(default_factory=list)
    strays: list[tuple[str, str]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    ignored: int = 0


def _folders(root: Path, without: Path) -> Iterator[_Folder]:
    """Yield every folder under `root`, itself first, each before those inside it."""
    top, away = root.resolve(), without.resolve()
    waiting = [_Folder(root, "", "")]
    while waiting:
        found = waiting.pop()
        _look_into(found, top)
        inner = (
            _Folder(found.folder / name, f"{found.inside}{name}/", shown(name))
            for name in sorted(found.folders, reverse=True)
        )
        waiting += [folder for folder in inner if folder.folder.resolve() != away]
        yield found


def _look_into(found: _Folder, top: Path) -> None:
    for entry in entries(found.folder):
        problem = _linked(entry.path, top) if entry.is_symlink() else ""
        is_image = entry.name.lower().endswith((*IMAGE_SUFFIXES, *OTHER_SUFFIXES))
        if problem:
            if is_image or problem == UNFOLLOWED:
                found.strays.append((entry.name, problem))
            else:
                found.ignored += 1
        elif entry.is_dir():
            found.folders.append(entry.name)
        elif not is_image:
            found.ignored += 1
        elif not entry.is_file():
            found.strays.append((entry.name, IRREGULAR))
        else:
            found.images.append(entry.name)
    found.images.sort()


def _linked(path: str, top: Path) -> str:
    """Return why a link is not followed, '' where it is."""
    try:
        if leads_out(top, Path(path)):
            return OUT
        return UNFOLLOWED if Path(path).is_dir() else ""
    except (OSError, RuntimeError):
        return NOWHERE
