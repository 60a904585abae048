"""Age identities: this account's, in a file of its own, and those that open one payload."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyrage  # type: ignore[import-untyped]  # pyrage ships no types

from visdm.adapters.vault.files import sync, temporary, write_all
from visdm.errors import VaultError

if TYPE_CHECKING:
    from pathlib import Path

_MARK = "AGE-SECRET-KEY-"
_MAX_IDENTITY = 1 << 16
_OTHERS = 0o077


def parse(text: str, problem: str) -> Any:  # noqa: ANN401 - pyrage ships no types
    """Return the identity written in `text`. Raises `VaultError` that says `problem`."""
    try:
        return pyrage.x25519.Identity.from_str(text)
    except (pyrage.IdentityError, ValueError):
        # Not chained: what was parsed is a secret or close to one.
        raise VaultError(problem, hint=f"an age key starts with {_MARK}") from None


def read(path: Path) -> Any:  # noqa: ANN401 - pyrage ships no types
    """Read what `age-keygen` writes. Raises `VaultError`, also when others can read it."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_mode & _OTHERS or not stat.S_ISREG(found.st_mode):
                raise VaultError(f"{path} can be read by others", hint=f"chmod 600 {path}")
            if found.st_uid != os.geteuid():
                raise VaultError(f"{path} belongs to another user", hint="use a file of your own")
            text = file.read(_MAX_IDENTITY).decode("ascii", "replace")
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror})"
        raise VaultError(problem, hint="create the account first") from None
    keys = [line.strip() for line in text.splitlines() if line.startswith(_MARK)]
    if len(keys) != 1:
        hint = "restore it from a copy; what was encrypted to it opens with nothing else"
        raise VaultError(f"{path} does not hold one age identity", hint=hint)
    return parse(keys[0], f"{path} does not hold an age identity")


def create(path: Path) -> None:
    """Write a new identity; where another process was first, leave its file alone."""
    identity = pyrage.x25519.Identity.generate()
    lines = f"# public key: {identity.to_public()}\n{identity}\n"
    with temporary(path) as (file, name):
        write_all(file, lines.encode())
        sync(file, path)
        with suppress(FileExistsError):
            # A link, unlike a rename, never replaces an identity that somebody relies on.
            path.hardlink_to(name)
