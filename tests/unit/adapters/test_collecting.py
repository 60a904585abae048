"""Collecting what nobody needs: beside writers, in damaged stores, among strangers' files."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from visdm.adapters.blocks import BlockFolder
from visdm.adapters.blocks.cid import DAG_PB, RAW, Cid
from visdm.adapters.blocks.unixfs import Profile
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"".join(number.to_bytes(2) for number in range(500))


@pytest.fixture
def blobs(tmp_path: Path) -> BlockFolder:
    blobs = BlockFolder(tmp_path / "store")
    blobs.profile = Profile(chunk=64, links=4)
    return blobs


def files(blobs: BlockFolder) -> set[Path]:
    return {path for path in blobs.root.rglob("*") if path.is_file()}


# Those who write and those who remove, in processes of their own. Blobs share most of their
# leaves, so that what one process drops is what another is just adding.
WRITER = """
import random, sys, time
from pathlib import Path
from visdm.adapters.blocks import BlockFolder
from visdm.adapters.blocks.unixfs import Profile

blobs = BlockFolder(Path(sys.argv[1]))
blobs.profile = Profile(chunk=64, links=4)
chance, end, mine = random.Random(int(sys.argv[2])), time.monotonic() + float(sys.argv[3]), {}
own = int(sys.argv[2]).to_bytes(64)  # so that no other writer drops what this one keeps
while time.monotonic() < end:
    content = b"".join(chance.randrange(12).to_bytes(64) for _ in range(9)) + own
    with blobs.adding() as upload:
        upload.write(content)
    mine[upload.cid] = content
    assert blobs.read(upload.cid) == content
    if chance.random() < 0.5:
        dropped = chance.choice(list(mine))
        del mine[dropped]
        blobs.drop(dropped)
for cid, content in mine.items():
    assert blobs.read(cid) == content
    print(cid)
"""

COLLECTOR = """
import sys, time
from pathlib import Path
from visdm.adapters.blocks import BlockFolder

blobs, end, times = BlockFolder(Path(sys.argv[1])), time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    blobs.collect()
    times += 1
print(times)
"""


def test_collecting_beside_writers_never_removes_what_they_keep(blobs: BlockFolder) -> None:
    seconds = "3"
    always = blobs.write(TEXT)
    told = [(WRITER, str(number), seconds) for number in (1, 2, 3)] + [(COLLECTOR, seconds)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(blobs.root), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for program, *arguments in told
    ]
    kept, said = {always}, []
    for process in started:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        said.append(out.split())
    assert int(said.pop()[0]) > 0
    kept.update(cid for lines in said for cid in lines)
    assert {str(root) for root in blobs.pins()} == kept
    needed = {cid for root in kept for cid in blobs.blob(root).names()}
    for root in kept:
        blobs.read(root)
    blobs.collect()
    assert set(blobs.stored()) == needed


def test_a_collection_waits_for_an_upload_that_has_blocks_and_no_pin_yet(
    blobs: BlockFolder,
) -> None:
    blobs.write(TEXT)
    with blobs.adding() as upload:
        upload.write(TEXT[::-1])
        command = [sys.executable, "-c", COLLECTOR, str(blobs.root), "0.1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.kill()
    assert blobs.read(upload.cid) == TEXT[::-1]


@pytest.mark.parametrize("damage", ["false", "missing", "unreadable"])
def test_nothing_is_removed_while_a_kept_blob_lacks_a_node(blobs: BlockFolder, damage: str) -> None:
    root = blobs.write(TEXT)
    kept = blobs.write(TEXT * 2)
    blobs.drop(root)
    with blobs.keeping() as keep:
        keep(Cid.of(RAW, b"of nobody"), b"of nobody")
    nodes = [cid for cid in blobs.blob(kept).names() if cid.codec == DAG_PB]
    for node in nodes:
        path, block = blobs.path(node), blobs.path(node).read_bytes()
        path.unlink()
        if damage == "false":
            path.write_bytes(block[:-1])
        elif damage == "unreadable":
            path.mkdir()
        before = files(blobs)
        with pytest.raises(BlobError, match=kept):
            blobs.collect()
        assert files(blobs) == before
        if damage == "unreadable":
            path.rmdir()
        path.write_bytes(block)
    assert blobs.collect().blocks == 1


def test_a_lost_leaf_of_a_kept_blob_costs_no_other_block(blobs: BlockFolder) -> None:
    kept = blobs.write(TEXT)
    blobs.path(Cid.of(RAW, TEXT[:64])).unlink()
    before = files(blobs)
    assert blobs.collect().blocks == 0
    assert files(blobs) == before
    assert blobs.write(TEXT) == kept
    assert blobs.read(kept) == TEXT


def test_files_that_are_not_ours_are_left_alone(blobs: BlockFolder) -> None:
    kept = blobs.write(TEXT)
    stray = str(Cid.of(RAW, b"stray"))
    shard = blobs.path(Cid.of(RAW, b"stray")).parent
    shard.mkdir(exist_ok=True)
    foreign = [
        blobs.root / "blocks" / "README",
        blobs.root / "blocks" / stray,
        blobs.root / "blocks" / "backup" / stray,
        shard / "notes.txt",
        shard / (stray + ".bak"),
        blobs.root / "pins" / ".directory",
        blobs.root / "partial" / "notes.txt",
    ]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("not ours")
    (shard / stray).mkdir()
    linked = blobs.path(Cid.of(RAW, b"linked"))
    linked.parent.mkdir(exist_ok=True)
    linked.symlink_to(foreign[0])
    removed = blobs.collect()
    assert (removed.blocks, removed.size) == (0, 0)
    assert {path.read_text() for path in foreign} == {"not ours"}
    assert (shard / stray).is_dir()
    assert linked.is_symlink()
    assert blobs.read(kept) == TEXT
    blobs.drop(kept)
    assert list(blobs.stored()) == []
    assert all(path.is_file() for path in foreign)


def test_what_was_removed_is_counted(blobs: BlockFolder) -> None:
    blobs.write(b"kept")
    with blobs.keeping() as keep:
        for content in (b"one", b"three"):
            keep(Cid.of(RAW, content), content)
    removed = blobs.collect()
    assert (removed.blocks, removed.size) == (2, len(b"onethree"))
    removed = blobs.collect()
    assert (removed.blocks, removed.size) == (0, 0)


@pytest.mark.parametrize("pins", ["emptied", "missing"])
def test_where_nothing_at_all_is_pinned_nothing_is_removed_unasked(
    blobs: BlockFolder, pins: str
) -> None:
    for content in (TEXT, b"short"):
        blobs.write(content)
    folder = blobs.root / "pins"
    for pin in folder.iterdir():
        pin.unlink()
    if pins == "missing":
        folder.rmdir()
    again = BlockFolder(blobs.root)
    before = files(again)
    with pytest.raises(OutputError, match="nothing says which of them to keep") as caught:
        again.collect()
    assert caught.value.hint
    assert files(again) == before
    again.collect(everything=True)
    assert list(again.stored()) == []


def test_pins_that_are_lost_while_the_store_is_open_remove_nothing(blobs: BlockFolder) -> None:
    blobs.write(TEXT)
    (blobs.root / "pins").rename(blobs.root / "elsewhere")
    before = files(blobs)
    with pytest.raises(BlobError, match="cannot be listed"):
        blobs.collect()
    assert files(blobs) == before


def test_an_empty_store_is_collected_without_a_word(blobs: BlockFolder) -> None:
    assert blobs.collect().blocks == 0


def test_a_store_whose_pins_are_of_today_keeps_dropping_from_removing_what_is_older(
    blobs: BlockFolder,
) -> None:
    older = blobs.write(TEXT)
    (blobs.root / "pins" / older).unlink()
    blobs.drop(older)
    assert blobs.read(older) == TEXT


def test_a_store_that_cannot_be_locked_says_so(
    blobs: BlockFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.write(TEXT)
    (blobs.root / "lock").unlink()
    (blobs.root / "lock").mkdir()
    with pytest.raises(OutputError, match="is a directory"):
        blobs.collect()
    (blobs.root / "lock").rmdir()

    def unlockable(handle: int, how: int) -> None:
        del handle, how
        raise OSError(37, os.strerror(37))

    monkeypatch.setattr("visdm.adapters.blocks.store.fcntl.flock", unlockable)
    with pytest.raises(OutputError, match="cannot be locked: no locks available") as caught:
        blobs.collect()
    assert caught.value.hint
    with pytest.raises(OutputError, match="cannot be locked"):
        blobs.write(b"x")


def test_a_blocks_fault_is_said_in_words(blobs: BlockFolder) -> None:
    blobs.write(TEXT)
    one, other, third = (Cid.of(RAW, TEXT[at : at + 64]) for at in (0, 64, 128))
    assert blobs.fault(one) == ""
    blobs.path(one).write_bytes(b"false")
    blobs.path(other).unlink()
    blobs.path(third).unlink()
    blobs.path(third).mkdir()
    assert blobs.fault(one) == "is false: its bytes have another digest"
    assert blobs.fault(other) == "is missing"
    assert blobs.fault(third) == "cannot be read: is a directory"
    assert [blobs.size_of(cid) for cid in (one, other)] == [5, 0]


def test_a_drop_beside_a_damaged_blob_changes_nothing_and_names_it(tmp_path: Path) -> None:
    blobs = BlockFolder(tmp_path)
    blobs.profile = Profile(chunk=64, links=4)
    damaged, gone = blobs.write(bytes(range(200))), blobs.write(b"to be dropped")
    root = blobs.path(Cid.parse(damaged))
    whole = root.read_bytes()
    root.unlink()
    with pytest.raises(BlobError, match=damaged):
        blobs.drop(gone)
    assert {str(pin) for pin in blobs.pins()} == {damaged, gone}
    assert blobs.read(gone) == b"to be dropped"
    root.write_bytes(whole)
    blobs.drop(gone)
    with pytest.raises(BlobError, match="is missing"):
        blobs.read(gone)


def test_a_drop_that_was_cut_off_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = BlockFolder(tmp_path)
    cid = blobs.write(b"a secret")

    def fail(*_: object) -> None:
        raise OutputError(tmp_path, "is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(BlockFolder, "_remove", fail)
        with pytest.raises(OutputError):
            blobs.drop(cid)
    assert blobs.pins() == []
    BlockFolder(tmp_path).drop(cid)
    assert list((tmp_path / "blocks").glob("*/*")) == []
    assert list((tmp_path / "dropping").iterdir()) == []
