"""What a job sees of the host's files, as arguments of bubblewrap.

A view maps each path inside to how it comes there: `--ro-bind`, `--bind` and `--dev-bind`
show a file or folder of the host, `--symlink` makes a link. Whatever is not in the view is
not there.
"""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CODE = PurePosixPath("/code")
"""Where the package `visdm` is inside: no other part of a checkout comes with it."""

_PACKAGE = Path(__file__).resolve().parents[2]
_SYSTEM = (
    *("/lib", "/lib32", "/lib64", "/libx32"),
    *("/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/local/lib"),
    "/etc/ld.so.cache",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


class Shown(NamedTuple):
    """How a path comes inside: bubblewrap's option, and the path on the host."""

    option: str
    source: str


View = dict[str, Shown]


def base(tools: tuple[str, ...]) -> View:
    """Return the view that every job shares: Python, its libraries, `visdm` and `tools`."""
    python = Path(sys.executable)
    real = python.resolve()
    view = {path: Shown("--dev-bind", path) for path in _DEVICES}
    for path in (*_SYSTEM, *_library_paths(real)):
        view |= _as_it_is(Path(path))
    view[str(CODE / _PACKAGE.name)] = Shown("--ro-bind", str(_PACKAGE))
    view[str(real)] = Shown("--ro-bind", str(real))
    if python != real:
        view[str(python)] = Shown("--symlink", str(real))
    view |= {tool: Shown("--ro-bind", str(Path(tool).resolve())) for tool in tools}
    return {path: shown for path, shown in view.items() if not _has_parent(path, view)}


def arguments(view: Mapping[str, Shown], *, nested: bool = False) -> Iterator[str]:
    """Yield bubblewrap's arguments; `nested` where another bubblewrap already shows the view.

    Folders on the way are made one by one, since bubblewrap makes them unreadable to others.
    """
    made = set(view) | {"/"}
    for path in sorted(view):
        for parent in map(str, reversed(PurePosixPath(path).parents)):
            if parent not in made:
                made.add(parent)
                yield from ("--perms", "0755", "--dir", parent)
        option, source = view[path]
        yield from (option, path if nested and option != "--symlink" else source, path)


def _library_paths(python: Path) -> Iterator[str]:
    for prefix in (Path(sys.prefix), Path(sys.base_prefix), python.parent.parent):
        yield from (str(prefix / name) for name in ("lib", "lib64", "pyvenv.cfg"))


def _as_it_is(path: Path) -> View:
    if path.is_symlink():
        return {str(path): Shown("--symlink", str(path.readlink()))}
    return {str(path): Shown("--ro-bind", str(path))} if path.exists() else {}


def _has_parent(path: str, view: View) -> bool:
    """Tell whether `path` comes along with a folder above it."""
    return any(
        parent in view and view[parent].option == "--ro-bind"
        for parent in map(str, PurePosixPath(path).parents)
    )
