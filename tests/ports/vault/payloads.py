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


def refuse(vault: Vault, cipher: Path, key: str) -> VaultError:
    """Check that decrypting fails and leaves nothing; return the error."""
    before = sorted(cipher.parent.iterdir())
    with pytest.raises(VaultError) as caught:
        vault.decrypt(cipher, cipher.parent / "opened", key)
    assert sorted(cipher.parent.iterdir()) == before
    return caught.value
