"""What was said of public tables, in a file that only this account can read."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


class FileVerdicts:
    """A line of JSON for each table. A line that cannot be read was never written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def known(self, keys: Collection[str]) -> dict[str, str]:
        """Return what was said under these keys."""
        found = {}
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return {}
        for line in lines:
            with suppress(ValueError, TypeError):  # JSON, or another shape
                key, problem = json.loads(line)
                if key in keys and isinstance(problem, str):
                    found[key] = problem
        return found

    def keep(self, said: Mapping[str, str]) -> None:
        """Add what was said. Where it cannot be written, the tables are looked through again."""
        lines = "".join(f"{json.dumps(list(each))}\n" for each in said.items())
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(f"\n{lines}".encode())  # after a line that was cut off, too
