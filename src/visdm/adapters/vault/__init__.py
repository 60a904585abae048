"""Encryption for one account: `visdm.ports.Vault` with age through pyrage (DESIGN section 6).

Covered: whoever lacks the key learns the length of a file and nothing else; a changed,
shortened, extended or swapped file fails before anything stands under the target's name.
Not covered: who encrypted (age has no sender), a machine whose administrator is hostile,
and copies of the identity that the account's owner made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyrage  # type: ignore[import-untyped]  # pyrage ships no types

from visdm.adapters.vault import identities
from visdm.adapters.vault.files import whole
from visdm.adapters.vault.opening import CLOSED, unlock
from visdm.adapters.vault.sealing import sealing
from visdm.errors import VaultError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from visdm.ports import Reader, Sealing, Writer


class AgeVault:
    """The vault of the account that holds `identity`: an opened one, as pyrage's."""

    def __init__(self, identity: Any) -> None:  # noqa: ANN401 - pyrage ships no types
        self._identity = identity
        self._recipient = str(identity.to_public())

    @classmethod
    def read(cls, identity_file: Path) -> AgeVault:
        """Open the vault whose identity is in `identity_file`.

        The file is what `age-keygen` writes, so `age` itself opens everything made here.
        Raises `VaultError` where it is missing, broken or readable by other users.
        """
        return cls(identities.read(identity_file))

    @classmethod
    def create(cls, identity_file: Path) -> AgeVault:
        """Open the vault, with a new identity where there is none yet.

        An existing file is never written to. Raises `VaultError` or `OutputError`.
        """
        if not identity_file.exists():
            identities.create(identity_file)
        return cls.read(identity_file)

    def __repr__(self) -> str:
        return f"AgeVault(recipient={self._recipient!r})"

    @property
    def recipient(self) -> str:
        """This account's public encryption key, fit to be published."""
        return self._recipient

    def encrypting(self, sink: Writer) -> AbstractContextManager[Sealing]:
        """Yield what encrypts to a fresh key, in a thread that alone writes to `sink`.

        Fastest in pieces of 256 to 512 KiB; holds 2 MiB at most. Raises what the sink raised.
        """
        return sealing(sink)

    def decrypt(self, source: Reader, target: Path, key: str) -> str:
        """Undo `encrypting`; return the SHA-256 of the plaintext in hex.

        Raises what the source raised, `VaultError` when it does not open, naming the target
        without its folders, and `OutputError` when this machine fails; `target` is then untouched.
        """
        identity = identities.parse(key, f"the key of {target.name} is not a key")
        with whole(target) as file:
            return unlock(source, file, identity, target.name)

    def seal(self, document: bytes, recipient: str) -> bytes:
        """Encrypt a small document to the holder of `recipient`. Raises `VaultError`."""
        try:
            holder = pyrage.x25519.Recipient.from_str(recipient)
            return bytes(pyrage.encrypt(document, [holder]))
        except (pyrage.RecipientError, pyrage.EncryptError, ValueError):
            problem = f"{recipient[:80]!r} is not an encryption key"
            raise VaultError(problem, hint="its account must publish an age recipient") from None

    def unseal(self, sealed: bytes) -> bytes:
        """Open what was sealed to this account. Raises `VaultError`."""
        try:
            return bytes(pyrage.decrypt(sealed, [self._identity]))
        except CLOSED:
            problem = f"a document is damaged or was not sealed to {self._recipient}"
            raise VaultError(problem, hint="ask its maker to seal it to this account") from None
