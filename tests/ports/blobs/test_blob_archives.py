"""Blobs that travel as archives: taken in whole or not at all."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memory.blobs import MemoryBlobs
from ports.blobs.stores import blocks_of, cid_of, small
from visdm.adapters.blocks import car
from visdm.adapters.blocks.cid import DAG_PB, Cid
from visdm.adapters.blocks.node import Link, Node
from visdm.errors import BlobError, InputError

if TYPE_CHECKING:
    from ports.blobs.stores import Held

TEXT = b"".join(number.to_bytes(2) for number in range(500))


def archive(held: Held, cid: str) -> bytes:
    sink = io.BytesIO()
    held.blobs.export(cid, sink)
    return sink.getvalue()


def blocks(content: bytes) -> dict[Cid, bytes]:
    return dict(car.Archive(io.BytesIO(packed(content))))


def packed(content: bytes) -> bytes:
    held = small("memory", Path())
    return archive(held, held.blobs.write(content))


@pytest.mark.parametrize("content", [b"", b"short", TEXT, bytes(10_000)])
def test_what_is_exported_and_taken_in_elsewhere_is_the_same_blob_and_kept(
    held: Held, other: Held, content: bytes
) -> None:
    cid = held.blobs.write(content)
    assert other.blobs.take_in(io.BytesIO(archive(held, cid))) == [cid]
    other.collect()
    assert other.blobs.read(cid) == content
    assert [str(root) for root in other.blobs.pins()] == [cid]
    assert other.cids() == blocks_of(content)
    assert archive(other, cid) == archive(held, cid)


def test_an_archive_of_a_blob_that_is_there_already_changes_nothing(held: Held) -> None:
    cid = held.blobs.write(TEXT)
    before = held.cids()
    assert held.blobs.take_in(io.BytesIO(archive(held, cid))) == [cid]
    assert held.cids() == before


def test_an_archive_repairs_what_is_damaged(held: Held) -> None:
    cid = held.blobs.write(TEXT)
    whole = archive(held, cid)
    for block in held.cids():
        held.place(block, b"false")
    held.blobs.take_in(io.BytesIO(whole))
    assert held.blobs.read(cid) == TEXT


def test_an_archive_that_lacks_any_block_pins_nothing(held: Held) -> None:
    all_blocks = blocks(TEXT)
    root = Cid.parse(cid_of(TEXT))
    for missing in all_blocks:
        rest = b"".join(car.section(cid, all_blocks[cid]) for cid in all_blocks if cid != missing)
        with pytest.raises(BlobError, match="is missing"):
            held.blobs.take_in(io.BytesIO(car.header([root]) + rest))
        assert held.blobs.pins() == []
    held.collect()
    assert held.cids() == set()


def test_an_archive_must_hold_all_itself_since_the_next_store_may_lack_the_rest(
    held: Held,
) -> None:
    all_blocks = blocks(TEXT)
    root = Cid.parse(cid_of(TEXT))
    held.blobs.write(TEXT)
    held.blobs.drop(str(root))
    with held.blobs.keeping() as keep:
        for cid, block in all_blocks.items():
            keep(cid, block)
    only_root = car.header([root]) + car.section(root, all_blocks[root])
    with pytest.raises(BlobError, match="is missing"):
        held.blobs.take_in(io.BytesIO(only_root))
    assert held.blobs.pins() == []


def test_a_cut_archive_pins_nothing(held: Held) -> None:
    whole = packed(TEXT)
    for at in range(0, len(whole), 37):
        with pytest.raises((InputError, BlobError)):
            held.blobs.take_in(io.BytesIO(whole[:at]))
        assert held.blobs.pins() == []


def test_one_blob_that_is_not_whole_keeps_the_other_roots_out_too(held: Held) -> None:
    all_blocks = {**blocks(TEXT), **blocks(b"short")}
    roots = [Cid.parse(cid_of(b"short")), Cid.parse(cid_of(TEXT))]
    del all_blocks[roots[1]]
    sections = b"".join(car.section(cid, block) for cid, block in all_blocks.items())
    with pytest.raises(BlobError, match="is missing"):
        held.blobs.take_in(io.BytesIO(car.header(roots) + sections))
    assert held.blobs.pins() == []


def test_several_roots_are_all_pinned(held: Held) -> None:
    all_blocks = {**blocks(TEXT), **blocks(b"short")}
    roots = [Cid.parse(cid_of(b"short")), Cid.parse(cid_of(TEXT))]
    sections = b"".join(car.section(cid, block) for cid, block in all_blocks.items())
    assert held.blobs.take_in(io.BytesIO(car.header(roots) + sections)) == list(map(str, roots))
    held.collect()
    assert held.cids() == blocks_of(TEXT) | blocks_of(b"short")


def test_a_false_block_is_not_exported(held: Held) -> None:
    cid = held.blobs.write(TEXT)
    damaged = next(block for block in held.cids() if block.codec != DAG_PB)
    held.place(damaged, b"false")
    with pytest.raises(BlobError, match=f"its block {damaged} is false"):
        held.blobs.export(cid, io.BytesIO())


def bomb() -> tuple[Cid, dict[Cid, bytes]]:
    """Eight nodes of a thousand links to the same child: more than 10^24 bytes in 500 KB."""
    blobs = MemoryBlobs()
    leaf = Cid.parse(blobs.write(b"x"))
    link = Link(leaf, 1, 1)
    for _ in range(6):
        node = Node((link,) * 1024)
        block = node.encode()
        blobs.blocks[root := Cid.of(DAG_PB, block)] = block
        link = Link(root, node.size, node.tsize(block))
    return link.cid, blobs.blocks


def test_a_few_blocks_that_stand_for_more_than_the_world_holds_cost_what_they_are(
    held: Held, other: Held
) -> None:
    root, all_blocks = bomb()
    sections = b"".join(car.section(cid, block) for cid, block in all_blocks.items())
    started = time.monotonic()
    assert held.blobs.take_in(io.BytesIO(car.header([root]) + sections)) == [str(root)]
    other.blobs.take_in(io.BytesIO(archive(held, str(root))))
    held.collect()
    assert held.cids() == set(all_blocks)
    held.blobs.drop(str(root))
    assert held.cids() == set()
    assert time.monotonic() - started < 60
