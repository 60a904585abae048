"""Writing a map: FOLDER/map.png and FOLDER/map.html, each whole or not at all."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from visdm.errors import InputError, OutputError
from visdm.pictures.page import page
from visdm.pictures.png import png

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.drawing.markup import Markup
    from visdm.pictures.scene import Scene

NAME = "map"
EXTRA = "pip install 'visdm[metadata]'"
NEEDED = ("matplotlib", "openTSNE", "sklearn")


def require_extra() -> None:
    """Raise `InputError` where what maps are made with is not installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(f"maps need {', '.join(missing)}", hint=EXTRA)


def write_map(scene: Scene, folder: Path, *more: Markup, name: str = NAME) -> tuple[Path, Path]:
    """Draw a map into `folder`, which is made where it is missing; return picture and page.

    `more` are sections for the page. Raises `OutputError` where it cannot be written.
    """
    picture, leaf = folder / f"{name}.png", folder / f"{name}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(picture, png(scene))
        write_whole(leaf, page(scene, *more, picture=picture.name).encode())
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise OutputError(folder, problem, hint="name a folder you may write to") from None
    return picture, leaf


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is whole whenever it can be seen, and else leave nothing beside it.

    Raises `OSError`.
    """
    # Not `with_name`: a path such as `.` has no name, and is refused by the system.
    draft = path.parent / f".{path.name}.draft"
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
