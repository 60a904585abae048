"""A vault without cryptography that still needs the right key for everything."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from visdm.errors import OutputError, VaultError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.ports import Bytes, Reader, Writer

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

    @contextmanager
    def encrypting(self, sink: Writer) -> Iterator[MemorySealing]:
        sealing = MemorySealing(sink)
        yield sealing
        sealing.finish()

    def decrypt(self, source: Reader, target: Path, key: str) -> str:
        if not key.startswith(_KEY):
            raise VaultError(f"the key of {target.name} is not a key")
        try:
            locked = b"".join(iter(lambda: source.read(1 << 16), b""))
        except OSError as error:
            raise VaultError(
                f"the ciphertext of {target.name} cannot be read ({error.strerror})"
            ) from None
        plain = _unlocked(locked, key, f"the ciphertext of {target.name}")
        try:
            target.write_bytes(plain)
        except OSError as error:
            raise OutputError(target, f"cannot be written ({error.strerror})") from None
        return hashlib.sha256(plain).hexdigest()

    def seal(self, document: bytes, recipient: str) -> bytes:
        if not recipient.startswith(_PUBLIC):
            raise VaultError(f"{recipient[:80]!r} is not an encryption key")
        return _locked(document, recipient)

    def unseal(self, sealed: bytes) -> bytes:
        return _unlocked(sealed, self.recipient, "a document")


class MemorySealing:
    """Locks what is poured in, and passes it on at once; the tag comes last."""

    def __init__(self, sink: Writer) -> None:
        self.key = _KEY + secrets.token_hex(16)
        self._sink = sink
        self._tag = hashlib.sha256(self.key.encode() + b"\n")
        self._failure: BaseException | None = None
        self._pass_on(_MAGIC)

    def write(self, content: Bytes) -> int:
        plain = bytes(content)
        self._pass_on(plain.translate(_INVERTED))
        self._tag.update(plain)
        return len(plain)

    def finish(self) -> None:
        self._pass_on(self._tag.digest())

    def _pass_on(self, locked: bytes) -> None:
        if self._failure:
            raise self._failure
        try:
            self._sink.write(locked)
        except BaseException as error:
            self._failure = error
            raise


def _tag(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + content).digest()


def _locked(content: bytes, key: str) -> bytes:
    return _MAGIC + content.translate(_INVERTED) + _tag(key, content)


def _unlocked(locked: bytes, key: str, what: str) -> bytes:
    start, end = len(_MAGIC), len(locked) - _DIGEST
    content = locked[start : max(start, end)].translate(_INVERTED)
    if locked != _locked(content, key):
        raise VaultError(f"{what} is damaged or does not open with this key")
    return content
