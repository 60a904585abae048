"""Reading JSON that strangers wrote.

Python's parser recurses, and how deep it may is a setting of the whole process that libraries
raise: a document of brackets alone could end the process. So depth is counted first.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, TypeVar

T = TypeVar("T")

MAX_DEPTH = 32
"""No document of ours nests deeper than eight."""

_QUOTE, _ESCAPE = ord('"'), ord("\\")
_OPENING, _CLOSING = b"[{", b"]}"


def parse(document: bytes) -> Any:  # noqa: ANN401  # JSON of any shape; callers check it
    """Return what a JSON document says. Raises `ValueError`, also for one that nests too deep."""
    if deepest(document) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    # As text: given bytes, the parser would also read encodings in which depth counts otherwise.
    said = json.loads(
        document.decode("utf-8"),
        parse_constant=_refuse,
        parse_float=_finite,
        object_pairs_hook=_once,
    )
    if b"\\u" in document:
        # Half a character may stand escaped in JSON, but nothing can write it again.
        json.dumps(said, ensure_ascii=False).encode()
    return said


def expect(value: object, kind: type[T]) -> T:
    """Return `value`, which is a `kind` and nothing that merely passes for one.

    Raises `TypeError`: `True` is no number, and a text no list of its letters.
    """
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}")
    return value


def count(value: object, below: int = 2**63) -> int:
    """Return `value`, a whole number from 0. Raises `TypeError` or `ValueError`."""
    number = expect(value, int)
    if not 0 <= number < below:
        raise ValueError("out of range")
    return number


def deepest(document: bytes) -> int:
    """Return how deep brackets nest outside of strings, whether or not it is JSON."""
    depth = most = 0
    quoted = escaped = False
    for byte in document:
        if escaped:
            escaped = False
        elif byte == _ESCAPE:
            escaped = quoted
        elif byte == _QUOTE:
            quoted = not quoted
        elif quoted:
            continue
        elif byte in _OPENING:
            depth += 1
            most = max(most, depth)
        elif byte in _CLOSING:
            depth -= 1
    return most


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values under one name other readers take the other: then they read another document.
    said = dict(pairs)
    if len(said) < len(pairs):
        raise ValueError("a name stands twice")
    return said


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError(f"{digits} is too large a number")
    return number
