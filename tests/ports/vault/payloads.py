"""A payload of several chunks, and the check that its ciphertext is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from visdm.errors import VaultError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Vault

PLAIN = bytes(range(256)) * 600
"""Three chunks, the last one short."""


class NewVault(Protocol):
    """Makes the vault of another account."""

    def __call__(self, name: str) -> Vault: ...


def encrypt(vault: Vault, plain: Path, cipher: Path) -> str:
    """Encrypt a file into another; return the key."""
    with cipher.open("wb") as sink, vault.encrypting(sink) as sealing:
        sealing.write(plain.read_bytes())
        return sealing.key


def decrypt(vault: Vault, cipher: Path, target: Path, key: str) -> str:
    """Decrypt a file into another; return the digest."""
    with cipher.open("rb") as source:
        return vault.decrypt(source, target, key)


def refuse(vault: Vault, cipher: Path, key: str) -> VaultError:
    """Check that decrypting fails and leaves nothing; return the error."""
    before = sorted(cipher.parent.iterdir())
    with pytest.raises(VaultError) as caught:
        decrypt(vault, cipher, cipher.parent / "opened", key)
    assert sorted(cipher.parent.iterdir()) == before
    return caught.value
