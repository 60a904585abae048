"""The owner's image files: names fit to be shown, bytes read within limits, links kept inside."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from visdm.adapters.packages.images import MAX_IMAGE_BYTES, too_large
from visdm.errors import FolderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IRREGULAR = "is not a regular file"
MISSING = "does not exist"
_HIDDEN = ("thumbs.db", "desktop.ini")


def shown(name: str) -> str:
    """Return a file's name fit for one line on a terminal, whatever bytes it is made of."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what lies directly in a folder, in any order, hidden files left out.

    Raises `FolderError` when the folder cannot be listed.
    """
    try:
        with os.scandir(folder) as found:
            yield from (entry for entry in found if not _is_hidden(entry.name))
    except FileNotFoundError:
        raise FolderError(folder, MISSING, hint="check the path") from None
    except NotADirectoryError:
        raise FolderError(folder, "is not a folder", hint="name the folder") from None
    except OSError as error:
        raise FolderError(folder, f"cannot be listed ({error.strerror})") from error


def leads_out(root: Path, path: Path) -> bool:
    """Whether `path`, all links followed, lies outside `root`, itself free of links.

    Raises `OSError` or `RuntimeError` for a link that leads nowhere or in a circle.
    """
    return not path.resolve(strict=True).is_relative_to(root)


def read(path: Path) -> tuple[bytes, str]:
    """Return (bytes, '') of an image file, or (b'', problem). No pipe is waited for."""
    try:
        with open(path, "rb", opener=_unblocked) as file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode):
                return b"", IRREGULAR
            if seen.st_size > MAX_IMAGE_BYTES:
                return b"", too_large(seen.st_size)
            return file.read(MAX_IMAGE_BYTES + 1), ""
    except FileNotFoundError:
        return b"", MISSING
    except IsADirectoryError:
        return b"", IRREGULAR
    except OSError as error:
        return b"", f"cannot be read ({error.strerror})"


def _unblocked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _HIDDEN
