"""Secrets to smuggle out, and a provider's gate to smuggle them through."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from visdm.domain.release import LENGTH_BYTES, check_release, header_end

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Promised = Mapping[str, Sequence[Any]]

SECRET = random.Random(3).randbytes(64)  # noqa: S311 - made up, the same each time
"""The pixels of a grey image of 8x8."""


def released(file: bytes, promised: Promised, piece: int = 64) -> bytes:
    """Return what passes the gate: all of the file, or a `JobError`."""
    contents = check_release(file[: header_end(file[:LENGTH_BYTES])], len(file), promised)
    for start in range(0, len(file), piece):
        contents.write(file[start : start + piece])
    contents.close()
    return file


def header_of(file: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(text_of(file))
    return header


def text_of(file: bytes) -> str:
    return file[LENGTH_BYTES : header_end(file[:LENGTH_BYTES])].decode()


def data_of(file: bytes) -> bytes:
    return file[header_end(file[:LENGTH_BYTES]) :]


def written(text: str, data: bytes) -> bytes:
    """Return a safetensors file with this header, padded as the format's writer pads."""
    encoded = text.encode()
    encoded += b" " * (-len(encoded) % LENGTH_BYTES)
    return len(encoded).to_bytes(LENGTH_BYTES, "little") + encoded + data


def compact(header: Mapping[str, Any]) -> str:
    return json.dumps(header, separators=(",", ":"))


def bits(content: bytes) -> list[int]:
    return [byte >> place & 1 for byte in content for place in range(8)]


def wrong(got: bytes, secret: bytes = SECRET) -> float:
    """Return the share of the secret's bits that came out wrong: a half is knowing nothing."""
    pairs = zip(bits(got.ljust(len(secret), b"\0")), bits(secret), strict=True)
    return sum(one != other for one, other in pairs) / (8 * len(secret))
