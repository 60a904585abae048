"""A blob as a stream: the same bytes however they are drawn, and none that were not checked."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ports.blobs.stores import KINDS, cid_of, small
from visdm.adapters.blocks.cid import RAW, Cid
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ports.blobs.stores import Held

TEXT = b"".join(number.to_bytes(2) for number in range(500))
LEAVES = [Cid.of(RAW, TEXT[at : at + 64]) for at in range(0, len(TEXT), 64)]


@pytest.fixture(scope="module", params=KINDS)
def stored(request: pytest.FixtureRequest) -> Iterator[Held]:
    """A store with `TEXT` in it, which nobody changes."""
    root = Path(mkdtemp())
    held = small(str(request.param), root)
    held.blobs.write(TEXT)
    yield held
    shutil.rmtree(root)


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 1200), min_size=1, max_size=8))
def test_reads_of_any_sizes_give_the_same_bytes(stored: Held, sizes: list[int]) -> None:
    reader = stored.blobs.open(cid_of(TEXT))
    read = b""
    for number in range(2000):
        size = sizes[number % len(sizes)]
        piece = reader.read(size)
        assert len(piece) <= size
        if not piece:
            break
        read += piece
    assert read == TEXT
    assert reader.read() == reader.read(7) == b""


@settings(max_examples=30, deadline=None)
@given(first=st.integers(0, 1100))
def test_reading_to_the_end_gives_what_is_left_once(stored: Held, first: int) -> None:
    reader = stored.blobs.open(cid_of(TEXT))
    begun = reader.read(first)
    assert begun + reader.read() == TEXT
    assert reader.read() == reader.read(1) == b""


def test_an_empty_blob_ends_at_once(held: Held) -> None:
    reader = held.blobs.open(held.blobs.write(b""))
    assert reader.read(10) == reader.read() == b""


@pytest.mark.parametrize("at", range(0, len(LEAVES), 5))
@pytest.mark.parametrize("size", [7, 64, 1000, -1])
def test_a_damaged_block_raises_before_any_of_its_bytes_come_out(
    held: Held, at: int, size: int
) -> None:
    cid = held.blobs.write(TEXT)
    held.place(LEAVES[at], TEXT[at * 64 : at * 64 + 63] + b"!")
    reader, read = held.blobs.open(cid), b""

    def draw() -> None:
        nonlocal read
        while piece := reader.read(size):
            read += piece

    with pytest.raises(BlobError, match=f"{cid}: its block {LEAVES[at]} is false"):
        draw()
    assert read == (TEXT[: at * 64] if size > 0 else b"")
    # Whoever tries again must not take the fault for the end.
    with pytest.raises(BlobError, match="is false"):
        reader.read(size)
    with pytest.raises(BlobError, match="is false"):
        reader.read()


def test_a_false_root_is_refused_on_opening(held: Held) -> None:
    cid = held.blobs.write(TEXT)
    held.place(Cid.parse(cid), b"false")
    with pytest.raises(BlobError, match="another digest"):
        held.blobs.open(cid)
