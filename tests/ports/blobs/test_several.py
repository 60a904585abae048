"""Several stores as one, when some of them are lost, lie or fail."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from memory.blobs import MemoryBlobs
from ports.blobs.stores import SMALL, blocks_of, cid_of, folder
from visdm.adapters.blocks import BlockFolder
from visdm.adapters.blocks.cid import RAW, Cid
from visdm.adapters.blocks.several import Several
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.adapters.blocks.unixfs import Keep

TEXT = b"".join(number.to_bytes(2) for number in range(500))
ROOT = cid_of(TEXT)
LEAF = Cid.of(RAW, TEXT[:64])


class Failing(MemoryBlobs):
    """A store out of reach, for as long as it is `down`."""

    def __init__(self, *, down: bool = True) -> None:
        super().__init__()
        self.down = down
        self.left = 0
        """Blocks that it still takes before it fails."""

    def fetch(self, cid: Cid, most: int) -> bytes | None:
        if self.down:
            raise BlobError(str(cid), "cannot be fetched: the far store is out of reach")
        return super().fetch(cid, most)

    @contextmanager
    def keeping(self) -> Iterator[Keep]:
        def keep(cid: Cid, block: bytes) -> None:
            if self.down and not self.left:
                raise OutputError("far store", "is out of reach")
            self.left -= 1
            self.blocks[cid] = block

        yield keep

    def drop(self, cid: str) -> None:
        if self.down:
            raise OutputError("far store", "is out of reach")
        super().drop(cid)


@pytest.fixture
def near(tmp_path: Path) -> BlockFolder:
    return BlockFolder(tmp_path / "near")


@pytest.fixture
def far() -> MemoryBlobs:
    return MemoryBlobs()


def both(*stores: MemoryBlobs | BlockFolder) -> Several:
    blobs = Several(stores)
    blobs.profile = SMALL
    return blobs


def test_a_blob_is_written_to_every_store_and_kept_there(
    near: BlockFolder, far: MemoryBlobs
) -> None:
    assert both(near, far).write(TEXT) == ROOT
    near.collect()
    for store in (near, far):
        assert store.read(ROOT) == TEXT
        assert [str(root) for root in store.pins()] == [ROOT]


def test_what_the_first_store_lost_comes_from_the_second(
    near: BlockFolder, far: MemoryBlobs, tmp_path: Path
) -> None:
    blobs = both(near, far)
    blobs.write(TEXT)
    for cid in blocks_of(TEXT):
        near.path(cid).unlink()
        blobs.get(ROOT, tmp_path / "target")
        assert (tmp_path / "target").read_bytes() == blobs.open(ROOT).read() == TEXT


def test_what_the_first_store_falsified_comes_from_the_second(
    near: BlockFolder, far: MemoryBlobs
) -> None:
    blobs = both(near, far)
    blobs.write(TEXT)
    for cid in blocks_of(TEXT):
        block = near.path(cid).read_bytes()
        for false in (b"", block[:-1], block + b"!", bytes(3 << 20)):
            near.path(cid).write_bytes(false)
            assert blobs.read(ROOT) == TEXT


def test_what_the_first_store_cannot_read_comes_from_the_second(
    near: BlockFolder, far: MemoryBlobs
) -> None:
    blobs = both(near, far)
    blobs.write(TEXT)
    for cid in blocks_of(TEXT):
        near.path(cid).unlink()
        near.path(cid).mkdir()
        assert blobs.read(ROOT) == TEXT


def test_each_block_may_come_from_another_store(near: BlockFolder, far: MemoryBlobs) -> None:
    blobs = both(near, far)
    blobs.write(TEXT)
    for number, cid in enumerate(sorted(blocks_of(TEXT), key=str)):
        if number % 2:
            near.path(cid).write_bytes(b"false")
        else:
            del far.blocks[cid]
    assert blobs.read(ROOT) == TEXT
    for store in (near, far):
        with pytest.raises(BlobError):
            store.read(ROOT)


def test_a_source_is_read_from_and_never_written_to(near: BlockFolder) -> None:
    source = MemoryBlobs()
    source.profile = SMALL
    source.write(TEXT)
    blobs = Several([near], [source])
    blobs.write(b"mine")
    assert blobs.read(ROOT) == TEXT
    assert set(source.blocks) == blocks_of(TEXT)
    blobs.drop(ROOT)
    assert blobs.read(ROOT) == TEXT


def test_where_nobody_has_a_block_the_gravest_finding_is_said(near: BlockFolder) -> None:
    down = Failing()
    blobs = both(near, down)
    with pytest.raises(BlobError, match="out of reach"):
        blobs.read(ROOT)
    down.down = False
    with pytest.raises(BlobError, match="is missing"):
        blobs.read(ROOT)
    blobs.write(TEXT)
    near.path(LEAF).write_bytes(b"false")
    down.down = True
    with pytest.raises(BlobError, match=f"its block {LEAF} is false"):
        blobs.read(ROOT)


@pytest.mark.parametrize("left", [0, 1, 7, 20])
def test_a_store_that_fails_while_written_to_is_named_and_adding_again_mends_it(
    near: BlockFolder, left: int
) -> None:
    down = Failing()
    down.left = left
    blobs = both(near, down)
    with pytest.raises(OutputError, match="far store: is out of reach"):
        blobs.write(TEXT)
    assert near.pins() == down.pins() == []
    down.down = False
    assert blobs.write(TEXT) == ROOT
    assert near.read(ROOT) == down.read(ROOT) == TEXT
    assert [str(root) for root in (*near.pins(), *down.pins())] == [ROOT, ROOT]


def test_dropping_reaches_every_store_though_the_first_fails(near: BlockFolder) -> None:
    down = Failing(down=False)
    blobs = both(down, near)
    blobs.write(TEXT)
    down.down = True
    with pytest.raises(OutputError, match="far store: is out of reach"):
        blobs.drop(ROOT)
    assert near.pins() == list(near.stored()) == []
    down.down = False
    blobs.drop(ROOT)
    assert down.blocks == {}


def test_dropping_reaches_every_store_though_the_last_fails(near: BlockFolder) -> None:
    down = Failing(down=False)
    blobs = both(near, down)
    blobs.write(TEXT)
    down.down = True
    with pytest.raises(OutputError, match="far store: is out of reach"):
        blobs.drop(ROOT)
    assert near.pins() == list(near.stored()) == []


def test_adding_holds_off_those_who_remove_in_every_store(tmp_path: Path) -> None:
    parts = [folder(tmp_path / name).blobs for name in ("one", "two")]
    blobs = both(*parts)
    with blobs.adding():
        assert [free(store) for store in parts] == [False, False]
    assert [free(store) for store in parts] == [True, True]


def free(store: BlockFolder) -> bool:
    """Whether somebody could remove from `store` now."""
    with (store.root / "lock").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_no_store_at_all_is_refused_before_anything_seems_stored() -> None:
    with pytest.raises(ValueError, match="store"):
        Several([], [MemoryBlobs()])


def test_collecting_reaches_every_store(near: BlockFolder, far: MemoryBlobs) -> None:
    blobs = both(near, far)
    blobs.write(TEXT)
    with blobs.keeping() as keep:
        keep(Cid.of(RAW, b"of nobody"), b"of nobody")
    removed = blobs.collect()
    assert (removed.blocks, removed.size) == (2, 2 * len(b"of nobody"))
    assert blobs.read(ROOT) == TEXT
