"""Archives as strangers may write them: read to the last byte, or refused in one way."""

from __future__ import annotations

import io
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.blobs import MemoryBlobs
from visdm.adapters.blocks import car
from visdm.adapters.blocks.cid import DAG_PB, RAW, Cid
from visdm.adapters.blocks.node import varint
from visdm.adapters.blocks.unixfs import MAX_LEAF, Profile
from visdm.errors import BlobError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

MIB = 1 << 20


def packed(content: bytes, chunk: int = 16) -> bytes:
    """Return an archive of `content`, cut small."""
    blobs = MemoryBlobs()
    blobs.profile = Profile(chunk=chunk, links=3)
    sink = io.BytesIO()
    blobs.export(blobs.write(content), sink)
    return sink.getvalue()


def parsed(document: bytes) -> tuple[tuple[Cid, ...], list[tuple[Cid, bytes]]]:
    archive = car.Archive(io.BytesIO(document))
    return archive.roots, list(archive)


def written(roots: Iterable[Cid], blocks: Iterable[tuple[Cid, bytes]]) -> bytes:
    return car.header(roots) + b"".join(car.section(cid, block) for cid, block in blocks)


WHOLE = packed(b"".join(number.to_bytes(2) for number in range(60)))
blocks = st.builds(
    lambda codec, block: (Cid.of(codec, block), block),
    st.sampled_from([RAW, DAG_PB]),
    st.binary(max_size=300),
)
names = st.builds(Cid, st.sampled_from([RAW, DAG_PB]), st.binary(min_size=32, max_size=32))


class Trickle(io.BytesIO):
    """Gives at most some bytes at a time, as a network does."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._most if size is None or size < 0 else min(size, self._most))


@given(
    roots=st.lists(names, min_size=1, max_size=car.MAX_ROOTS),
    blocks=st.lists(blocks, max_size=6),
    most=st.integers(1, 400),
)
def test_what_was_written_is_read_however_it_trickles_in(
    roots: list[Cid], blocks: list[tuple[Cid, bytes]], most: int
) -> None:
    archive = car.Archive(Trickle(written(roots, blocks), most))
    assert (list(archive.roots), list(archive)) == (roots, blocks)


@given(document=st.binary(max_size=400))
def test_arbitrary_bytes_are_refused(document: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parsed(document)
    assert caught.value.hint


@given(rest=st.binary(min_size=1, max_size=400))
def test_arbitrary_bytes_after_a_good_header_are_refused(rest: bytes) -> None:
    with pytest.raises(InputError):
        parsed(car.header([Cid.of(RAW, b"")]) + rest)


def test_an_archive_cut_anywhere_is_refused_or_ends_between_two_blocks() -> None:
    roots, blocks = parsed(WHOLE)
    ends = {len(written(roots, blocks[:number])) for number in range(len(blocks) + 1)}
    for at in range(len(WHOLE)):
        if at in ends:
            assert parsed(WHOLE[:at])[1] == blocks[: len(parsed(WHOLE[:at])[1])]
        else:
            with pytest.raises(InputError, match=f"(is cut off|is empty), at byte {at}"):
                parsed(WHOLE[:at])


@settings(max_examples=400)
@given(at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_any_changed_byte_is_refused_or_names_another_block(at: int, byte: int) -> None:
    if WHOLE[at] == byte:
        return
    document = WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    try:
        roots, blocks = parsed(document)
    except InputError:
        pass
    else:
        # A root that is another, or a block of the other codec: neither makes a blob of it.
        assert (roots, blocks) != parsed(WHOLE)
        assert written(roots, blocks) == document
    blobs = MemoryBlobs()
    with pytest.raises((InputError, BlobError)):
        blobs.take_in(io.BytesIO(document))
    assert blobs.pins() == []


@given(at=st.integers(0, len(WHOLE)), cut=st.integers(0, 80), insert=st.binary(max_size=6))
def test_an_altered_archive_is_read_as_it_stands_or_refused(
    at: int, cut: int, insert: bytes
) -> None:
    document = WHOLE[:at] + insert + WHOLE[at + cut :]
    try:
        roots, blocks = parsed(document)
    except InputError:
        return
    assert written(roots, blocks) == document


@pytest.mark.parametrize("place", ["header", "block"])
@pytest.mark.parametrize(
    "length", [car._MAX_SECTION + 1, 1 << 31, 1 << 40, 1 << 62, 1 << 63, 1 << 70]
)
def test_a_declared_length_of_terabytes_costs_nothing(place: str, length: int) -> None:
    before = b"" if place == "header" else car.header([Cid.of(RAW, b"")])
    document = before + varint(length) + bytes(100)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"holds something longer than [0-9]+ bytes"):
            parsed(document)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MIB


@pytest.mark.parametrize("most", [1, 3, 1 << 14, 1 << 30])
def test_a_block_costs_a_few_times_its_bytes_however_it_trickles_in(most: int) -> None:
    block = bytes(MAX_LEAF) if most > 3 else bytes(200_000)
    source = Trickle(written([Cid.of(RAW, block)], [(Cid.of(RAW, block), block)]), most)
    tracemalloc.start()
    try:
        assert [len(each) for _, each in car.Archive(source)] == [len(block)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(block)


@pytest.mark.parametrize("count", [10, 200])
def test_memory_does_not_grow_with_the_archive(count: int) -> None:
    block = bytes(100_000)
    section = car.section(Cid.of(RAW, block), block)

    class Endless(io.BytesIO):
        left = count

        def read(self, size: int | None = -1, /) -> bytes:
            piece = super().read(size)
            if not piece and self.left:
                self.left -= 1
                self.seek(0)
                self.truncate()
                self.write(section)
                self.seek(0)
                piece = super().read(size)
            return piece

    tracemalloc.start()
    try:
        total = sum(1 for _ in car.Archive(Endless(car.header([Cid.of(RAW, block)]))))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == count
    assert peak < MIB


def other_header(body: bytes) -> bytes:
    return varint(len(body)) + body


ROOT = Cid.of(RAW, b"")
BODY = car.header([ROOT])[1:]
HEADERS = {
    "no bytes": b"\x00",
    "an empty map": other_header(b"\xa0"),
    "no roots": car.header([]),
    "too many roots": b"",
    "version 2": other_header(BODY[:-1] + b"\x02"),
    "the names swapped": other_header(
        b"\xa2\x67version\x01\x65roots\x81" + BODY[8 : len(BODY) - 9]
    ),
    "more behind it": other_header(BODY + b"\x00"),
    "a length in two bytes where one does": bytes([len(BODY) | 0x80, 0]) + BODY,
    "a count in two bytes": other_header(BODY[:7] + b"\x98\x01" + BODY[8:]),
    "roots of an unknown codec": other_header(BODY.replace(bytes(ROOT)[:2], b"\x01\x71")),
    "a CIDv0": other_header(BODY.replace(bytes(ROOT), bytes(ROOT)[2:] + b"xx")),
    "a book": varint(1 << 12) + bytes(1 << 12),
}
HEADERS["too many roots"] = other_header(
    b"\xa2\x65roots\x98\x18" + (b"\xd8\x2a\x58\x25\x00" + bytes(ROOT)) * 24 + b"\x67version\x01"
)


@pytest.mark.parametrize("document", HEADERS.values(), ids=HEADERS)
def test_a_header_in_another_form_is_refused(document: bytes) -> None:
    with pytest.raises(InputError, match="the archive "):
        car.Archive(io.BytesIO(document))


SECTIONS = {
    "of no bytes": b"\x00",
    "without a whole CID": varint(35) + bytes(ROOT)[:35],
    "of an unknown codec": varint(36) + b"\x01\x71" + bytes(ROOT)[2:],
    "of an unknown hash": varint(36) + b"\x01\x55\x1b" + bytes(ROOT)[3:],
    "under another name": car.section(ROOT, b"x"),
    "with a length in too many bytes": b"\xa4\x00" + bytes(ROOT),
    "cut": car.section(Cid.of(RAW, b"xyz"), b"xyz")[:-1],
    "cut in its length": b"\xff",
}


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
def test_a_block_in_another_form_is_refused(section: bytes) -> None:
    archive = car.Archive(io.BytesIO(car.header([ROOT]) + section))
    with pytest.raises(InputError, match=r"the archive .* at byte [0-9]+"):
        list(archive)
