"""Parcels: a package on its way, encrypted, stored and granted; and the way back.

Both owners and providers send and open parcels, so this stands beside the roles. A payload has
a key of its own; each recipient gets that key in a grant. The package's CID never changes when
recipients do. Bytes pass once: what is built is encrypted and stored as it comes, and what is
fetched is decrypted as it comes.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from visdm.domain.grants import MAX_BUNDLE, Grant, bundle, unbundle
from visdm.errors import BlobError, NotGrantedError, RefusedError, UnknownError, VaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.ports import BlobStore, Chain, Vault, Writer


class Content(Protocol):
    """What was poured into a parcel: `digest` is the SHA-256 of its bytes, in hex."""

    @property
    def digest(self) -> str:
        """The SHA-256 of its bytes, in hex."""
        ...


Filled = TypeVar("Filled", bound=Content)


@dataclass(frozen=True)
class Parcel:
    """What was stored: the CID of the ciphertext and of the bundle of its grants."""

    package: str
    grants: str


@dataclass(frozen=True, repr=False)
class Payload:
    """A package that was stored and not granted yet; `key` opens it, a secret."""

    package: str
    digest: str
    key: str


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


def pack(ports: Sender, fill: Callable[[Writer], Filled]) -> tuple[Payload, Filled]:
    """Encrypt and store what `fill` writes, as it comes; return what it returned too.

    Raises what `fill` raises; nothing is kept then.
    """
    with ports.store.adding() as upload, ports.vault.encrypting(upload) as sealing:
        content = fill(sealing)
    return Payload(upload.cid, content.digest, sealing.key), content


def grant(ports: Sender, payload: Payload, recipients: Iterable[str]) -> Parcel:
    """Grant a payload to `recipients` (public keys), in a bundle of its own."""
    giver = ports.chain.account
    sealed = {
        recipient: ports.vault.seal(
            Grant(payload.package, recipient, giver, payload.digest, payload.key).to_bytes(),
            recipient,
        )
        for recipient in recipients
    }
    return Parcel(payload.package, ports.store.write(bundle(sealed)))


def grant_anew(ports: Sender, asset: Asset, recipients: Iterable[str]) -> None:
    """Grant an asset of this account's to itself, to `recipients` and to nobody else.

    The package stays; grants that are not in force any more are destroyed. Raises `VaultError`
    where this account has no grant of it.
    """
    mine = grant_of(ports.store, ports.vault, parcel_of(asset))
    payload = Payload(mine.package, mine.digest, mine.key)
    parcel = grant(ports, payload, (ports.vault.recipient, *recipients))
    with unless_refused(ports, parcel, package=False):
        ports.chain.grant(asset.asset, parcel.grants)
    (now,) = (each for each in ports.chain.assets() if each.asset == asset.asset)
    forget(ports, now, all_of_it=False)


@contextmanager
def unless_refused(ports: Sender, parcel: Parcel, *, package: bool = True) -> Iterator[None]:
    """Let a transaction announce a parcel; where it is refused, destroy what was stored for it."""
    try:
        yield
    except RefusedError:
        ports.store.drop(parcel.grants)
        if package:
            ports.store.drop(parcel.package)
        raise


def forget(ports: Sender, asset: Asset, *, all_of_it: bool) -> None:
    """Destroy what this account stored for an asset: grants that are not in force any more, or
    `all_of_it`, the package too.

    Anybody may register anybody's CIDs, and hand the asset over. So only what this account
    itself announced is destroyed, and nothing that an older asset, or another of its own,
    points to.
    """
    me = ports.chain.account
    doomed = [cid for cid, who in asset.announced if who == me]
    if all_of_it and asset.registrant == me:
        doomed.append(asset.package)
    needed = {
        cid
        for other in ports.chain.assets()
        if other.live and (other.asset < asset.asset or other.owner == me)
        for cid in (other.package, other.grants, other.metadata)
        if other.asset != asset.asset
    }
    if not all_of_it:
        needed.add(asset.grants)
    for cid in doomed:
        if cid not in needed:
            ports.store.drop(cid)


def grant_of(store: BlobStore, vault: Vault, parcel: Parcel) -> Grant:
    """Open this account's own grant.

    Raises `NotGrantedError` when it has none, `VaultError` when that does not fit.
    """
    sealed = unbundle(store.read(parcel.grants, limit=MAX_BUNDLE), package=parcel.package)
    mine = sealed.get(vault.recipient)
    if mine is None:
        raise NotGrantedError(parcel.package)
    return Grant.from_bytes(vault.unseal(mine), package=parcel.package, recipient=vault.recipient)


def receive(store: BlobStore, vault: Vault, parcel: Parcel, target: Path) -> Grant:
    """Fetch and decrypt a parcel to `target`, in a private folder.

    Raises `BlobError` and `VaultError`, also where it is not what its grant says.
    """
    found = grant_of(store, vault, parcel)
    if vault.decrypt(store.open(parcel.package), target, found.key) != found.digest:
        raise VaultError(
            f"{parcel.package} is not what its grant says", hint="its sender must send it again"
        )
    return found


def is_granted(store: BlobStore, parcel: Parcel, recipient: str) -> bool:
    """Whether a parcel's bundle has a grant for a key."""
    return recipient in unbundle(
        store.read(parcel.grants, limit=MAX_BUNDLE), package=parcel.package
    )


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
        # A grant says itself who made it: only the chain knows who registered an asset.
        mine = asset.live and asset.provider == provider and asset.registrant == ports.chain.account
        with suppress(VaultError, BlobError):
            if mine and grant_of(ports.store, ports.vault, parcel_of(asset)).digest == digest:
                return asset
    return None


def recipient_of(chain: Chain, provider: int) -> str:
    """Return the encryption key of an announced provider. Raises `UnknownError`."""
    for known in chain.providers():
        if known.index == provider:
            return key_of(chain, known.account, f"provider {provider}")
    raise UnknownError("provider", provider, hint="ask it for the index it was announced under")


def key_of(chain: Chain, account: str, name: str) -> str:
    """Return the encryption key that `account` published. Raises `UnknownError`."""
    recipient = chain.recipient(account)
    if not recipient:
        raise UnknownError("key of", name, hint="it must publish one first")
    return recipient
