"""Files that appear only when they are whole."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

PREFIX = ".visdm-"
SUFFIX = ".part"


@contextmanager
def whole_file(target: Path, beside: Path) -> Iterator[BinaryIO]:
    """Yield a file in the folder `beside` that becomes `target` when all went well.

    `beside` must be on the file system of `target`. After any failure `target` is as it
    was and the temporary file is gone. Raises `OSError`.
    """
    handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX, dir=beside)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` outlive a power cut. Raises `OSError`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def why(error: OSError) -> str:
    """Say in a few words what the system objected to."""
    return (error.strerror or type(error).__name__).lower()
