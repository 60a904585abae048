"""Grants: a payload's key, sealed to one recipient and bound to what it opens (section 6)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from visdm.domain.documents import parse
from visdm.errors import VaultError


@dataclass(frozen=True, repr=False)
class Grant:
    """What a recipient learns: `key` opens `package` (a CID), whose plaintext has `digest`.

    `recipient` is the public key that it was made for, `giver` the account that made it: a grant
    that was copied to another package or handed to another recipient does not fit, and a
    provider describes an asset only for its giver. Whoever registers a stranger's package
    cannot make a grant of it, since that takes the key.
    """

    package: str
    recipient: str
    giver: str
    digest: str
    key: str

    def to_bytes(self) -> bytes:
        """Return the document to seal."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, document: bytes, *, package: str, recipient: str) -> Grant:
        """Read an opened grant; raise `VaultError` unless it is for this package and reader."""
        try:
            fields = parse(document)
            grant = cls(**{name: str(fields[name]) for name in cls.__dataclass_fields__})
        except (ValueError, KeyError, TypeError):
            raise VaultError(f"the grant of {package} is not a grant") from None
        if grant.package != package:
            raise VaultError(f"the grant of {package} was made for another package")
        if grant.recipient != recipient:
            raise VaultError(f"the grant of {package} was made for another recipient")
        return grant


def bundle(sealed: dict[str, bytes]) -> bytes:
    """Write sealed grants, by recipient, as the one document that an asset points to."""
    return json.dumps({who: grant.hex() for who, grant in sealed.items()}, sort_keys=True).encode()


def unbundle(document: bytes, *, package: str) -> dict[str, bytes]:
    """Read a bundle; raise `VaultError` where it is not one."""
    try:
        return {str(who): bytes.fromhex(grant) for who, grant in parse(document).items()}
    except (ValueError, AttributeError, TypeError):
        raise VaultError(f"the grants of {package} cannot be read") from None
