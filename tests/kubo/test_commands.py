"""What an IPFS node does beyond the port: pins, counts, archives, progress."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from kubo.daemon import REAL, WITHOUT_A_DAEMON, daemon, quick
from visdm.adapters.blocks import Kubo, Several, car
from visdm.adapters.blocks import kubo as module
from visdm.adapters.blocks.cid import RAW, Cid
from visdm.adapters.blocks.kubo import Stat
from visdm.adapters.blocks.unixfs import MAX_LEAF, Profile
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kubo.node import Node

MIB = 1 << 20
ABSENT = str(Cid.of(RAW, b"nobody ever stored these bytes: visdm"))
CONTENT = b"".join(number.to_bytes(2) for number in range(500))


@pytest.fixture
def store() -> Iterator[Kubo]:
    with daemon() as url:
        yield Kubo(url, search=0, patience=quick())


def test_what_is_stored_is_pinned_until_it_is_dropped(store: Kubo) -> None:
    one, other = store.write(b"visdm: one"), store.write(b"visdm: another")
    assert {Cid.parse(one), Cid.parse(other)} <= set(store.pins())
    store.drop(one)
    store.drop(one)
    assert Cid.parse(one) not in store.pins()
    assert Cid.parse(other) in store.pins()
    with pytest.raises(BlobError):
        store.drop("no cid")


def test_a_blob_is_counted(store: Kubo) -> None:
    assert store.stat(store.write(b"hello")) == Stat(5, 1, 5)
    size = 5 * MIB // 2
    stat = store.stat(store.write(bytes(range(256)) * (size // 256)))
    # The chunks of this content are the same but for the last: a block counts once.
    assert (stat.size, stat.blocks) == (size, 3)
    assert MIB * 3 // 2 < stat.stored < MIB * 3 // 2 + 1000
    with pytest.raises(BlobError, match=f"{ABSENT}: is missing"):
        store.stat(ABSENT)


def test_a_blob_is_read_piece_by_piece(store: Kubo) -> None:
    cid = store.write(bytes(5 * MIB // 2))
    assert [len(piece) for piece in store.cat(cid)] == [MIB, MIB, MIB // 2]


def test_a_blob_moves_between_nodes_as_an_archive(store: Kubo) -> None:
    cid = store.write(bytes(3 * MIB))
    sink = io.BytesIO()
    store.export(cid, sink)
    store.drop(cid)
    assert store.take_in(io.BytesIO(sink.getvalue())) == [cid]
    assert Cid.parse(cid) in store.pins()


def test_leaves_as_long_as_nodes_exchange_are_taken(store: Kubo) -> None:
    leaf = b"visdm" * (MAX_LEAF // 5) + b"!"
    cid = Cid.of(RAW, leaf)
    archive = car.header([cid]) + car.section(cid, leaf)
    assert store.take_in(io.BytesIO(archive)) == [str(cid)]
    assert store.read(str(cid)) == leaf


def test_progress_is_told_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 100)
    told: list[tuple[int, int]] = []
    with daemon() as url:
        store = Kubo(url, progress=lambda *seen: told.append(seen), patience=quick())
        store.profile = Profile(chunk=64, links=100)
        store.write(CONTENT[:256])
    assert [done for done, _ in told][:3] == [64, 128, 192]
    assert {total for _, total in told} == {0}


@WITHOUT_A_DAEMON
def test_blocks_go_in_batches_of_sixteen_mebibytes(node: Node, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"".join(bytes([n]) * MIB for n in range(33)))
    cid = Kubo(node.url).put(source)
    sizes = [sum(len(block) for _, block in batch) for batch in node.imported]
    assert [size // MIB for size in sizes] == [16, 16, 1]
    assert node.imported[-1][-1][0] == Cid.parse(cid)
    assert node.asked == ["dag/import"] * 3 + ["pin/add"]


@WITHOUT_A_DAEMON
def test_other_peoples_pins_are_left_out(node: Node) -> None:
    node.repo.foreign_pins += ["QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN", "bafyreinodagcbor"]
    store = Kubo(node.url)
    assert store.pins() == []
    assert [*store.pins(), Cid.parse(store.write(b"mine"))] == store.pins()


@WITHOUT_A_DAEMON
def test_a_list_of_many_pins_is_read_as_it_comes(node: Node) -> None:
    many = {Cid.of(RAW, number.to_bytes(4)) for number in range(20_000)}
    node.repo.pins |= many
    assert set(Kubo(node.url).pins()) == many


@WITHOUT_A_DAEMON
def test_only_a_node_that_may_is_left_to_search(node: Node) -> None:
    node.repo.online = True
    assert Kubo(node.url, search=0).fetch(Cid.parse(ABSENT), 10) is None
    with pytest.raises(BlobError, match=r"did not find it in 0\.5 seconds") as caught:
        Kubo(node.url, search=0.5, patience=quick()).read(ABSENT)
    assert caught.value.cid == ABSENT
    assert node.asked == ["block/get"] * 2  # it would search in vain again


@WITHOUT_A_DAEMON
@pytest.mark.parametrize("online", [False, True])
def test_a_blob_that_is_not_whole_is_not_pinned(node: Node, *, online: bool) -> None:
    node.repo.online = online
    store = Kubo(node.url, pinning=1.5, patience=quick())
    store.profile = Profile(chunk=64, links=4)
    root = Cid.parse(store.write(CONTENT))
    store.drop(str(root))
    lost, block = next(iter(node.repo.blocks.items()))
    del node.repo.blocks[lost]
    with pytest.raises(OutputError, match=f"did not pin {root}: it lacks blocks") as caught:
        store.pin(root)
    assert "add the blob again" in caught.value.hint
    assert store.pins() == []
    node.repo.blocks[lost] = block
    store.pin(root)
    assert store.pins() == [root]


@WITHOUT_A_DAEMON
def test_a_node_makes_up_for_another(node: Node) -> None:
    store = Kubo(node.url, search=0, patience=quick())
    cid = store.write(b"hello")
    gone = Kubo("http://127.0.0.1:9", patience=quick())
    assert Several([gone], [store]).read(cid) == b"hello"
    with pytest.raises(OutputError, match=r"127\.0\.0\.1:9"):
        Several([store, gone]).write(b"hello")


@pytest.mark.skipif(not REAL, reason="no daemon: VISDM_KUBO is not set")
def test_a_real_daemon_computes_the_same_cid(store: Kubo) -> None:
    """`add` with our profile is an importer that is not ours."""
    import httpx  # noqa: PLC0415 (only here)

    content = bytes(range(256)) * 10_000
    answer = httpx.post(
        f"{REAL}/api/v0/add",
        params={
            "cid-version": "1",
            "raw-leaves": "true",
            "chunker": "size-1048576",
            "pin": "false",
            "quieter": "true",
        },
        files={"file": ("file", content)},
        trust_env=False,
    )
    assert answer.json()["Hash"] == store.write(content)
