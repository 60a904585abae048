"""The accounts of one's own that a command may act for."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from visdm.errors import KeyFileError, UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.adapters.keys import KeyFolder, OpenedAccount


class OwnAccounts:
    """The accounts in a folder of keys; each is opened once, with the password that `ask` gives."""

    def __init__(self, keys: KeyFolder, ask: Callable[[str], str]) -> None:
        self._keys = keys
        self._ask = ask
        self._opened: dict[str, OpenedAccount] = {}

    def names(self) -> list[str]:
        """Return their names."""
        return self._keys.names()

    def address(self, name: str) -> str:
        """Return an account's address, for which no password is needed."""
        return self._keys.show(name).address

    def known(self) -> dict[str, str]:
        """Return names by address; an account whose files cannot be read has none."""
        found = {}
        for name in self.names():
            with suppress(KeyFileError, UnknownError):
                found[self.address(name)] = name
        return found

    def opened(self, name: str) -> OpenedAccount:
        """Return an account with its secrets. Raises `KeyFileError`."""
        if name not in self._opened:
            self._opened[name] = self._keys.open(name, self._ask(name))
        return self._opened[name]
