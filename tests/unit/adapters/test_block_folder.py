"""The embedded store under kills, full disks and company; targets under the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memory.blobs import MemoryBlobs
from memory.disk import full_disk
from visdm.adapters.blocks import BlockFolder
from visdm.adapters.blocks.cid import DAG_PB, RAW, Cid
from visdm.adapters.blocks.node import Link, Node
from visdm.adapters.blocks.unixfs import Profile
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
HELLO = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
CONTENT = b"".join(number.to_bytes(2) for number in range(500))


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where to write; after the test nothing else may lie beside it."""
    folder = tmp_path / "wanted"
    folder.mkdir()
    yield folder / "blob"
    assert {path.name for path in folder.iterdir()} <= {"blob"}


def parts(root: Path) -> list[Path]:
    return list((root / "partial").iterdir())


def test_a_folder_opened_again_holds_what_it_held(tmp_path: Path) -> None:
    cid = BlockFolder(tmp_path / "new" / "store").write(b"hello")
    assert BlockFolder(tmp_path / "new" / "store").read(cid) == b"hello"


def test_a_present_block_is_left_alone(tmp_path: Path) -> None:
    blobs = BlockFolder(tmp_path)
    path = blobs.path(Cid.parse(blobs.write(b"hello")))
    before = path.stat()
    blobs.write(b"hello")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert parts(tmp_path) == []


KILLED = """
import sys
from pathlib import Path
from visdm.adapters.blocks import BlockFolder

blobs = BlockFolder(Path(sys.argv[1]))
number = 0
while True:
    blobs.write(number.to_bytes(8) * (1 << 15))
    print(number, flush=True)
    number += 1
"""


def test_a_process_killed_while_writing_leaves_a_store_that_works(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        written = [int(process.stdout.readline()) for _ in range(5)]
        process.send_signal(signal.SIGKILL)
        written += [int(line) for line in process.stdout]
    assert process.returncode == -signal.SIGKILL
    blobs = BlockFolder(tmp_path)
    for path in (tmp_path / "blocks").glob("*/*"):
        assert Cid.parse(path.name).fits(path.read_bytes())
    for number in written:
        content = number.to_bytes(8) * (1 << 15)
        assert blobs.read(str(Cid.of(RAW, content))) == content


def test_many_writers_of_the_same_blob_agree(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT * 20)

    def put(_: int) -> str:
        blobs = BlockFolder(tmp_path / "store")
        blobs.profile = Profile(chunk=1000, links=4)
        return blobs.put(source)

    with ThreadPoolExecutor(8) as pool:
        (cid,) = set(pool.map(put, range(16)))
    assert BlockFolder(tmp_path / "store").read(cid) == CONTENT * 20
    assert parts(tmp_path / "store") == []


def test_blocks_and_their_names_are_on_disk_when_write_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    sync = os.fsync

    def watched(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        sync(handle)

    blobs = BlockFolder(tmp_path)
    monkeypatch.setattr(os, "fsync", watched)
    for _ in range(2):  # the second time the block is there: by a process that may be dead
        path = blobs.path(Cid.parse(blobs.write(b"hello")))
    assert synced[0].parent == tmp_path / "partial"
    assert synced[1:] == [path.parent, tmp_path / "blocks", tmp_path / "pins"] * 2


def test_a_block_file_of_gigabytes_is_not_read_whole(tmp_path: Path) -> None:
    blobs = BlockFolder(tmp_path)
    path = blobs.path(Cid.parse(blobs.write(b"hello")))
    os.truncate(path, 1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(BlobError, match="is more than 2097152 bytes"):
            blobs.get(HELLO, tmp_path / "blob")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB


def test_a_full_disk_under_the_store_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    blobs = BlockFolder(tmp_path)
    with full_disk(), pytest.raises(OutputError, match="file too large") as caught:
        blobs.write(bytes(10_000))
    assert caught.value.hint
    assert parts(tmp_path) == []
    with pytest.raises(BlobError, match="is missing"):
        blobs.read(str(Cid.of(RAW, bytes(10_000))))


def test_a_full_disk_under_the_target_is_said_and_leaves_nothing(target: Path) -> None:
    blobs = MemoryBlobs()
    cid = blobs.write(bytes(10_000))
    target.write_bytes(b"as it was")
    with full_disk(), pytest.raises(OutputError, match="file too large"):
        blobs.get(cid, target)
    assert target.read_bytes() == b"as it was"


def test_a_blob_larger_than_the_disk_is_refused_before_a_byte_is_written(target: Path) -> None:
    blobs = MemoryBlobs()
    leaf = Cid.parse(blobs.write(bytes(MIB)))
    link = Link(leaf, MIB, MIB)
    for _ in range(3):  # four blocks that stand for a pebibyte
        node = Node((link,) * 1024)
        block = node.encode()
        blobs.blocks[root := Cid.of(DAG_PB, block)] = block
        link = Link(root, node.size, node.tsize(block))
    with pytest.raises(OutputError, match=f"needs {1 << 50} bytes, [0-9]+ are free"):
        blobs.get(str(root), target)
    assert not target.exists()


class InterruptedBlobs(MemoryBlobs):
    """A store whose user loses patience at the last block."""

    def fetch(self, cid: Cid, most: int) -> bytes | None:
        if cid == Cid.of(RAW, b"end"):
            raise KeyboardInterrupt
        return super().fetch(cid, most)


def test_an_interrupted_get_leaves_the_target_as_it_was(target: Path) -> None:
    blobs = InterruptedBlobs()
    cid = blobs.write(bytes(MIB) + b"end")
    target.write_bytes(b"as it was")
    with pytest.raises(KeyboardInterrupt):
        blobs.get(cid, target)
    assert target.read_bytes() == b"as it was"


def test_a_store_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file: not a directory"):
        BlockFolder(tmp_path / "file")


def test_a_block_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    blobs = BlockFolder(tmp_path)
    blobs.path(Cid.parse(HELLO)).mkdir(parents=True)
    with pytest.raises(BlobError, match=f"{HELLO}: cannot be read: is a directory"):
        blobs.read(HELLO)
    with pytest.raises(OutputError, match="is a directory"):
        blobs.write(b"hello")
    assert parts(tmp_path) == []
