"""Ciphertext that was damaged on its way, for each kind of damage anywhere: nothing opens."""

from __future__ import annotations

from hashlib import shake_256
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ports.vault.payloads import encrypt, refuse
from visdm.errors import BlobError, VaultError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Vault

CHUNK = (1 << 16) + 16
"""Bytes of one encrypted chunk of the age format, its tag included."""
PLAIN = shake_256(b"plain").digest(4 * (1 << 16) - 1000)
"""Four chunks, no two alike, the last one short."""
SIZES = st.sampled_from([0, 1, 1000, 1 << 16, (1 << 16) + 1, 2 << 16, len(PLAIN)])
"""Of plaintext, on both sides of a chunk's end."""
PLACES = st.integers(0, 1 << 20)

anywhere = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def encrypted(vault: Vault, work: Path, size: int, content: bytes = PLAIN) -> tuple[bytes, str]:
    (work / "plain").write_bytes(content[:size])
    key = encrypt(vault, work / "plain", work / "cipher")
    return (work / "cipher").read_bytes(), key


def refused(vault: Vault, work: Path, damaged: bytes, key: str) -> None:
    (work / "cipher").write_bytes(damaged)
    refuse(vault, work / "cipher", key)


@anywhere
@given(size=SIZES, place=PLACES, bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_does_not_open(
    vault: Vault, work: Path, size: int, place: int, bit: int
) -> None:
    whole, key = encrypted(vault, work, size)
    damaged = bytearray(whole)
    damaged[place % len(whole)] ^= 1 << bit
    refused(vault, work, bytes(damaged), key)


@anywhere
@given(size=SIZES, place=PLACES)
def test_a_payload_cut_anywhere_does_not_open(
    vault: Vault, work: Path, size: int, place: int
) -> None:
    whole, key = encrypted(vault, work, size)
    refused(vault, work, whole[: place % len(whole)], key)


@anywhere
@given(size=SIZES, more=st.binary(min_size=1, max_size=300))
def test_a_payload_that_goes_on_after_its_end_does_not_open(
    vault: Vault, work: Path, size: int, more: bytes
) -> None:
    whole, key = encrypted(vault, work, size)
    refused(vault, work, whole + more, key)


@pytest.mark.parametrize("size", [0, 1 << 16, 2 << 16, len(PLAIN)])
@pytest.mark.parametrize("length", [CHUNK, 1 << 18, (1 << 18) + 1, 1 << 19])
def test_a_payload_followed_by_much_else_does_not_open(
    vault: Vault, work: Path, size: int, length: int
) -> None:
    whole, key = encrypted(vault, work, size)
    refused(vault, work, whole + bytes(length), key)
    refused(vault, work, whole + (whole * 12)[:length], key)


@anywhere
@given(size=SIZES, place=PLACES, length=st.integers(1, 1 << 16))
def test_a_payload_with_a_hole_anywhere_does_not_open(
    vault: Vault, work: Path, size: int, place: int, length: int
) -> None:
    whole, key = encrypted(vault, work, size)
    place %= len(whole)
    refused(vault, work, whole[:place] + whole[place + length :], key)


@anywhere
@given(first=st.integers(0, 3), second=st.integers(0, 3))
def test_reordered_or_repeated_chunks_do_not_open(
    vault: Vault, work: Path, first: int, second: int
) -> None:
    whole, key = encrypted(vault, work, len(PLAIN))
    start = len(whole) - (len(PLAIN) + 4 * 16)
    chunks = [whole[at : at + CHUNK] for at in range(start, len(whole), CHUNK)]
    for order in (swapped(chunks, first, second), copied(chunks, first, second)):
        if b"".join(order) != whole[start:]:
            refused(vault, work, whole[:start] + b"".join(order), key)


def swapped(chunks: list[bytes], first: int, second: int) -> list[bytes]:
    chunks = chunks.copy()
    chunks[first], chunks[second] = chunks[second], chunks[first]
    return chunks


def copied(chunks: list[bytes], first: int, second: int) -> list[bytes]:
    chunks = chunks.copy()
    chunks[first] = chunks[second]
    return chunks


@anywhere
@given(place=st.integers(0, 2))
def test_a_chunk_of_another_payload_does_not_open(vault: Vault, work: Path, place: int) -> None:
    other, _ = encrypted(vault, work, len(PLAIN), PLAIN[::-1])
    whole, key = encrypted(vault, work, len(PLAIN))
    start = len(whole) - (len(PLAIN) + 4 * 16) + place * CHUNK
    refused(vault, work, whole[:start] + other[start : start + CHUNK] + whole[start + CHUNK :], key)


@pytest.mark.parametrize("size", [0, 1 << 16, len(PLAIN)])
def test_a_wrong_key_or_a_swapped_payload_does_not_open(
    vault: Vault, work: Path, size: int
) -> None:
    first, key = encrypted(vault, work, size)
    second, other = encrypted(vault, work, size)
    refused(vault, work, first, other)
    refused(vault, work, second, key)


class Failing:
    """A source that ends with an error instead."""

    def __init__(self, content: bytes, error: BaseException) -> None:
        self.rest = content
        self.error = error

    def read(self, size: int = -1, /) -> bytes:
        if not self.rest:
            raise self.error
        drawn, self.rest = self.rest[:size], self.rest[size:]
        return drawn


@anywhere
@given(size=SIZES, place=PLACES)
@pytest.mark.parametrize(
    "error",
    [
        BlobError("bafy", "a block is false"),
        KeyboardInterrupt(),
        InterruptedError(4, "interrupted"),
        OSError(5, "Input/output error"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_source_raises_comes_out_unchanged(
    vault: Vault, work: Path, error: BaseException, size: int, place: int
) -> None:
    whole, key = encrypted(vault, work, size)
    source = Failing(whole[: place % (len(whole) + 1)], error)
    expected = VaultError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        vault.decrypt(source, work / "opened", key)
    assert caught.value is error or isinstance(error, OSError)
    assert sorted(path.name for path in work.iterdir()) == ["cipher", "plain"]


class Trickling:
    """A source that gives less than it is asked for."""

    def __init__(self, content: bytes, step: int) -> None:
        self.rest = content
        self.step = step

    def read(self, size: int = -1, /) -> bytes:
        length = min(self.step, size if size >= 0 else self.step)
        drawn, self.rest = self.rest[:length], self.rest[length:]
        return drawn


@pytest.mark.parametrize("step", [7, 8191, 8193, CHUNK])
def test_a_source_that_trickles_is_drawn_to_its_end(vault: Vault, work: Path, step: int) -> None:
    whole, key = encrypted(vault, work, len(PLAIN))
    vault.decrypt(Trickling(whole, step), work / "opened", key)
    assert (work / "opened").read_bytes() == PLAIN
