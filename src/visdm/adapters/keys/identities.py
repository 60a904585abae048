"""Age identities under a password, bound to an account's address.

The file is what `age --passphrase` makes of an identity file, so that `age --identity` takes it.
The address stands inside, where nobody without the password can change it.
"""

from __future__ import annotations

import re
from typing import Any

import pyrage  # type: ignore[import-untyped]  # pyrage ships no types

from visdm.errors import KeyFileError

_SECRET = re.compile(
    r"# account: (0x[0-9a-fA-F]{40})\n# public key: (age1\w+)\n(AGE-SECRET-KEY-1\w+)\n", re.ASCII
)
_PUBLIC = re.compile(r"# account: (0x[0-9a-fA-F]{40})\n(age1\w+)\n", re.ASCII)
_RESTORE = "restore it from a copy"
_CLOSED = (pyrage.DecryptError, pyrage.IdentityError, OSError, RuntimeError, ValueError)


def fresh() -> Any:  # noqa: ANN401 - pyrage ships no types
    """Return a new identity."""
    return pyrage.x25519.Identity.generate()


def sealed(identity: Any, address: str, password: str) -> bytes:  # noqa: ANN401 - as above
    """Encrypt an identity of the account at `address`. Takes a second."""
    lines = f"# account: {address}\n# public key: {identity.to_public()}\n{identity}\n"
    return bytes(pyrage.passphrase.encrypt(lines.encode(), password))


def opened(content: bytes, password: str, name: str) -> tuple[str, Any]:
    """Return the address that an identity is bound to, and the identity.

    `name` is what an error calls it. Raises `KeyFileError`.
    """
    try:
        written = _SECRET.fullmatch(pyrage.passphrase.decrypt(content, password).decode("ascii"))
        if written:
            return written[1], pyrage.x25519.Identity.from_str(written[3])
    except _CLOSED:
        pass  # not chained: what was parsed is a secret or close to one
    problem = f"{name} is damaged or has another password than its keystore"
    raise KeyFileError(problem, hint=_RESTORE)


def public(address: str, recipient: str) -> bytes:
    """Return the file that tells an account's recipient; `age --recipients-file` takes it."""
    return f"# account: {address}\n{recipient}\n".encode()


def parse_public(content: bytes, name: str) -> tuple[str, str]:
    """Return the address and the recipient that are in such a file. Raises `KeyFileError`."""
    written = _PUBLIC.fullmatch(content.decode("ascii", "replace"))
    if not written:
        raise KeyFileError(f"{name}.pub tells no recipient", hint=_RESTORE)
    return written[1], written[2]
