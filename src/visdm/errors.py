"""Every error that ViSDM raises on purpose, on one page.

    VisdmError
    ├── UserError                     exit code 1: the user can mend it
    │   ├── InputError                what was handed in cannot be used
    │   │   ├── FolderError           a folder is missing, empty or not laid out as needed
    │   │   ├── ImageError            one or more images cannot be used
    │   │   ├── DuplicateError        the same images are offered twice
    │   │   ├── ModelError            a model package cannot be used
    │   │   └── TermsError            a round's terms contradict themselves
    │   ├── UnknownError              a name or number stands for nothing on this market
    │   ├── KeyFileError              an account's key files cannot be made or opened
    │   ├── OutputError               the place to write to cannot be written
    │   └── RefusedError              the contracts refused a transaction
    └── WorldError                    exit code 3: the world is at fault
        ├── BlobError                 a blob is missing, or is not what its CID says
        ├── VaultError                something could not be decrypted by this account
        │   └── NotGrantedError       it was granted to others, not to this account's key
        ├── ChainError                the chain cannot be reached or read
        ├── SandboxError              no sandbox can be had here
        └── JobError                  a computation ended without a result

Each carries a `hint`: what to do about it, in one line. Messages name the thing at
fault; they never hold a secret, a key or image content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BlobError",
    "ChainError",
    "DuplicateError",
    "FolderError",
    "ImageError",
    "InputError",
    "JobError",
    "KeyFileError",
    "ModelError",
    "NotGrantedError",
    "OutputError",
    "RefusedError",
    "SandboxError",
    "TermsError",
    "UnknownError",
    "UserError",
    "VaultError",
    "VisdmError",
    "WorldError",
]

NAMED_IMAGES = 5
"""Bad images that a message names; the error's `bad` holds them all."""


class VisdmError(Exception):
    """Base of all; `message` is one line, `hint` says what to do about it."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UserError(VisdmError):
    """Something the user can mend."""

    exit_code = 1


class InputError(UserError):
    """What was handed in cannot be used."""


class FolderError(InputError):
    """A folder is missing, empty or not laid out as needed."""

    def __init__(self, path: object, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{path}: {problem}", hint=hint)
        self.path = str(path)
        self.problem = problem


class ImageError(InputError):
    """One or more images cannot be used; `bad` names each with its problem."""

    def __init__(self, bad: Sequence[tuple[str, str]], *, hint: str = "") -> None:
        named = "; ".join(f"{path}: {problem}" for path, problem in bad[:NAMED_IMAGES])
        rest = len(bad) - NAMED_IMAGES
        more = f" (and {rest} more)" if rest > 0 else ""
        super().__init__(named + more, hint=hint)
        self.bad = tuple(bad)


class DuplicateError(InputError):
    """The same images are offered twice."""

    def __init__(self, first: str, second: str, *, hint: str = "") -> None:
        super().__init__(f"{second} holds the same images as {first}", hint=hint)
        self.first = first
        self.second = second


class ModelError(InputError):
    """A model package cannot be used."""


class TermsError(InputError):
    """A round's terms contradict themselves."""


class UnknownError(UserError):
    """A name or number stands for nothing on this market."""

    def __init__(self, kind: str, name: object, *, hint: str = "") -> None:
        super().__init__(f"unknown {kind}: {name}", hint=hint)
        self.kind = kind
        self.name = str(name)


class KeyFileError(UserError):
    """An account's key files cannot be made or opened."""


class OutputError(UserError):
    """The place to write to cannot be written."""

    def __init__(self, path: object, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{path}: {problem}", hint=hint)
        self.path = str(path)
        self.problem = problem


class RefusedError(UserError):
    """The contracts refused a transaction; `reason` is the custom error with its values."""

    def __init__(self, operation: str, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{operation} was refused: {reason}", hint=hint)
        self.operation = operation
        self.reason = reason


class WorldError(VisdmError):
    """Something outside the user's reach went wrong."""


class BlobError(WorldError):
    """A blob is missing, or is not what its CID says."""

    def __init__(self, cid: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{cid}: {problem}", hint=hint)
        self.cid = cid
        self.problem = problem


class VaultError(WorldError):
    """Something could not be decrypted by this account."""


class NotGrantedError(VaultError):
    """A package was granted to others, and not to the key that this account has now."""

    def __init__(self, package: str) -> None:
        hint = "ask its owner to grant it to your published key: visdm asset grant"
        super().__init__(f"{package} was not granted to this account", hint=hint)
        self.package = package


class ChainError(WorldError):
    """The chain cannot be reached or read."""


class SandboxError(WorldError):
    """No sandbox can be had here."""


class JobError(WorldError):
    """A computation ended without a result; `reason` is fit to be made public."""

    def __init__(self, reason: str, *, hint: str = "") -> None:
        super().__init__(f"the computation ended without a result: {reason}", hint=hint)
        self.reason = reason
