"""Reading JSON that strangers wrote.

Python's parser recurses, and how deep it may is a setting of the whole process that libraries
raise: a document of brackets alone could end the process. So depth is counted first.
"""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 32
"""No document of ours nests deeper than eight."""

_QUOTE, _ESCAPE = ord('"'), ord("\\")
_OPENING, _CLOSING = b"[{", b"]}"


def parse(document: bytes) -> Any:  # noqa: ANN401  # JSON of any shape; callers check it
    """Return what a JSON document says. Raises `ValueError`, also for one that nests too deep."""
    if deepest(document) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return json.loads(document, parse_constant=_refuse)


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


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")
