"""Encryption for one account: `visdm.ports.Vault` with age through pyrage (DESIGN section 6).

Covered: whoever lacks the key learns the length of a file and nothing else; a changed,
shortened, extended or swapped file fails before anything stands under the target's name.
Not covered: who encrypted (age has no sender), a machine whose administrator is hostile,
and copies of the identity that the account's owner made.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyrage  # type: ignore[import-untyped]  # pyrage ships no types

from visdm.errors import OutputError, VaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = "AGE-SECRET-KEY-"
_MAX_IDENTITY = 1 << 16
_OTHERS = 0o077
_SYSTEM = "(os error "
_CLOSED = (pyrage.DecryptError, OSError, RuntimeError, ValueError)
"""What pyrage raises on files that it cannot open, or that end or change midway."""


class AgeVault:
    """The vault of the account whose age identity is in `identity_file`.

    The file is what `age-keygen` writes, so `age` itself opens everything made here.
    Raises `VaultError` where it is missing, broken or readable by other users.
    """

    def __init__(self, identity_file: Path) -> None:
        self._identity = _read_identity(identity_file)
        self._recipient = str(self._identity.to_public())

    @classmethod
    def create(cls, identity_file: Path) -> AgeVault:
        """Open the vault, with a new identity where there is none yet.

        An existing file is never written to. Raises `VaultError` or `OutputError`.
        """
        if not identity_file.exists():
            _write_identity(identity_file)
        return cls(identity_file)

    def __repr__(self) -> str:
        return f"AgeVault(recipient={self._recipient!r})"

    @property
    def recipient(self) -> str:
        """This account's public encryption key, fit to be published."""
        return self._recipient

    def encrypt(self, source: Path, target: Path) -> str:
        """Encrypt to a fresh key and return that key, a secret.

        Raises `VaultError` when `source` cannot be read, `OutputError` for the target.
        """
        identity = pyrage.x25519.Identity.generate()
        _require_readable(source)
        with _whole(target) as temporary:
            try:
                pyrage.encrypt_file(str(source), str(temporary), [identity.to_public()])
            except (pyrage.EncryptError, *_CLOSED):
                raise _cut_short(target) from None
        return str(identity)

    def decrypt(self, source: Path, target: Path, key: str) -> None:
        """Undo `encrypt`.

        Raises `VaultError` when it does not open, naming the file without its folders, and
        `OutputError` when this machine fails; nothing is then left at `target`.
        """
        identity = _identity(key, f"the key of {source.name} is not a key")
        _require_readable(source)
        with _whole(target) as temporary:
            try:
                pyrage.decrypt_file(str(source), str(temporary), [identity])
            except _CLOSED as error:
                # pyrage gives a full disk as `OSError` too; only the system's text has a number.
                if isinstance(error, OSError) and _SYSTEM in str(error):
                    raise _cut_short(target) from None
                hint = "fetch it again; if it stays so, the key is of another payload"
                problem = f"{source.name} is damaged or does not open with this key"
                raise VaultError(problem, hint=hint) from None

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
        except _CLOSED:
            problem = f"a document is damaged or was not sealed to {self._recipient}"
            raise VaultError(problem, hint="ask its maker to seal it to this account") from None


def _identity(text: str, problem: str) -> Any:  # noqa: ANN401 - pyrage ships no types
    try:
        return pyrage.x25519.Identity.from_str(text)
    except (pyrage.IdentityError, ValueError):
        # Not chained: what was parsed is a secret or close to one.
        raise VaultError(problem, hint=f"an age key starts with {_MARK}") from None


def _read_identity(path: Path) -> Any:  # noqa: ANN401 - pyrage ships no types
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_mode & _OTHERS or not stat.S_ISREG(found.st_mode):
                raise VaultError(f"{path} can be read by others", hint=f"chmod 600 {path}")
            if found.st_uid != os.geteuid():
                raise VaultError(f"{path} belongs to another user", hint="use a file of your own")
            text = file.read(_MAX_IDENTITY).decode("ascii", "replace")
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror})"
        raise VaultError(problem, hint="create the account first") from None
    keys = [line.strip() for line in text.splitlines() if line.startswith(_MARK)]
    if len(keys) != 1:
        hint = "restore it from a copy; what was encrypted to it opens with nothing else"
        raise VaultError(f"{path} does not hold one age identity", hint=hint)
    return _identity(keys[0], f"{path} does not hold an age identity")


def _write_identity(path: Path) -> None:
    """Write a new identity; where another process was first, leave its file alone."""
    identity = pyrage.x25519.Identity.generate()
    lines = f"# public key: {identity.to_public()}\n{identity}\n"
    with _temporary(path) as temporary:
        temporary.write_text(lines, "ascii")
        _sync(temporary)
        with suppress(FileExistsError):
            # A link, unlike a rename, never replaces an identity that somebody relies on.
            path.hardlink_to(temporary)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Yield a name to write to, which becomes `target` when the block ends well."""
    with _temporary(target) as temporary:
        yield temporary
        _sync(temporary)
        temporary.replace(target)


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """Yield a new file beside `target` that only this account can read; remove it at the end."""
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".visdm-", suffix=".part")
        os.close(descriptor)
    except OSError as error:
        raise _unwritable(target, error) from None
    temporary = Path(name)
    try:
        yield temporary
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(target: Path, error: OSError) -> OutputError:
    problem = f"cannot be written ({error.strerror or 'input or output failed'})"
    return OutputError(target, problem, hint="name a file in a folder that you may write to")


def _cut_short(target: Path) -> OutputError:
    hint = "check the disk's free space and try again"
    return OutputError(target, "could not be written whole", hint=hint)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _require_readable(source: Path) -> None:
    try:
        source.open("rb").close()
    except OSError as error:
        problem = f"{source.name} cannot be read ({error.strerror})"
        raise VaultError(problem, hint="check the path") from None
