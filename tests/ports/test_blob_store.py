"""The port `BlobStore`: one suite over every store, and attacks on what they hold.

The node is the one of `kubo/node.py`, or a real one where `VISDM_KUBO` names it; the gateway's
owner stores what is read through it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from kubo.daemon import REAL, daemon, quick
from kubo.gateway import FedGateway, Gate
from kubo.loopback import running
from kubo.node import Node
from memory.blobs import MemoryBlobs
from visdm.adapters.blocks import BlockFolder, Kubo, Several
from visdm.adapters.blocks.cid import RAW, Cid
from visdm.adapters.blocks.unixfs import Profile
from visdm.errors import BlobError, InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.adapters.blocks import Blobs
    from visdm.ports import BlobStore

MIB = 1 << 20
HELLO = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
ABSENT = str(Cid.of(RAW, b"nobody ever stored these bytes: visdm"))
CONTENT = b"".join(number.to_bytes(2) for number in range(500))
"""Thousand bytes: sixteen leaves below four nodes below a root, cut as `attacked` does."""


@contextmanager
def store(kind: str, root: Path) -> Iterator[BlobStore]:
    match kind:
        case "memory":
            yield MemoryBlobs()
        case "folder":
            yield BlockFolder(root)
        case "several":
            yield Several([BlockFolder(root), MemoryBlobs()])
        case "kubo":
            with daemon() as url:
                yield Kubo(url, search=0, patience=quick())
        case "gateway":
            with running(Gate()) as gate:
                yield FedGateway(gate)


@pytest.fixture(params=["memory", "folder", "several", "kubo", "gateway"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    with store(request.param, tmp_path / "store") as made:
        yield made


class Attacked(Protocol):
    """A store and the power over its blocks."""

    @property
    def blobs(self) -> Blobs: ...
    def cids(self) -> list[Cid]: ...
    def load(self, cid: Cid) -> bytes: ...
    def place(self, cid: Cid, block: bytes) -> None: ...
    def remove(self, cid: Cid) -> None: ...


@dataclass
class AttackedBlocks:
    """A store over a dictionary, here or behind a server."""

    blobs: Blobs
    blocks: dict[Cid, bytes]

    def cids(self) -> list[Cid]:
        return list(self.blocks)

    def load(self, cid: Cid) -> bytes:
        return self.blocks[cid]

    def place(self, cid: Cid, block: bytes) -> None:
        self.blocks[cid] = block

    def remove(self, cid: Cid) -> None:
        del self.blocks[cid]


@dataclass
class AttackedFolder:
    blobs: BlockFolder
    root: Path

    def cids(self) -> list[Cid]:
        return [Cid.parse(path.name) for path in (self.root / "blocks").glob("*/*")]

    def load(self, cid: Cid) -> bytes:
        return self.blobs.path(cid).read_bytes()

    def place(self, cid: Cid, block: bytes) -> None:
        self.blobs.path(cid).write_bytes(block)

    def remove(self, cid: Cid) -> None:
        self.blobs.path(cid).unlink()


@dataclass
class AttackedSeveral:
    """Two stores under the same attack: of one alone the other would make up for it."""

    blobs: Several
    both: tuple[Attacked, Attacked]

    def cids(self) -> list[Cid]:
        return self.both[0].cids()

    def load(self, cid: Cid) -> bytes:
        return self.both[0].load(cid)

    def place(self, cid: Cid, block: bytes) -> None:
        for each in self.both:
            each.place(cid, block)

    def remove(self, cid: Cid) -> None:
        for each in self.both:
            each.remove(cid)


@contextmanager
def attack(kind: str, root: Path) -> Iterator[Attacked]:
    match kind:
        case "memory":
            memory = MemoryBlobs()
            yield AttackedBlocks(memory, memory.blocks)
        case "folder":
            yield AttackedFolder(BlockFolder(root), root)
        case "several":
            with attack("folder", root) as folder, attack("memory", root) as memory_too:
                both = (folder, memory_too)
                yield AttackedSeveral(Several([each.blobs for each in both]), both)
        case "kubo":
            if REAL:
                pytest.skip("a real daemon is not to be spoiled")
            with running(Node()) as node:
                yield AttackedBlocks(Kubo(node.url, search=0, patience=quick()), node.repo.blocks)
        case "gateway":
            with running(Gate()) as gate:
                yield AttackedBlocks(FedGateway(gate), gate.blocks)


@pytest.fixture(params=["memory", "folder", "several", "kubo", "gateway"])
def attacked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Attacked]:
    with attack(request.param, tmp_path / "store") as made:
        made.blobs.profile = Profile(chunk=64, links=4)
        yield made


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where to write; after the test nothing else may lie beside it."""
    folder = tmp_path / "wanted"
    folder.mkdir()
    yield folder / "blob"
    assert {path.name for path in folder.iterdir()} <= {"blob"}


# What every store does.


def test_a_document_comes_back(blobs: BlobStore) -> None:
    cid = blobs.write(b"hello")
    assert blobs.read(cid) == b"hello"
    assert blobs.write(b"hello") == cid


def test_cids_are_those_of_ipfs(blobs: BlobStore) -> None:
    assert blobs.write(b"hello") == HELLO
    assert blobs.write(b"") == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB // 2])
def test_a_file_comes_back_whole(blobs: BlobStore, size: int, tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source"
    content = (b"0123456789" * (size // 10 + 1))[:size]
    source.write_bytes(content)
    cid = blobs.put(source)
    assert blobs.put(source) == cid == blobs.write(content)
    blobs.get(cid, target)
    assert target.read_bytes() == content
    assert blobs.read(cid) == content


def test_what_lay_at_the_target_is_replaced(blobs: BlobStore, target: Path) -> None:
    target.write_bytes(b"a longer text from before")
    blobs.get(blobs.write(b"new"), target)
    assert target.read_bytes() == b"new"


def test_a_document_as_long_as_the_limit_is_read_and_no_longer_one(blobs: BlobStore) -> None:
    for size in (0, 10, 3 * MIB):
        cid = blobs.write(bytes(size))
        assert blobs.read(cid, limit=size) == bytes(size)
        if size:
            with pytest.raises(BlobError, match=cid):
                blobs.read(cid, limit=size - 1)


def test_a_document_above_sixteen_mebibytes_is_not_read_unasked(blobs: BlobStore) -> None:
    cid = blobs.write(bytes(16 * MIB + 1))
    with pytest.raises(BlobError, match=f"{cid}: is {16 * MIB + 1} bytes; at most {16 * MIB}"):
        blobs.read(cid)


def test_a_blob_that_nobody_stored_is_missing(blobs: BlobStore, target: Path) -> None:
    target.write_bytes(b"as it was")
    with pytest.raises(BlobError, match=f"{ABSENT}: is missing"):
        blobs.read(ABSENT)
    with pytest.raises(BlobError, match=f"{ABSENT}: is missing"):
        blobs.get(ABSENT, target)
    assert target.read_bytes() == b"as it was"


@pytest.mark.parametrize("cid", ["", "hello", "../../secret", HELLO.upper(), HELLO[:-1], "b\n"])
def test_a_malformed_cid_is_refused(blobs: BlobStore, cid: str, target: Path) -> None:
    with pytest.raises(BlobError) as caught:
        blobs.read(cid)
    assert caught.value.hint
    with pytest.raises(BlobError):
        blobs.get(cid, target)
    assert not target.exists()


def test_a_source_that_is_not_there_is_the_users_mistake(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent: cannot be read: no such file"):
        blobs.put(tmp_path / "absent")
    with pytest.raises(InputError, match="cannot be read: is a directory"):
        blobs.put(tmp_path)


def test_a_target_that_cannot_be_is_named(blobs: BlobStore, tmp_path: Path) -> None:
    cid = blobs.write(b"hello")
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    for place, problem in [
        ("absent/blob", "no such file or directory"),
        ("file/blob", "not a directory"),
        ("full", "is a folder"),
    ]:
        with pytest.raises(OutputError) as caught:
            blobs.get(cid, tmp_path / place)
        assert caught.value.problem == problem
        assert caught.value.path == str(tmp_path / place)


# What no store lets pass.


def refused(attacked: Attacked, cid: str, target: Path, problem: str) -> None:
    target.write_bytes(b"as it was")
    with pytest.raises(BlobError, match=problem) as caught:
        attacked.blobs.get(cid, target)
    assert caught.value.cid == cid
    assert target.read_bytes() == b"as it was"
    with pytest.raises(BlobError, match=problem):
        attacked.blobs.read(cid)


def test_a_flipped_bit_in_any_block_is_refused(attacked: Attacked, target: Path) -> None:
    root = attacked.blobs.write(CONTENT)
    cids = attacked.cids()
    assert len(cids) == 16 + 4 + 1
    for cid in cids:
        block = attacked.load(cid)
        attacked.place(cid, block[:-1] + bytes([block[-1] ^ 0x80]))
        refused(attacked, root, target, "another digest")
        attacked.place(cid, block)
    assert attacked.blobs.read(root) == CONTENT


def test_any_missing_block_is_named(attacked: Attacked, target: Path) -> None:
    root = attacked.blobs.write(CONTENT)
    for cid in attacked.cids():
        block = attacked.load(cid)
        attacked.remove(cid)
        named = "" if str(cid) == root else f"its block {cid} "
        refused(attacked, root, target, f"{root}: {named}is missing")
        attacked.place(cid, block)


def test_a_truncated_or_lengthened_block_is_refused(attacked: Attacked, target: Path) -> None:
    root = attacked.blobs.write(CONTENT)
    for cid in attacked.cids():
        block = attacked.load(cid)
        for false in (b"", block[:-1], block + b"\0", block + bytes(3 * MIB)):
            attacked.place(cid, false)
            refused(attacked, root, target, "another digest|is more than")
        attacked.place(cid, block)


def test_swapped_blocks_are_refused(attacked: Attacked, target: Path) -> None:
    root = attacked.blobs.write(CONTENT)
    one, other = (Cid.of(RAW, CONTENT[at : at + 64]) for at in (0, 64))
    blocks = attacked.load(one), attacked.load(other)
    attacked.place(one, blocks[1])
    attacked.place(other, blocks[0])
    refused(attacked, root, target, f"its block {one} is false")


def test_another_blob_under_a_name_is_refused(attacked: Attacked, target: Path) -> None:
    root, other = (Cid.parse(attacked.blobs.write(text)) for text in (b"mine", b"his"))
    attacked.place(root, attacked.load(other))
    refused(attacked, str(root), target, "another digest")


def test_storing_again_mends_what_was_lost(attacked: Attacked) -> None:
    root = attacked.blobs.write(CONTENT)
    for cid in attacked.cids()[:3]:
        attacked.remove(cid)
    assert attacked.blobs.write(CONTENT) == root
    assert attacked.blobs.read(root) == CONTENT


@pytest.mark.parametrize("attacked", ["memory", "folder", "several"], indirect=True)
def test_storing_again_repairs_what_is_false(attacked: Attacked) -> None:
    """Not in an IPFS node, which never writes a block that it has (docs/storage.md)."""
    root = attacked.blobs.write(CONTENT)
    cids = attacked.cids()
    attacked.place(cids[0], b"false")
    attacked.place(cids[1], b"")
    assert attacked.blobs.write(CONTENT) == root
    assert attacked.blobs.read(root) == CONTENT


def test_memory_blobs_can_be_lost_and_falsified() -> None:
    blobs = MemoryBlobs()
    for content in (b"", b"hello", bytes(2 * MIB)):
        cid = blobs.write(content)
        blobs.falsify(cid)
        with pytest.raises(BlobError, match="another digest"):
            blobs.read(cid)
        blobs.lose(cid)
        with pytest.raises(BlobError, match="is missing"):
            blobs.read(cid)
        assert blobs.write(content) == cid
        assert blobs.read(cid) == content
