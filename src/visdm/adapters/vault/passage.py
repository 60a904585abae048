"""Bytes on their way from one thread to another, a bounded number of them."""

from __future__ import annotations

from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from visdm.errors import VaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Piece = bytes | bytearray
"""Bytes that whoever handed them over does not touch again."""
PIECE = 1 << 19
"""Bytes of the largest piece to be handed over."""
_AHEAD = 2
"""Pieces that wait to be taken: what keeps both sides busy and still in the processor's cache."""


class Halt(Exception):  # noqa: N818 - no error: it makes pyrage let go
    """Raised at pyrage where it calls us, in place of what really happened.

    Rust repeats a call that was "interrupted", and loses an error over the last bytes it had kept.
    So whoever calls pyrage asks what we noted down before it believes what pyrage says.
    """


class Passage:
    """Pieces from a giver to a taker. Neither can hang once the other is gone.

    A `SimpleQueue` is C from end to end: an interrupt in its midst leaves no lock behind, and
    `put` never waits. So whoever ends wakes the other with a last entry, whatever the other is
    doing; and as `left` is set before, an interrupt that swallows this entry does no harm.
    """

    def __init__(self) -> None:
        self._pieces: SimpleQueue[Piece] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        self.left = False
        for _ in range(_AHEAD):
            self._room.put(None)

    def give(self, piece: Piece) -> bool:
        """Hand over `piece`, which is not empty, once there is room; say whether it was taken."""
        if not self.left:
            self._room.get()
        if self.left:
            return False
        self._pieces.put(piece)
        return True

    def end(self) -> None:
        """As the giver: nothing more comes."""
        self._pieces.put(b"")

    def wait(self) -> None:
        """As the giver: wait until the taker has left."""
        while not self.left:
            self._room.get()

    def take(self) -> Piece:
        """Return the next piece; for ever b"" when nothing more comes."""
        piece = self._pieces.get()
        if piece:
            self._room.put(None)
        else:
            self.end()
        return piece

    def leave(self) -> None:
        """As the taker: nothing more is taken."""
        self.left = True
        self._room.put(None)


@contextmanager
def beside(work: Callable[[], None], passage: Passage) -> Iterator[None]:
    """Let `work` take from `passage` in a thread, which is gone when the block has ended.

    Raises `VaultError` where this machine has no thread left.
    """

    def run() -> None:
        try:
            work()
        finally:
            passage.leave()

    thread = Thread(target=run, name="visdm-vault", daemon=True)
    try:
        try:
            thread.start()
        except RuntimeError:
            passage.leave()
            hint = "end other programs and try again"
            raise VaultError("no thread can be started for encryption", hint=hint) from None
        yield
    finally:
        passage.end()
        passage.wait()
        # Only now: an interrupted `join` takes a running thread for an ended one (bpo-45274).
        if thread.ident is not None:
            thread.join()
