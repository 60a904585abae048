"""What is stored stays until it is dropped, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ports.blobs.stores import KINDS, blocks_of, cid_of, small
from visdm.adapters.blocks.cid import Cid
from visdm.errors import BlobError

if TYPE_CHECKING:
    from ports.blobs.stores import Held

TEXT = b"".join(number.to_bytes(2) for number in range(500))
TWIN = TEXT[:640] + b"and then it goes on otherwise" * 20
"""Begins as `TEXT` does: ten of its leaves are the same."""


def pinned(held: Held) -> list[str]:
    return [str(root) for root in held.blobs.pins()]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(pieces=st.lists(st.binary(max_size=400), max_size=12))
def test_a_blob_written_in_pieces_of_any_sizes_has_the_cid_of_the_whole(
    kind: str, pieces: list[bytes]
) -> None:
    with TemporaryDirectory() as root:
        held = small(kind, Path(root))
        with held.blobs.adding() as upload:
            for number, piece in enumerate(pieces):
                taken = upload.write(bytearray(piece) if number % 2 else memoryview(piece))
                assert taken == len(piece)
        assert upload.cid == cid_of(b"".join(pieces))
        assert held.blobs.read(upload.cid) == b"".join(pieces)
        assert pinned(held) == [upload.cid]


def test_a_blob_has_no_cid_before_it_is_stored(held: Held) -> None:
    with held.blobs.adding() as upload:
        upload.write(TEXT)
        with pytest.raises(RuntimeError, match="no CID before all of it was written"):
            _ = upload.cid


def test_what_is_written_after_the_end_is_refused_and_not_lost_in_silence(held: Held) -> None:
    with held.blobs.adding() as upload:
        upload.write(TEXT)
    cids = held.cids()
    with pytest.raises(RuntimeError, match="complete"):
        upload.write(b"one thing more")
    assert held.cids() == cids
    assert held.blobs.read(upload.cid) == TEXT


def test_an_aborted_upload_pins_nothing_and_its_blocks_are_collected(held: Held) -> None:
    kept = held.blobs.write(TWIN)

    def abort() -> None:
        with held.blobs.adding() as upload:
            upload.write(TEXT)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        abort()
    assert pinned(held) == [kept]
    held.collect()
    assert held.cids() == blocks_of(TWIN)


def test_what_is_stored_survives_a_collection(held: Held) -> None:
    roots = {held.blobs.write(content): content for content in (b"", b"short", TEXT, TWIN)}
    before = held.cids()
    held.collect()
    assert held.cids() == before
    assert {cid: held.blobs.read(cid) for cid in roots} == roots
    assert pinned(held) == sorted(roots)


def test_what_is_dropped_is_gone_and_what_another_blob_shares_stays(held: Held) -> None:
    dropped, kept = held.blobs.write(TEXT), held.blobs.write(TWIN)
    shared = blocks_of(TEXT) & blocks_of(TWIN)
    assert len(shared) == 10 + 2
    held.blobs.drop(dropped)
    assert pinned(held) == [kept]
    assert held.cids() == blocks_of(TWIN)
    assert held.blobs.read(kept) == TWIN
    with pytest.raises(BlobError, match=f"{dropped}: is missing"):
        held.blobs.read(dropped)


def test_a_blob_that_is_a_part_of_another_is_dropped_without_harm(held: Held) -> None:
    part, whole = held.blobs.write(TEXT[:64]), held.blobs.write(TEXT)
    held.blobs.drop(part)
    assert held.blobs.read(whole) == TEXT
    held.blobs.drop(whole)
    assert held.cids() == set()


def test_dropping_twice_changes_nothing_more(held: Held) -> None:
    dropped, kept = held.blobs.write(TEXT), held.blobs.write(TWIN)
    held.blobs.drop(dropped)
    before = held.cids()
    held.blobs.drop(dropped)
    assert (held.cids(), pinned(held)) == (before, [kept])


def test_dropping_what_was_never_there_changes_nothing(held: Held) -> None:
    kept = held.blobs.write(TWIN)
    before = held.cids()
    held.blobs.drop(cid_of(TEXT))
    assert (held.cids(), pinned(held)) == (before, [kept])
    with pytest.raises(BlobError):
        held.blobs.drop("../../etc/passwd")


def test_dropping_what_is_there_but_not_kept_removes_nothing(held: Held) -> None:
    with held.blobs.keeping() as keep:
        for cid in blocks_of(TWIN):
            keep(cid, _block(TWIN, cid))
    before = held.cids()
    held.blobs.drop(cid_of(TWIN))
    assert held.cids() == before


def test_a_dropped_blob_can_be_stored_again(held: Held) -> None:
    cid = held.blobs.write(TEXT)
    held.blobs.drop(cid)
    assert held.blobs.write(TEXT) == cid
    held.collect()
    assert held.blobs.read(cid) == TEXT


def test_a_damaged_blob_can_be_dropped(held: Held) -> None:
    kept = held.blobs.write(TWIN)
    dropped = held.blobs.write(TEXT)
    held.place(Cid.parse(dropped), b"false")
    held.blobs.drop(dropped)
    assert pinned(held) == [kept]
    held.collect()
    assert held.cids() == blocks_of(TWIN)


def _block(content: bytes, cid: Cid) -> bytes:
    source = small("memory", Path())
    source.blobs.write(content)
    block = source.blobs.fetch(cid, 1 << 20)
    assert block is not None
    return block
