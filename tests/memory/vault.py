"""A vault without cryptography that still needs the right key for everything."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from visdm.errors import OutputError, VaultError

if TYPE_CHECKING:
    from pathlib import Path

_PUBLIC = "memory-recipient-"
_KEY = "memory-key-"
_MAGIC = b"memory-vault\n"
_DIGEST = 32
_INVERTED = bytes(255 - byte for byte in range(256))
"""So that a search for plaintext in what was locked finds nothing."""


class MemoryVault:
    """A `Vault` for the account called `name`; two of the same name are the same account."""

    def __init__(self, name: str = "") -> None:
        self._name = name or secrets.token_hex(8)

    def __repr__(self) -> str:
        return f"MemoryVault(recipient={self.recipient!r})"

    @property
    def recipient(self) -> str:
        return _PUBLIC + self._name

    def encrypt(self, source: Path, target: Path) -> str:
        key = _KEY + secrets.token_hex(16)
        _write(target, _locked(_read(source), key))
        return key

    def decrypt(self, source: Path, target: Path, key: str) -> None:
        if not key.startswith(_KEY):
            raise VaultError(f"the key of {source.name} is not a key")
        _write(target, _unlocked(_read(source), key, source.name))

    def seal(self, document: bytes, recipient: str) -> bytes:
        if not recipient.startswith(_PUBLIC):
            raise VaultError(f"{recipient[:80]!r} is not an encryption key")
        return _locked(document, recipient)

    def unseal(self, sealed: bytes) -> bytes:
        return _unlocked(sealed, self.recipient, "a document")


def _tag(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + content).digest()


def _locked(content: bytes, key: str) -> bytes:
    return _MAGIC + _tag(key, content) + content.translate(_INVERTED)


def _unlocked(locked: bytes, key: str, what: str) -> bytes:
    start = len(_MAGIC) + _DIGEST
    content = locked[start:].translate(_INVERTED)
    if locked[:start] != _MAGIC + _tag(key, content):
        raise VaultError(f"{what} is damaged or does not open with this key")
    return content


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise VaultError(f"{source.name} cannot be read ({error.strerror})") from None


def _write(target: Path, content: bytes) -> None:
    try:
        target.write_bytes(content)
    except OSError as error:
        raise OutputError(target, f"cannot be written ({error.strerror})") from None
