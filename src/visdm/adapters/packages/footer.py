"""The footer of a stranger's Parquet file, judged before pyarrow looks at it.

pyarrow's accessors of column metadata end the whole process, without an exception to catch,
when a footer holds a codec or a histogram that they do not expect (seen with pyarrow 26).
What must be known of the columns is therefore read here and those accessors are not used.

Format: Thrift's compact protocol
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md) with the
structures of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase

MAGIC = b"PAR1"
MAX_FOOTER = 1 << 25

_UNCOMPRESSED = 0
_ROW_GROUPS, _COLUMNS, _DESCRIBED, _CODEC, _STORED = 4, 1, 3, 4, 7
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_WHOLE = (_I16, _I32, _I64)
_MAX_DEPTH = 32
_LONG = 15
"""In a list's header: its size follows."""


class CompressedError(ValueError):
    """A column is compressed, and may be of any size in memory."""


def chunks(file: BufferedIOBase) -> list[int]:
    """Return the bytes of the largest column chunk in each row group.

    Raises `CompressedError`, and `ValueError` where this is no Parquet.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 8))
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or not 0 < length <= min(MAX_FOOTER, size - 12):
        raise ValueError("no footer")
    file.seek(size - 8 - length)
    found = _Compact(file.read(length))
    groups: list[int] = []
    for field, kind in found.fields():
        if (field, kind) == (_ROW_GROUPS, _LIST):
            groups += [_group(found) for _ in found.structs()]
        else:
            found.skip(kind)
    return groups


def _group(found: _Compact) -> int:
    sizes: list[int] = []
    for field, kind in found.fields():
        if (field, kind) == (_COLUMNS, _LIST):
            sizes += [_column(found) for _ in found.structs()]
        else:
            found.skip(kind)
    return max(sizes)


def _column(found: _Compact) -> int:
    sizes: list[int] = []
    for field, kind in found.fields():
        if (field, kind) == (_DESCRIBED, _STRUCT):
            sizes.append(_described(found))
        else:
            found.skip(kind)
    (size,) = sizes
    return size


def _described(found: _Compact) -> int:
    numbers: dict[int, int] = {}
    for field, kind in found.fields():
        if field in (_CODEC, _STORED) and kind in _WHOLE:
            numbers[field] = found.whole()
        else:
            found.skip(kind)
    if numbers.get(_CODEC) != _UNCOMPRESSED:
        raise CompressedError
    if numbers.get(_STORED, -1) < 0:
        raise ValueError("no size")
    return numbers[_STORED]


class _Compact:
    """A reader of the compact protocol that keeps nothing it was not asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield (field, kind) of a struct; the caller must read or skip each value."""
        last = 0
        while header := self._byte():
            step, kind = header >> 4, header & 15
            field = last + step if step else self.whole()
            if field <= last:  # every writer ascends, and two readers may differ on a repeat
                raise ValueError("fields out of order")
            last = field
            yield field, kind

    def structs(self) -> range:
        """Return a range over the structs of a list; the caller must read each."""
        size, kind = self._sized()
        if kind != _STRUCT:
            raise ValueError("not structs")
        return range(size)

    def whole(self) -> int:
        """Return a whole number."""
        raw = self._unsigned()
        return (raw >> 1) ^ -(raw & 1)

    def skip(self, kind: int, depth: int = _MAX_DEPTH) -> None:
        """Pass over a value."""
        if depth == 0:
            raise ValueError("too deep")
        if kind == _BYTE:
            self._pass(1)
        elif kind in _WHOLE:
            self._unsigned()
        elif kind == _DOUBLE:
            self._pass(8)
        elif kind == _BINARY:
            self._pass(self._unsigned())
        elif kind in (_LIST, _SET):
            self._skip_list(depth)
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth - 1)
        elif kind not in (_TRUE, _FALSE):  # whose value is their kind; Parquet has no maps
            raise ValueError("unknown kind")

    def _skip_list(self, depth: int) -> None:
        size, kind = self._sized()
        if kind in (_TRUE, _FALSE):
            self._pass(size)
            return
        for _ in range(size):
            self.skip(kind, depth - 1)

    def _sized(self) -> tuple[int, int]:
        header = self._byte()
        size = header >> 4
        return (self._unsigned() if size == _LONG else size), header & 15

    def _unsigned(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004 - the bit that says another byte follows
                return number
        raise ValueError("a number without end")

    def _byte(self) -> int:
        self._pass(1)
        return self._content[self._place - 1]

    def _pass(self, size: int) -> None:
        self._place += size
        if self._place > len(self._content):
            raise ValueError("cut off")
