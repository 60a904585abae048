"""The numbers of a result, looked at as the file streams by (`visdm.domain.release`).

bfloat16 (`BF16`) is the upper half of IEEE 754's binary32: a sign, eight bits of exponent, seven of
fraction. An exponent of ones alone writes infinity, or one of 254 things that are no number: no
training ends in them, but a script could write what it likes in their bits. Truth values take a
byte each, of which readers look at one bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence

    Bytes = bytes | bytearray | memoryview

WEIGHT, TRUTH = "BF16", "BOOL"

HINT = "the provider keeps the result back; nothing of it was released"

OTHER_SIZE = "the result's size is not what its header says"
NOT_FINITE = "the result holds weights that are not finite"
NOT_TRUTHS = "the result holds truth values that are neither true nor false"

_SEVEN_ONES = bytes(byte & 0x7F == 0x7F for byte in range(256))  # noqa: PLR2004 - seven ones
_LAST_ONE = bytes(byte >> 7 for byte in range(256))
"""The exponent's eight bits stand at the end of the upper byte and the start of the lower."""


class Contents:
    """Looks at the numbers of a result whose header has passed; it keeps none of them."""

    def __init__(self, end: int, parts: Sequence[tuple[str, int]]) -> None:
        self._parts = iter([("", end), *parts])
        self._type, self._left = next(self._parts)
        self._half = b""

    def write(self, content: Bytes, /) -> int:
        """Take the next bytes of the file. Raises `JobError` with one of `REASONS`."""
        view = memoryview(content)
        while view:
            while not self._left:
                self._turn()
            piece, view = view[: self._left], view[self._left :]
            self._left -= len(piece)
            if self._type == WEIGHT:
                self._weigh(self._half + piece)
            elif self._type == TRUTH and bytes(piece).translate(None, b"\0\1"):
                _refuse(NOT_TRUTHS)
        return len(content)

    def close(self) -> None:
        """Raise `JobError` where the file ended too early."""
        if self._left or any(left for _, left in self._parts):
            _refuse(OTHER_SIZE)

    def _turn(self) -> None:
        try:
            self._type, self._left = next(self._parts)
        except StopIteration:
            _refuse(OTHER_SIZE)

    def _weigh(self, numbers: bytes) -> None:
        """Refuse bfloat16 (little-endian) whose exponent is all ones: no number, or infinite."""
        whole = len(numbers) & ~1
        self._half = numbers[whole:]
        high = numbers[1:whole:2]
        if b"\x7f" not in high and b"\xff" not in high:
            return
        upper = int.from_bytes(high.translate(_SEVEN_ONES))
        if upper & int.from_bytes(numbers[:whole:2].translate(_LAST_ONE)):
            _refuse(NOT_FINITE)


def _refuse(reason: str) -> NoReturn:
    raise JobError(reason, hint=HINT)
