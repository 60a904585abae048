"""Grants: a payload's key, sealed to one recipient and bound to what it opens (section 6)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from visdm.domain.documents import expect, parse
from visdm.errors import InputError, VaultError

MAX_GRANTS = 256
"""Recipients of a package: its owner, and every provider that may ever compute on it."""

MAX_RECIPIENT = 128
"""Characters of a public key; one of age's has 62."""

MAX_SEALED = 2048
"""Bytes of a sealed grant; with age's keys and our CIDs it has about 600."""

MAX_BUNDLE = 1 << 20
"""Bytes of a bundle. Strangers write them, so what reading one costs is bounded here."""


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
            _bound("bytes", len(document), MAX_SEALED)
            fields = expect(parse(document), dict)
            grant = cls(**{name: expect(fields[name], str) for name in cls.__dataclass_fields__})
        except (ValueError, KeyError, TypeError):
            raise VaultError(f"the grant of {package} is not a grant") from None
        if grant.package != package:
            raise VaultError(f"the grant of {package} was made for another package")
        if grant.recipient != recipient:
            raise VaultError(f"the grant of {package} was made for another recipient")
        return grant


def bundle(sealed: dict[str, bytes]) -> bytes:
    """Write sealed grants, by recipient, as the one document that an asset points to.

    Raises `InputError` for more of them, or longer ones, than are read again.
    """
    try:
        document = json.dumps(
            {_recipient(who): _sealed(grant).hex() for who, grant in sealed.items()},
            sort_keys=True,
        ).encode()
        _bound("recipients", len(sealed), MAX_GRANTS)
        _bound("bytes", len(document), MAX_BUNDLE)
    except ValueError as error:
        raise InputError(
            f"grants cannot be written: {error}", hint="grant the package to fewer recipients"
        ) from None
    return document


def unbundle(document: bytes, *, package: str) -> dict[str, bytes]:
    """Read a bundle; raise `VaultError` where it is not one, or larger than any of ours."""
    try:
        _bound("bytes", len(document), MAX_BUNDLE)
        grants = expect(parse(document), dict)
        _bound("recipients", len(grants), MAX_GRANTS)
        return {_recipient(who): _sealed(_unhex(grant)) for who, grant in grants.items()}
    except (ValueError, TypeError):
        raise VaultError(f"the grants of {package} cannot be read") from None


def _recipient(who: str) -> str:
    _bound("characters of a recipient", len(who), MAX_RECIPIENT)
    return who


def _sealed(grant: bytes) -> bytes:
    _bound("bytes of a grant", len(grant), MAX_SEALED)
    return grant


def _unhex(grant: object) -> bytes:
    digits = expect(grant, str)
    read = bytes.fromhex(digits)
    # Capitals and blanks between bytes would be second ways of writing the same.
    if read.hex() != digits:
        raise ValueError("not in the one form that hex has here")
    return read


def _bound(what: str, number: int, most: int) -> None:
    if number > most:
        raise ValueError(f"{number} {what}, at most {most}")
