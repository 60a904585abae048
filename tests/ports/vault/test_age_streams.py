"""What only threads and real cryptography can get wrong: interrupts, memory, other programs."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from memory.disk import full_disk
from visdm.adapters.vault import AgeVault
from visdm.errors import VaultError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def age(tmp_path: Path) -> AgeVault:
    return AgeVault.create(tmp_path / "identity")


class Slow(io.BytesIO):
    """A sink that lets its writer wait."""

    def write(self, content: Any, /) -> int:  # noqa: ANN401 - as io declares it: any buffer
        time.sleep(0.02)
        return super().write(content)


def pour(age: AgeVault, sink: io.BytesIO, delay: float, *, swallowed: bool) -> tuple[str, int]:
    """Pour 25 MiB, with an interrupt on the way that is passed on or `swallowed`.

    Returns the key and how many pieces were taken.
    """
    timer, taken = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)), 0
    with age.encrypting(sink) as sealing:
        try:
            timer.start()
            for _ in range(100):
                sealing.write(bytes(1 << 18))
                taken += 1
        except KeyboardInterrupt:
            if not swallowed:
                raise
        return sealing.key, taken


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.05, 0.1, 0.3])
def test_an_interrupt_at_any_moment_ends_it(age: AgeVault, delay: float) -> None:
    threads, sink = threading.enumerate(), Slow()
    with pytest.raises(KeyboardInterrupt):
        pour(age, sink, delay, swallowed=False)
    passed = len(sink.getvalue())
    time.sleep(0.05)  # for the timer to end, and for what must not come any more
    assert threading.enumerate() == threads
    assert len(sink.getvalue()) == passed < 100 << 18


@pytest.mark.parametrize("delay", [0.01, 0.05, 0.1, 0.3])
def test_where_an_interrupt_is_swallowed_no_piece_is_missing_from_what_is_called_whole(
    age: AgeVault, tmp_path: Path, delay: float
) -> None:
    sink = Slow()
    try:
        key, taken = pour(age, sink, delay, swallowed=True)
    except VaultError as error:
        assert "was interrupted" in error.message  # noqa: PT017 - one of two right ends
    else:  # it came between two pieces
        sink.seek(0)
        age.decrypt(sink, tmp_path / "opened", key)
        assert (tmp_path / "opened").stat().st_size == taken << 18


def test_an_interrupt_while_the_last_bytes_are_encrypted_ends_it(age: AgeVault) -> None:
    def wait() -> None:
        with age.encrypting(sink) as sealing:
            sealing.write(bytes(3 << 19))  # all of it may wait: this returns at once
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    threads, sink = threading.enumerate(), Slow()
    with pytest.raises(KeyboardInterrupt):
        wait()
    time.sleep(0.05)
    assert threading.enumerate() == threads
    assert len(sink.getvalue()) < 3 << 19


def test_a_full_disk_under_the_sink_is_heard(age: AgeVault, tmp_path: Path) -> None:
    for size in (5_000, 1 << 20):
        with (
            (tmp_path / "cipher").open("wb", buffering=0) as sink,
            full_disk(),
            pytest.raises(OSError, match="File too large"),
            age.encrypting(sink) as sealing,
        ):
            sealing.write(bytes(size))


def test_a_machine_without_threads_is_told_so(
    age: AgeVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    with pytest.raises(VaultError, match="no thread"), age.encrypting(io.BytesIO()):
        pytest.fail("it has begun")
    with pytest.raises(VaultError, match="no thread"):
        age.decrypt(io.BytesIO(), tmp_path / "opened", secret(age))


def secret(age: AgeVault) -> str:
    with age.encrypting(io.BytesIO()) as sealing:
        return sealing.key


@pytest.mark.parametrize("way", ["encrypt", "decrypt"])
def test_the_memory_for_a_large_payload_is_that_for_a_small_one(tmp_path: Path, way: str) -> None:
    program = """
import io, pathlib, resource, sys, time
from visdm.adapters.vault import AgeVault
folder, way = pathlib.Path(sys.argv[1]), sys.argv[2]
age = AgeVault.create(folder / "identity")
class Slow:
    def write(self, content):
        time.sleep(0.0005)
        return sink.write(content)
def encrypt(mebibytes, piece):
    with age.encrypting(Slow()) as sealing:
        for _ in range((mebibytes << 20) // len(piece)):
            sealing.write(piece)
        return sealing.key
def decrypt(key):
    with (folder / "cipher").open("rb") as source:
        age.decrypt(source, folder / "plain", key)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sink = (folder / "cipher").open("wb", buffering=0)
key = encrypt(1, bytes(1 << 18))
decrypt(key)
sink.seek(0)
large = bytearray(24 << 20)
before = peak()
if way == "encrypt":
    encrypt(72, large)
    sink.seek(0)
    encrypt(72, bytes(1000))
key = encrypt(72, bytes(1 << 18))
if way == "decrypt":
    before = peak()
    decrypt(key)
print(peak() - before)
"""
    command = [sys.executable, "-c", program, str(tmp_path), way]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(grown) < 12 << 10
