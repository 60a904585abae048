"""Encryption of what is poured in: whichever side fails, at whichever moment."""

from __future__ import annotations

import io
import threading
from array import array
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visdm.errors import OutputError, VaultError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.ports import Bytes, Vault, Writer

LARGE = 6 << 20
"""Bytes beyond what may wait to be encrypted, so that one side waits for the other."""

several = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


class Sink:
    """Takes `room` bytes, then raises; tells what reached it after that."""

    def __init__(self, room: int, error: BaseException) -> None:
        self.room = room
        self.error = error
        self.taken = 0
        self.failed = False

    def write(self, content: Bytes, /) -> int:
        assert not self.failed, "written to after it failed"
        length = len(memoryview(content))
        if self.taken + length > self.room:
            self.failed = True
            raise self.error
        self.taken += length
        return length


def pour(vault: Vault, sink: Writer, size: int) -> str:
    with vault.encrypting(sink) as sealing:
        for start in range(0, size, 1 << 16):
            sealing.write(bytes(min(1 << 16, size - start)))
        return sealing.key


ERRORS = [
    OutputError("disk", "is full"),
    OSError(28, "No space left on device"),
    InterruptedError(4, "Interrupted system call"),
    KeyboardInterrupt(),
    GeneratorExit(),
]
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


@several
@given(pieces=st.lists(st.integers(0, 200_000), max_size=12))
def test_pieces_of_any_size_come_back_as_one(vault: Vault, work: Path, pieces: list[int]) -> None:
    plain, cipher = b"", io.BytesIO()
    with vault.encrypting(cipher) as sealing:
        for number, size in enumerate(pieces):
            piece = bytes([number]) * size
            plain += piece
            assert sealing.write(piece) == size
    cipher.seek(0)
    vault.decrypt(cipher, work / "opened", sealing.key)
    assert (work / "opened").read_bytes() == plain


@pytest.mark.parametrize("size", [100, 100_000, 3_000_000])
def test_a_buffer_may_be_used_again_as_soon_as_it_was_written(
    vault: Vault, work: Path, size: int
) -> None:
    cipher, buffer = io.BytesIO(), bytearray(size)
    with vault.encrypting(cipher) as sealing:
        for number in range(4):
            buffer[:] = bytes([number]) * size
            sealing.write(memoryview(buffer))
        buffer[:] = b"\xff" * size
    cipher.seek(0)
    vault.decrypt(cipher, work / "opened", sealing.key)
    assert (work / "opened").read_bytes() == b"".join(bytes([n]) * size for n in range(4))


def test_a_buffer_of_numbers_is_written_as_its_bytes(vault: Vault, work: Path) -> None:
    cipher, numbers = io.BytesIO(), array("q", range(50_000))
    with vault.encrypting(cipher) as sealing:
        assert sealing.write(memoryview(numbers)) == 400_000
    cipher.seek(0)
    vault.decrypt(cipher, work / "opened", sealing.key)
    assert (work / "opened").read_bytes() == numbers.tobytes()


@each_error
@several
@given(room=st.integers(0, LARGE))
def test_what_a_sink_raises_comes_out_unchanged(
    vault: Vault, error: BaseException, room: int
) -> None:
    sink = Sink(room, error)
    with pytest.raises(type(error)) as caught:
        pour(vault, sink, LARGE)
    assert caught.value is error
    assert sink.failed


@each_error
@pytest.mark.parametrize("size", [0, 1, 1 << 16, 1_000_000])
def test_a_sink_that_refuses_the_very_last_bytes_is_heard(
    vault: Vault, error: BaseException, size: int
) -> None:
    whole = io.BytesIO()
    pour(vault, whole, size)
    # An age header has a part of random length, 300 bytes at most.
    sink = Sink(max(0, len(whole.getvalue()) - 400), error)
    with pytest.raises(type(error)) as caught:
        pour(vault, sink, size)
    assert caught.value is error


def test_a_sink_that_failed_fails_again_where_its_error_was_ignored(vault: Vault) -> None:
    error = OutputError("disk", "is full")
    sink, refusals = Sink(100_000, error), list[OutputError]()

    def insist() -> None:
        with vault.encrypting(sink) as sealing:
            for _ in range(LARGE >> 16):
                try:
                    sealing.write(bytes(1 << 16))
                except OutputError as refusal:
                    refusals.append(refusal)

    with pytest.raises(OutputError) as caught:
        insist()
    assert len(refusals) > 1
    assert all(refusal is error for refusal in [*refusals, caught.value])


@each_error
@several
@given(poured=st.integers(0, LARGE))
def test_a_block_that_raises_ends_the_encryption(
    vault: Vault, work: Path, error: BaseException, poured: int
) -> None:
    cipher, keys = io.BytesIO(), list[str]()

    def begin() -> None:
        with vault.encrypting(cipher) as sealing:
            keys.append(sealing.key)
            sealing.write(bytes(poured))
            raise error

    with pytest.raises(type(error)) as caught:
        begin()
    assert caught.value is error
    passed = cipher.getvalue()
    cipher.seek(0)
    with pytest.raises(VaultError):
        vault.decrypt(cipher, work / "opened", keys[0])
    assert cipher.getvalue() == passed
    assert not (work / "opened").exists()


def test_a_generator_that_is_dropped_in_a_block_ends_the_encryption(vault: Vault) -> None:
    cipher = io.BytesIO()

    def pouring() -> Iterator[None]:
        with vault.encrypting(cipher) as sealing:
            while True:
                sealing.write(bytes(1 << 18))
                yield

    steps = pouring()
    for _ in range(3):
        next(steps)
    del steps  # the fixture sees whether the thread is gone


def test_an_encryption_that_is_never_begun_starts_nothing(vault: Vault) -> None:
    vault.encrypting(io.BytesIO())


def test_two_encryptions_at_once_do_not_mix(vault: Vault, work: Path) -> None:
    first, second = io.BytesIO(), io.BytesIO()
    with vault.encrypting(first) as one, vault.encrypting(second) as two:
        for _ in range(20):
            one.write(b"1" * 100_000)
            two.write(b"2" * 100_000)
    for cipher, key, plain in ((first, one.key, b"1"), (second, two.key, b"2")):
        cipher.seek(0)
        vault.decrypt(cipher, work / "opened", key)
        assert (work / "opened").read_bytes() == plain * 2_000_000


def test_a_key_is_in_no_name_of_what_encrypts(vault: Vault) -> None:
    with vault.encrypting(io.BytesIO()) as sealing:
        assert sealing.key not in f"{sealing!r} {sealing} {threading.enumerate()}"


def test_decrypting_leaves_no_thread(vault: Vault, work: Path) -> None:
    cipher = io.BytesIO()
    with vault.encrypting(cipher) as sealing:
        sealing.write(bytes(LARGE))
    cipher.seek(0)
    vault.decrypt(cipher, work / "opened", sealing.key)
    cipher.truncate(LARGE // 2)
    cipher.seek(0)
    with pytest.raises(VaultError):
        vault.decrypt(cipher, work / "opened", sealing.key)
