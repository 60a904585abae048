"""Decryption of what is drawn from a source, with the digest of the plaintext in the same pass."""

from __future__ import annotations

import hashlib
from typing import IO, TYPE_CHECKING, Any

import pyrage  # type: ignore[import-untyped]  # pyrage ships no types

from visdm.adapters.vault.files import write_all
from visdm.adapters.vault.passage import Halt, Passage, beside
from visdm.errors import VaultError

if TYPE_CHECKING:
    from visdm.ports import Reader

CLOSED = (pyrage.DecryptError, OSError, RuntimeError, ValueError)
"""What pyrage raises on files that it cannot open, or that end or change midway."""
_DRAUGHT = 1 << 18
"""Bytes to ask of a source at a time."""
_GATHERED = 1 << 6
"""How many of pyrage's 8 KiB to hash and write at once."""


def unlock(source: Reader, file: IO[bytes], identity: Any, name: str) -> str:  # noqa: ANN401
    """Decrypt `source` to its end into `file`; return the SHA-256 of the plaintext in hex.

    Raises what the source raised, `OSError` of the file, and `VaultError` that names `name`.
    """
    drawn, plain = _Drawn(source), _Plain(file)
    with beside(plain.hash, plain.passage):
        problem = ""
        try:
            pyrage.decrypt_io(drawn, plain, [identity])
            plain.finish()
            if not drawn.ended():
                problem = "goes on after its end"
        except (Halt, *CLOSED):
            problem = "is damaged or does not open with this key"
    drawn.require_readable(name)
    if plain.failure:
        raise plain.failure
    if problem:
        hint = "fetch it again; if it stays so, the key is of another payload"
        raise VaultError(f"the ciphertext of {name} {problem}", hint=hint)
    return plain.digest.hexdigest()


class _Drawn:
    """The source, as pyrage reads it: 8 KiB at a time."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self._piece = b""
        self._at = 0
        self._failure: BaseException | None = None

    def read(self, size: int) -> bytes:
        start = self._at
        if start >= len(self._piece):
            self._piece, start = self._draw(), 0
        self._at = start + size
        return self._piece[start : self._at]

    def ended(self) -> bool:
        """Say whether all was read that the source has."""
        return self._at >= len(self._piece) and not self._draw()

    def require_readable(self, name: str) -> None:
        """Raise what the source raised, if it did."""
        if isinstance(self._failure, OSError):
            problem = f"the ciphertext of {name} cannot be read ({self._failure.strerror})"
            raise VaultError(problem, hint="check where it is kept") from None
        if self._failure:
            raise self._failure

    def _draw(self) -> bytes:
        if self._failure:
            raise Halt
        try:
            return self._source.read(_DRAUGHT)
        except BaseException as error:  # noqa: BLE001 - raised again after pyrage let go
            self._failure = error
            raise Halt from None


class _Plain:
    """The plaintext, as pyrage writes it: gathered, written, and hashed in another thread."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.passage = Passage()
        self._gathered: list[bytes] = []
        self.failure: OSError | None = None

    def hash(self) -> None:
        """Hash what passes, while pyrage keeps another processor busy: a third of its work."""
        while piece := self.passage.take():
            self.digest.update(piece)

    def write(self, plain: bytes) -> int:
        self._gathered.append(plain)
        if len(self._gathered) >= _GATHERED:
            self.finish()
        return len(plain)

    def finish(self) -> None:
        """Write what was gathered."""
        if self.failure:
            raise Halt
        if not self._gathered:
            return
        content = b"".join(self._gathered)
        self._gathered.clear()
        self.passage.give(content)
        try:
            write_all(self._file, content)
        except OSError as error:
            self.failure = error
            raise Halt from None
