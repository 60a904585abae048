"""Parcels: a package on its way, encrypted, stored and granted; and the way back.

Both owners and providers send and open parcels, so this stands beside the roles. A payload has
a key of its own; each recipient gets that key in a grant. The package's CID never changes when
recipients do.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from visdm.domain.assets import State
from visdm.domain.grants import MAX_BUNDLE, Grant, bundle, unbundle
from visdm.errors import BlobError, UnknownError, VaultError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.ports import BlobStore, Chain, Vault


@dataclass(frozen=True)
class Parcel:
    """What was stored: the CID of the ciphertext and of the bundle of its grants."""

    package: str
    grants: str


class Sender(Protocol):
    """A role, with what it takes to send a parcel."""

    @property
    def chain(self) -> Chain:
        """Its account's line to the chain."""
        ...

    @property
    def store(self) -> BlobStore:
        """Where ciphertext goes."""
        ...

    @property
    def vault(self) -> Vault:
        """Its account's encryption."""
        ...


def send(ports: Sender, plain: Path, digest: str, recipients: Sequence[str]) -> Parcel:
    """Encrypt `plain` beside itself, store it, and grant it to `recipients` (public keys)."""
    cipher = plain.with_name(plain.name + ".age")
    key = ports.vault.encrypt(plain, cipher)
    package, giver = ports.store.put(cipher), ports.chain.account
    sealed = {
        recipient: ports.vault.seal(
            Grant(package, recipient, giver, digest, key).to_bytes(), recipient
        )
        for recipient in recipients
    }
    return Parcel(package, ports.store.write(bundle(sealed)))


def grant_of(store: BlobStore, vault: Vault, parcel: Parcel) -> Grant:
    """Open this account's own grant. Raises `VaultError` when it has none that fits."""
    sealed = unbundle(store.read(parcel.grants, limit=MAX_BUNDLE), package=parcel.package)
    mine = sealed.get(vault.recipient)
    if mine is None:
        raise VaultError(
            f"{parcel.package} was not granted to this account",
            hint="ask its owner to grant it to your published key",
        )
    return Grant.from_bytes(vault.unseal(mine), package=parcel.package, recipient=vault.recipient)


def receive(store: BlobStore, vault: Vault, parcel: Parcel, target: Path) -> Grant:
    """Fetch and decrypt a parcel to `target`; its digest is for the caller to check."""
    grant = grant_of(store, vault, parcel)
    cipher = target.with_name(target.name + ".age")
    store.get(parcel.package, cipher)
    vault.decrypt(cipher, target, grant.key)
    return grant


def parcel_of(asset: Asset) -> Parcel:
    """Return where an asset's bytes are."""
    return Parcel(asset.package, asset.grants)


def already_sent(
    ports: Sender, assets: Sequence[Asset], digest: str, provider: int
) -> Asset | None:
    """Return which of this account's `assets` with `provider` holds the plaintext `digest`.

    The chain knows ciphertext only, but an owner can open its own grants: so a registration
    that was cut off after its transaction is found again, and not made twice. What was refused
    or retired does not count, nor what cannot be opened: anybody may hand over a junk asset.
    """
    for asset in assets:
        live = asset.state in (State.REGISTERED, State.DESCRIBED) and asset.provider == provider
        with suppress(VaultError, BlobError):
            if live and grant_of(ports.store, ports.vault, parcel_of(asset)).digest == digest:
                return asset
    return None


def recipient_of(chain: Chain, provider: int) -> str:
    """Return the encryption key of an announced provider. Raises `UnknownError`."""
    for known in chain.providers():
        if known.index == provider:
            recipient = chain.recipient(known.account)
            if recipient:
                return recipient
            raise UnknownError("key of provider", provider, hint="it must publish one first")
    raise UnknownError("provider", provider, hint="ask it for the index it was announced under")
