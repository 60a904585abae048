"""Files that appear whole, and the parts that killed processes leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from memory.blobs import MemoryBlobs
from visdm.adapters.blocks import BlockFolder
from visdm.adapters.blocks.whole import clear_parts, whole_file

if TYPE_CHECKING:
    from pathlib import Path

KILLED = """
import os, signal, sys
from pathlib import Path
from visdm.adapters.blocks.whole import whole_file

target, beside = map(Path, sys.argv[1:])
with whole_file(target, beside) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def left_by_a_killed_process(target: Path, beside: Path) -> Path:
    before = set(beside.iterdir())
    command = [sys.executable, "-c", KILLED, str(target), str(beside)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (part,) = set(beside.iterdir()) - before
    assert part.read_bytes() == b"half"
    return part


def test_the_next_get_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    cid = blobs.write(b"whole")
    mine, his = tmp_path / "mine", tmp_path / "his"
    left_by_a_killed_process(mine, tmp_path)
    other = left_by_a_killed_process(his, tmp_path)
    foreign = tmp_path / ".visdm-notes.part"
    foreign.touch()
    blobs.get(cid, mine)
    assert set(tmp_path.iterdir()) == {mine, other, foreign}
    blobs.get(cid, his)
    assert set(tmp_path.iterdir()) == {mine, his, foreign}


def test_a_get_that_fails_tidies_all_the_same(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    cid = blobs.write(bytes(3 << 20))
    target = tmp_path / "target"
    left_by_a_killed_process(target, tmp_path)
    for block in list(blobs.blocks)[:-1]:
        del blobs.blocks[block]
    with pytest.raises(Exception, match="is missing"):
        blobs.get(cid, target)
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_somebody_is_writing_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    blobs = MemoryBlobs()
    cid = blobs.write(b"theirs")
    with whole_file(target, tmp_path) as file:
        file.write(b"ours")
        blobs.get(cid, target)
        assert target.read_bytes() == b"theirs"
        clear_parts(tmp_path)
    assert target.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [target]


def test_the_parts_of_a_target_with_the_longest_name_are_found(tmp_path: Path) -> None:
    target = tmp_path / ("[x]*?" * 51)
    part = left_by_a_killed_process(target, tmp_path)
    clear_parts(tmp_path, target)
    assert not part.exists()


def test_many_gets_to_one_target_do_not_remove_each_others_parts(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    cids = [blobs.write(bytes([number]) * 100_000) for number in range(4)]
    failures: list[BaseException] = []

    def get(cid: str) -> None:
        try:
            for _ in range(60):
                blobs.get(cid, tmp_path / "target")
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=get, args=(cid,)) for cid in cids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(tmp_path.iterdir()) == [tmp_path / "target"]
    assert len(set((tmp_path / "target").read_bytes())) == 1


def test_opening_a_store_removes_what_the_dead_left_and_nothing_of_the_living(
    tmp_path: Path,
) -> None:
    store = BlockFolder(tmp_path)
    partial = tmp_path / "partial"
    left_by_a_killed_process(tmp_path / "blocks" / "x", partial)
    (partial / ".visdm-folder.part").mkdir()
    (partial / ".visdm-link.part").symlink_to(tmp_path / "elsewhere")
    (partial / "notes.txt").touch()
    foreign = {partial / name for name in ("notes.txt", ".visdm-folder.part", ".visdm-link.part")}
    with whole_file(tmp_path / "blocks" / "y", partial):
        BlockFolder(tmp_path)
        assert len(set(partial.iterdir()) - foreign) == 1
    assert set(partial.iterdir()) == foreign
    assert list(store.stored()) == []


def test_where_files_cannot_be_locked_they_are_written_all_the_same_and_none_is_tidied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    part = left_by_a_killed_process(target, tmp_path)

    def unlockable(handle: int, how: int) -> None:
        del handle, how
        raise OSError(37, os.strerror(37))

    monkeypatch.setattr("visdm.adapters.blocks.whole.fcntl.flock", unlockable)
    blobs = MemoryBlobs()
    blobs.get(blobs.write(b"whole"), target)
    assert target.read_bytes() == b"whole"
    assert part.exists()
