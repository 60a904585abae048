"""UnixFS: the CIDs of others, and nothing but a file that is what its CID says."""

from __future__ import annotations

import base64
import io
import json
import re
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.adapters.blocks.cid import DAG_PB, RAW, Cid
from visdm.adapters.blocks.node import MAX_LINKS, Link, Node
from visdm.adapters.blocks.unixfs import MAX_DEPTH, MAX_LEAF, Blob, Profile, build
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cids.json").read_text())["vectors"]
SCALED = [vector for vector in VECTORS if "root" in vector]
SMALL = Profile(chunk=16, links=3)

Blocks = dict[Cid, bytes]


class Generated(io.BytesIO):
    """The content of a vector, by the rule in `cids.json`, never whole in memory."""

    def __init__(self, size: int, seed: int, stride: int) -> None:
        super().__init__()
        self._size, self._seed, self._stride = size, seed, stride
        self._table = bytes(range(251)) * (stride // 251 + 2)
        self._parts = self._strides()

    def _strides(self) -> Iterator[bytes]:
        for number in range(-(-self._size // self._stride)):
            start = (number * self._stride + self._seed) % 251
            part = number.to_bytes(8) + self._table[start + 8 : start + self._stride]
            yield part[: self._size - number * self._stride]

    def read(self, size: int | None = -1, /) -> bytes:
        assert size == self._stride, "the vectors' strides are their chunks"
        return next(self._parts, b"")


def dag(content: bytes, profile: Profile = SMALL) -> tuple[str, Blocks]:
    blocks: Blocks = {}
    return str(build(io.BytesIO(content), blocks.__setitem__, profile)), blocks


def read(root: str, blocks: Blocks) -> bytes:
    return b"".join(Blob(root, lambda cid, _: blocks.get(cid)))


def keep_node(blocks: Blocks, *links: Link) -> Cid:
    block = Node(links).encode()
    cid = Cid.of(DAG_PB, block)
    blocks[cid] = block
    return cid


def keep_leaf(blocks: Blocks, block: bytes) -> Cid:
    cid = Cid.of(RAW, block)
    blocks[cid] = block
    return cid


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_cids_are_those_of_another_implementation(vector: dict[str, Any]) -> None:
    kept: list[Cid] = []
    profile = Profile(vector["chunk"], vector["links"])
    content = Generated(vector["size"], vector["seed"], vector["stride"])
    cid = build(content, lambda cid, _: kept.append(cid), profile)
    assert str(cid) == vector["cid"]
    assert len(kept) == vector["blocks"]


@pytest.mark.parametrize("vector", SCALED, ids=[vector["name"] for vector in SCALED])
def test_a_root_of_another_implementation_is_read_and_written_bit_by_bit(
    vector: dict[str, Any],
) -> None:
    block = bytes.fromhex(vector["root"])
    node = Node.decode(block)
    assert node.size == vector["size"]
    assert node.encode() == block


def test_the_profile_is_what_everybody_uses() -> None:
    assert Profile() == Profile(chunk=MIB, links=1024)


@given(
    content=st.binary(max_size=200),
    chunk=st.integers(1, 32),
    links=st.integers(2, 5),
)
def test_what_was_cut_is_put_together_again(content: bytes, chunk: int, links: int) -> None:
    root, blocks = dag(content, Profile(chunk, links))
    blob = Blob(root, lambda cid, _: blocks.get(cid))
    assert blob.size == len(content)
    assert b"".join(blob) == content
    assert all(len(part) <= chunk for part in blob)


@given(content=st.binary(min_size=1, max_size=200), data=st.data())
def test_no_flipped_bit_goes_unnoticed(content: bytes, data: st.DataObject) -> None:
    root, blocks = dag(content)
    cid = data.draw(st.sampled_from(sorted(blocks, key=str)))
    bit = data.draw(st.integers(0, 8 * len(blocks[cid]) - 1))
    false = bytearray(blocks[cid])
    false[bit // 8] ^= 1 << bit % 8
    blocks[cid] = bytes(false)
    with pytest.raises(BlobError, match=f"{root}: .*its bytes have another digest"):
        read(root, blocks)


def test_memory_stays_small_when_cutting_and_when_reading() -> None:
    size = 24 * MIB
    blocks: Blocks = {}
    root = build(Generated(size, 0, MIB), blocks.__setitem__)
    tracemalloc.start()
    try:
        build(Generated(size, 0, MIB), lambda _cid, _block: None)
        blob = Blob(str(root), lambda cid, _: bytes(bytearray(blocks[cid])))
        total = sum(map(len, blob))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == size
    assert peak < 6 * MIB


def test_a_blob_above_the_limit_is_refused_by_its_root_alone() -> None:
    root, blocks = dag(bytes(200))
    fetched: list[Cid] = []

    def fetch(cid: Cid, _most: int) -> bytes:
        fetched.append(cid)
        return blocks[cid]

    with pytest.raises(BlobError, match="200 bytes; at most 199"):
        Blob(root, fetch, limit=199)
    assert [str(cid) for cid in fetched] == [root]
    assert b"".join(Blob(root, fetch, limit=200)) == bytes(200)


def test_a_leaf_above_the_limit_is_not_even_fetched_whole() -> None:
    leaf = Cid.of(RAW, bytes(100))

    def fetch(_cid: Cid, most: int) -> bytes:
        assert most == 10
        return bytes(most + 1)

    with pytest.raises(BlobError, match="more than 10 bytes"):
        Blob(str(leaf), fetch, limit=10)


def test_a_nest_of_nodes_is_followed_so_deep_and_no_deeper() -> None:
    blocks: Blocks = {}
    link = Link(keep_leaf(blocks, b"egg"), 3, 3)
    for depth in range(1, MAX_DEPTH + 2):
        root = keep_node(blocks, link)
        link = Link(root, 3, len(blocks[root]) + link.tsize)
        if depth <= MAX_DEPTH:
            assert read(str(root), blocks) == b"egg"
    with pytest.raises(BlobError, match=f"nested more than {MAX_DEPTH} nodes deep"):
        read(str(root), blocks)


@pytest.mark.parametrize(("size", "tsize"), [(4, 5), (6, 5), (5, 4), (5, 6), (5, 0)])
def test_a_leaf_of_another_size_than_declared_is_refused(size: int, tsize: int) -> None:
    blocks: Blocks = {}
    root = keep_node(blocks, Link(keep_leaf(blocks, b"12345"), size, tsize))
    with pytest.raises(BlobError, match=rf"is 5 bytes .*declared as {size} "):
        read(str(root), blocks)


@pytest.mark.parametrize(("size", "tsize"), [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_a_node_of_another_size_than_declared_is_refused(size: int, tsize: int) -> None:
    blocks: Blocks = {}
    node = keep_node(blocks, Link(keep_leaf(blocks, b"12345"), 5, 5))
    whole = 5 + len(blocks[node])
    root = keep_node(blocks, Link(node, 5 + size, whole + tsize))
    with pytest.raises(BlobError, match=r"is 5 bytes .*declared as"):
        read(str(root), blocks)


def test_a_leaf_too_big_to_travel_is_refused_unseen() -> None:
    blocks: Blocks = {}
    leaf = Cid.of(RAW, b"never fetched")
    root = keep_node(blocks, Link(leaf, MAX_LEAF + 1, MAX_LEAF + 1))
    with pytest.raises(BlobError, match=f"its block {leaf} is declared as {MAX_LEAF + 1} bytes"):
        read(str(root), blocks)


def test_a_missing_leaf_names_blob_and_block() -> None:
    root, blocks = dag(bytes(range(200)))
    leaf = Cid.of(RAW, bytes(range(16, 32)))
    del blocks[leaf]
    with pytest.raises(BlobError) as caught:
        read(root, blocks)
    assert caught.value.cid == root
    assert caught.value.problem == f"its block {leaf} is missing"


# Malformed nodes, written by an encoder of the tests' own.


def field(key: int, value: bytes) -> bytes:
    return bytes([key, len(value)]) + value


LEAF = bytes(Cid.of(RAW, b"12345"))
LINK = field(0x0A, LEAF) + b"\x12\x00\x18\x05"
FILE = b"\x08\x02\x18\x05\x20\x05"
GOOD = field(0x12, LINK) + field(0x0A, FILE)


def node(link: bytes = LINK, file: bytes = FILE) -> bytes:
    return field(0x12, link) + field(0x0A, file)


def to(target: bytes) -> bytes:
    return node(field(0x0A, target) + b"\x12\x00\x18\x05")


def inline(size: int) -> bytes:
    return node(file=b"\x08\x02" + field(0x12, b"x") + bytes([0x18, size, 0x20, 0x05]))


CUT, NO_DATA, FORM = "is cut short", "it holds no UnixFS data", "not written in canonical form"
NO_ENDS, NO_DAG_PB, LONG = "without target or size", "is not dag-pb", "beyond 64 bits"
NO_FILE, SIZES = "its UnixFS type is another", "does not declare its size once"
MALFORMED = {
    "empty": (b"", NO_DATA),
    "no data": (field(0x12, LINK), NO_DATA),
    "data twice": (GOOD + field(0x0A, FILE), NO_DATA),
    "data before links": (field(0x0A, FILE) + field(0x12, LINK), FORM),
    "no links": (field(0x0A, b"\x08\x02\x18\x00"), "has 0 links"),
    "cut in the data": (GOOD[:-1], CUT),
    "data shorter than said": (field(0x12, LINK) + b"\x0a\x07" + FILE, CUT),
    "cut in a length": (GOOD[:1], CUT),
    "a byte too many": (GOOD + b"\x00", CUT),
    "an unknown field": (GOOD + field(0x1A, b""), FORM),
    "an unknown wire type": (GOOD + b"\x0d\x00\x00\x00\x00", NO_DAG_PB),
    "a link that is a number": (b"\x10\x05" + field(0x0A, FILE), "has 0 links"),
    "data that is a number": (field(0x12, LINK) + b"\x08\x05", NO_DATA),
    "a length in two bytes where one does": (b"\x12\xaa\x00" + LINK + field(0x0A, FILE), FORM),
    "a length beyond 64 bits": (b"\x12" + b"\xff" * 9 + b"\x7f" + LINK, LONG),
    "a length without end": (b"\x12" + b"\xff" * 20, LONG),
    "a link without target": (node(b"\x12\x00\x18\x05"), NO_ENDS),
    "a link without size": (node(field(0x0A, LEAF) + b"\x12\x00"), NO_ENDS),
    "a link without the empty name": (node(field(0x0A, LEAF) + b"\x18\x05"), FORM),
    "a link with a name": (node(field(0x0A, LEAF) + field(0x12, b"x") + b"\x18\x05"), FORM),
    "a link out of order": (node(b"\x18\x05\x12\x00" + field(0x0A, LEAF)), FORM),
    "a link with two targets": (node(field(0x0A, LEAF) + LINK), FORM),
    "a link to a cut target": (to(LEAF[:-1]), "target is 35 bytes, not 36"),
    "a link to another codec": (to(b"\x01\x71" + LEAF[2:]), "target is of an unknown codec"),
    "a link to another hash": (to(b"\x01\x55\x16" + LEAF[3:]), "target is of an unknown hash"),
    "a link to a CIDv0": (to(LEAF[2:]), "target is not a CIDv1"),
    "a folder": (node(file=b"\x08\x01\x18\x05\x20\x05"), NO_FILE),
    "a file without type": (node(file=b"\x18\x05\x20\x05"), NO_FILE),
    "a file without size": (node(file=b"\x08\x02\x20\x05"), SIZES),
    "a file with two sizes": (node(file=b"\x08\x02\x18\x05\x18\x05\x20\x05"), SIZES),
    "a file of another size": (node(file=b"\x08\x02\x18\x06\x20\x05"), "declares 6 bytes"),
    "a size for no link": (node(file=b"\x08\x02\x18\x0a\x20\x05\x20\x05"), "2 sizes for 1 link"),
    "a link for no size": (node(file=b"\x08\x02\x18\x00"), "declares 0 sizes for 1 link"),
    "packed sizes": (node(file=b"\x08\x02\x18\x05" + field(0x22, b"\x05")), "0 sizes for 1 link"),
    "inline data": (inline(size=6), "declares 6 bytes, its links 5"),
    "inline data, not counted": (inline(size=5), FORM),
    "a mode": (node(file=FILE + b"\x38\xa4\x03"), FORM),
    "a link to nothing": (node(file=b"\x08\x02\x18\x00\x20\x00"), "has a link to nothing"),
    "a link too many": (Node((Link(Cid(RAW, LEAF[4:]), 5, 5),) * 1025).encode(), "1025 links"),
}


def test_the_node_that_the_malformed_ones_are_made_from_is_good() -> None:
    assert Node.decode(GOOD) == Node((Link(Cid.of(RAW, b"12345"), 5, 5),))
    assert Node.decode(Node(Node.decode(GOOD).links * MAX_LINKS).encode()).size == 5 * MAX_LINKS


@pytest.mark.parametrize(("block", "problem"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_node_is_refused_by_name(block: bytes, problem: str) -> None:
    root = Cid.of(DAG_PB, block)
    with pytest.raises(BlobError, match=f"^{root}: .*{problem}"):
        Blob(str(root), lambda _cid, _most: block)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_a_canonical_node_or_none(block: bytes) -> None:
    with suppress(ValueError):
        assert Node.decode(block).encode() == block


@given(at=st.integers(0, len(GOOD)), cut=st.integers(0, 3), insert=st.binary(max_size=3))
def test_an_altered_node_is_canonical_or_refused(at: int, cut: int, insert: bytes) -> None:
    block = GOOD[:at] + insert + GOOD[at + cut :]
    with suppress(ValueError):
        assert Node.decode(block).encode() == block


# Names.

DIGEST = bytes(range(32))
GOOD_CID = str(Cid(RAW, DIGEST))


def base32(binary: bytes) -> str:
    return "b" + base64.b32encode(binary).decode().rstrip("=").lower()


WRONG_CIDS = {
    "empty": "",
    "multibase only": "b",
    "another version": base32(b"\x02\x55\x12\x20" + DIGEST),
    "version 0": "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n",
    "base58": "z" + GOOD_CID[1:],
    "base16": "f" + (b"\x01\x55\x12\x20" + DIGEST).hex(),
    "dag-cbor": base32(b"\x01\x71\x12\x20" + DIGEST),
    "sha2-512": base32(b"\x01\x55\x13\x40" + DIGEST * 2),
    "sha3-256": base32(b"\x01\x55\x16\x20" + DIGEST),
    "identity": base32(b"\x01\x55\x00\x05hello"),
    "blake2b-256": base32(b"\x01\x55\xa0\xe4\x02\x20" + DIGEST),
    "another length": base32(b"\x01\x55\x12\x1f" + DIGEST[:-1]),
    "cut": GOOD_CID[:-2],
    "cut to nonsense": GOOD_CID[:-3],
    "longer": base32(b"\x01\x55\x12\x20" + DIGEST + b"\x00"),
    "a stray last bit": GOOD_CID[:-1] + chr(ord(GOOD_CID[-1]) + 1),
    "capitals": "b" + GOOD_CID[1:].upper(),
    "all capitals": GOOD_CID.upper(),
    "padding": GOOD_CID + "======",
    "a dotless i": GOOD_CID.replace("i", "\u0131"),
    "a space": GOOD_CID + " ",
    "a line break": GOOD_CID + "\n",
    "a path": "../../../../etc/passwd",
    "a book": "b" + "a" * 100_000,
}


@pytest.mark.parametrize("text", WRONG_CIDS.values(), ids=WRONG_CIDS)
def test_whatever_is_not_one_of_our_cids_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(BlobError) as caught:
        Blob(text, lambda _cid, _most: pytest.fail("nothing should be fetched"))
    assert re.fullmatch(r"[ -~]{1,300}", str(caught.value))


@given(
    st.text(max_size=70) | st.text("abcdefghijklmnopqrstuvwxyz234567", max_size=70).map("b".__add__)
)
def test_arbitrary_text_is_no_cid(text: str) -> None:
    with pytest.raises(BlobError):
        Cid.parse(text)


@given(codec=st.sampled_from([RAW, DAG_PB]), digest=st.binary(min_size=32, max_size=32))
def test_a_cid_is_written_and_read_alike(codec: int, digest: bytes) -> None:
    cid = Cid(codec, digest)
    assert Cid.parse(str(cid)) == cid
    assert Cid.from_bytes(bytes(cid)) == cid
    assert str(cid).startswith("bafkrei" if codec == RAW else "bafybei")
