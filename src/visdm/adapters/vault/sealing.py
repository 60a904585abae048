"""Encryption of what is poured in, piece by piece.

pyrage draws its plaintext and cannot be fed. So it works in a thread of its own, which draws from
a `Passage` what the account's thread pours in, and writes to the sink.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyrage  # type: ignore[import-untyped]  # pyrage ships no types

from visdm.adapters.vault.passage import PIECE, Halt, Passage, Piece, beside
from visdm.errors import VaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from visdm.ports import Bytes, Writer

_SMALL = 1 << 18
"""Bytes below which what is poured in is gathered first: handing over costs more than a copy."""


@contextmanager
def sealing(sink: Writer) -> Iterator[AgeSealing]:
    """Yield what takes plaintext; see `visdm.ports.Vault.encrypting`."""
    identity, passage = pyrage.x25519.Identity.generate(), Passage()
    cipher = _Cipher(passage, sink, identity.to_public())
    with beside(cipher.run, passage):
        work = AgeSealing(str(identity), passage, cipher)
        try:
            yield work
            work.finish()
        finally:
            cipher.halted = True


class AgeSealing:
    """Plaintext in, ciphertext out, under a fresh key. One thread at a time writes to it."""

    def __init__(self, key: str, passage: Passage, cipher: _Cipher) -> None:
        self._key = key
        self._passage = passage
        self._cipher = cipher
        self._small = bytearray()
        self._torn = False

    @property
    def key(self) -> str:
        """The key of this payload, a secret."""
        return self._key

    def write(self, content: Bytes) -> int:
        """Take all of `content`; return its bytes. Raises what the sink raised."""
        self._require_going_on()
        plain = memoryview(content).cast("B")
        self._torn = True  # until all of it is on its way: an interrupt may come in between
        if len(plain) < _SMALL:
            self._small += plain
        if len(plain) >= _SMALL or len(self._small) >= _SMALL:
            self._give_small()
        if type(content) is bytes and _SMALL <= len(plain) <= 2 * PIECE:
            self._give(content)  # bytes never change, so they need no copy
        elif len(plain) >= _SMALL:
            for start in range(0, len(plain), PIECE):
                self._give(bytes(plain[start : start + PIECE]))
        self._torn = False
        return len(plain)

    def finish(self) -> None:
        """Pass on all that is left. Raises what the sink raised."""
        self._require_going_on()
        self._give_small()
        self._passage.end()
        self._passage.wait()
        self._cipher.require_whole()

    def _give_small(self) -> None:
        if self._small:
            self._give(self._small)
            self._small = bytearray()

    def _give(self, piece: Piece) -> None:
        if not self._passage.give(piece):
            self._cipher.require_whole()

    def _require_going_on(self) -> None:
        if self._passage.left:
            self._cipher.require_whole()
        if self._torn or self._cipher.halted:
            hint = "begin again: a part of it is missing"
            raise VaultError("the encryption of a payload was interrupted", hint=hint)


class _Cipher:
    """What runs in the thread: pyrage, with this as its reader and its writer."""

    def __init__(self, passage: Passage, sink: Writer, recipient: Any) -> None:  # noqa: ANN401 - pyrage ships no types
        self._passage = passage
        self._sink = sink
        self._recipient = recipient
        self._piece: Piece = b""
        self._at = 0
        self._failure: BaseException | None = None
        self._whole = False
        self.halted = False

    def run(self) -> None:
        """Encrypt until the passage ends."""
        try:
            pyrage.encrypt_io(self, self, [self._recipient])
            self._whole = self._failure is None
        except BaseException as error:  # noqa: BLE001 - pyrage's panics are no `Exception`
            hint = f"report it: {type(error).__name__}"
            refused = VaultError("a payload could not be encrypted", hint=hint)
            self._failure = self._failure or refused

    def require_whole(self) -> None:
        """Raise what happened in the thread, where anything did."""
        if not self._whole:
            raise self._failure or Halt

    def read(self, size: int) -> Piece:
        """Give pyrage plaintext: it asks for 8 KiB at a time."""
        start = self._at
        if start >= len(self._piece):
            self._piece, start = self._passage.take(), 0
            if self.halted:
                raise Halt
        self._at = start + size
        return self._piece[start : self._at]

    def write(self, cipher: bytes) -> int:
        """Pass pyrage's ciphertext on: it comes in 64 KiB."""
        if self.halted or self._failure:
            raise Halt  # pyrage lets go of what it had kept, when it is over for long
        try:
            return self._sink.write(cipher)
        except BaseException as error:  # noqa: BLE001 - raised again where the account writes
            self._failure = error
            raise Halt from None
