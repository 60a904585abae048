"""Accounts' keys: a folder with an Ethereum keystore and an age identity for each account.

An account is the files `NAME.json` (Web3 Secret Storage v3, what wallets and geth read), `NAME.age`
(its age identity as an age file with a passphrase) and `NAME.pub` (its recipient, for anybody).
One password encrypts both secrets.

Covered: whoever lacks the password learns addresses and recipients only, at the price of scrypt for
each guess. Files that others can read are refused, and so are damaged ones, an identity beside
another account's keystore, and a recipient that is not the identity's. Nothing is overwritten,
and a process that was killed leaves all of an account or nothing of it.
Not covered: a weak password, a machine whose administrator is hostile or whose memory is read,
copies of the files made before a password was changed, and two whole accounts of one password
that swap their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eth_account import Account

from visdm.adapters.keys import identities, keystores
from visdm.adapters.keys.files import FolderLock, make_private, read_secret
from visdm.errors import InputError, KeyFileError, UnknownError

if TYPE_CHECKING:
    from pathlib import Path

    from eth_account.signers.local import LocalAccount

__all__ = ["KeyFolder", "OpenedAccount", "PublicAccount", "read_secret"]

SHORTEST = 8
"""Characters of a new password."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""One case only: some file systems take `Ann` and `ann` for the same."""


@dataclass(frozen=True)
class PublicAccount:
    """What anybody may know of an account."""

    name: str
    address: str
    recipient: str


@dataclass(frozen=True)
class OpenedAccount:
    """An account with its secrets, which its `repr` leaves out."""

    public: PublicAccount
    key: LocalAccount = field(repr=False)
    identity: Any = field(repr=False)
    """The age identity, as pyrage's."""


class KeyFolder:
    """The accounts in `folder`, which is made by the first one, for this user alone.

    `work` is scrypt's cost N for keystores; the default is geth's, and takes a second or two and
    256 MiB. Methods raise `KeyFileError`, and `UnknownError` for a name without an account.
    """

    def __init__(self, folder: Path, *, work: int = 1 << 18) -> None:
        self._folder = folder
        self._work = work

    def __repr__(self) -> str:
        return f"KeyFolder({str(self._folder)!r})"

    def names(self) -> list[str]:
        """Return the names of all accounts, sorted."""
        found = (path.stem for path in self._folder.glob("*.json"))
        return sorted(name for name in found if _NAME.fullmatch(name))

    def show(self, name: str) -> PublicAccount:
        """Return what is public of an account, as its files say: only `open` checks them."""
        self._require_known(name)
        with FolderLock(self._folder) as files:
            address = keystores.address_in(files.read(f"{name}.json"), f"{name}.json")
            owner, recipient = identities.parse_public(files.read_public(f"{name}.pub"), name)
        if owner != address:
            raise _swapped(f"{name}.pub", owner)
        return PublicAccount(name, address, recipient)

    def create(self, name: str, password: str) -> PublicAccount:
        """Make an account with new keys. Raises `InputError` for an unfit name or password."""
        self._require_new(name, password)
        return self._add(name, password, Account.create())

    def import_keystore(self, path: Path, name: str, password: str) -> PublicAccount:
        """Make an account of another tool's keystore, under the same password.

        The keystore is encrypted anew, at this folder's cost, and the age identity is fresh.
        """
        self._require_new(name, password)
        return self._add(name, password, keystores.read_foreign(path, password))

    def open(self, name: str, password: str) -> OpenedAccount:
        """Decrypt an account's keys, and check that all its files belong together."""
        return self._open(name, password)[0]

    def change_password(self, name: str, old: str, new: str) -> None:
        """Encrypt an account's keys to another password, all of them or none."""
        require_password(new)
        opened, before = self._open(name, old)
        keystore = keystores.sealed(opened.key, new, self._work)
        identity = identities.sealed(opened.identity, opened.public.address, new)
        with FolderLock(self._folder) as files:
            if files.read(f"{name}.json") != before:
                raise KeyFileError(f"{name} was changed meanwhile", hint="try again")
            # The keystore decides which password counts: until it is replaced the new identity
            # is only a draft, and from then on `open` finds it under either name.
            files.replace(f"{name}.age.new", identity)
            files.replace(f"{name}.json", keystore)
            files.rename(f"{name}.age.new", f"{name}.age")

    def _open(self, name: str, password: str) -> tuple[OpenedAccount, bytes]:
        self._require_known(name)
        with FolderLock(self._folder) as files:
            keystore, sealed = files.read(f"{name}.json"), files.read(f"{name}.age")
            draft = files.read(f"{name}.age.new") if files.has(f"{name}.age.new") else b""
            public = files.read_public(f"{name}.pub")
        key = keystores.opened(keystore, password, f"{name}.json")
        try:
            owner, identity = identities.opened(sealed, password, f"{name}.age")
        except KeyFileError:
            if not draft:
                raise
            owner, identity = identities.opened(draft, password, f"{name}.age.new")
            self._finish_change(name, draft)
        account = PublicAccount(name, str(key.address), str(identity.to_public()))
        told, recipient = identities.parse_public(public, name)
        if owner != account.address:
            raise _swapped(f"{name}.age", owner)
        if (told, recipient) != (account.address, account.recipient):
            raise _swapped(f"{name}.pub", told)
        return OpenedAccount(account, key, identity), keystore

    def _finish_change(self, name: str, draft: bytes) -> None:
        """Do what a process that changed a password was killed before."""
        with FolderLock(self._folder) as files:
            if files.has(f"{name}.age.new") and files.read(f"{name}.age.new") == draft:
                files.rename(f"{name}.age.new", f"{name}.age")

    def _add(self, name: str, password: str, key: LocalAccount) -> PublicAccount:
        identity = identities.fresh()
        account = PublicAccount(name, str(key.address), str(identity.to_public()))
        keystore = keystores.sealed(key, password, self._work)
        sealed = identities.sealed(identity, account.address, password)
        make_private(self._folder)
        with FolderLock(self._folder) as files:
            self._require_free(name)
            # Without its keystore, which comes last, an account is none. Where an earlier process
            # was killed before that, or a keystore was lost, the rest is put aside, not erased.
            for rest in (f"{name}.age", f"{name}.age.new", f"{name}.pub"):
                files.put_aside(rest)
            files.write_new(f"{name}.age", sealed)
            files.write_new(f"{name}.pub", identities.public(account.address, account.recipient))
            files.write_new(f"{name}.json", keystore)
        return account

    def _require_new(self, name: str, password: str) -> None:
        if not _NAME.fullmatch(name):
            hint = "use 1 to 32 of a-z, 0-9, _ and -, a letter or digit first"
            raise InputError(f"{name!r} cannot be an account's name", hint=hint)
        require_password(password)
        if self._folder.exists():
            with FolderLock(self._folder):
                self._require_free(name)

    def _require_free(self, name: str) -> None:
        if (self._folder / f"{name}.json").exists():
            hint = "choose another name; accounts are never overwritten"
            raise KeyFileError(f"there is already an account {name}", hint=hint)

    def _require_known(self, name: str) -> None:
        known = self.names()
        if name not in known:
            hint = f"known here: {', '.join(known)}" if known else "make it: `visdm account create`"
            raise UnknownError("account", name, hint=hint)


def require_password(password: str) -> None:
    """Raise `InputError` for what is no good as a new password."""
    if len(password) < SHORTEST:
        hint = "a few random words are easy to remember and hard to guess"
        raise InputError(f"the password has fewer than {SHORTEST} characters", hint=hint)
    if not password.isprintable():
        hint = "leave out control characters; write it as UTF-8"
        raise InputError("the password cannot be typed everywhere", hint=hint)


def _swapped(file: str, owner: str) -> KeyFileError:
    hint = "restore the account's own file from a copy"
    return KeyFileError(f"{file} belongs to another account ({owner})", hint=hint)
