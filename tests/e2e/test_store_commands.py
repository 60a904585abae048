"""`visdm store`, as people who want to look use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from e2e.typed import Typed
from visdm.adapters.blocks import BlockFolder
from visdm.adapters.blocks.cid import DAG_PB, RAW, Cid
from visdm.adapters.blocks.node import Link, Node

if TYPE_CHECKING:
    from pathlib import Path

HELLO = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
MIB = 1 << 20
FAULTY = 3


@pytest.fixture
def at(tmp_path: Path) -> Typed:
    return Typed("--store", tmp_path / "store")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of three blocks and the node above them."""
    file = tmp_path / "large"
    file.write_bytes(b"".join(bytes([number]) * MIB for number in (1, 2)) + b"rest")
    return file


def added(at: Typed, file: Path) -> str:
    (row,) = at.json("store", "add", file)
    return str(row["cid"])


def block_of(tmp_path: Path, cid: str) -> Path:
    return next((tmp_path / "store" / "blocks").glob(f"*/{cid}"))


def test_what_is_added_is_listed_and_comes_back(at: Typed, large: Path, tmp_path: Path) -> None:
    (tmp_path / "hello").write_bytes(b"hello")
    assert at.ok("store", "add", tmp_path / "hello").split() == [HELLO, str(tmp_path / "hello")]
    cid = added(at, large)
    listed = at.json("store", "ls")
    assert {row["cid"]: (row["bytes"], row["blocks"]) for row in listed} == {
        HELLO: (5, 1),
        cid: (2 * MIB + 4, 4),
    }
    sizes = [row["bytes"] for row in at.json("store", "ls", cid)]
    assert sizes[1:] == [MIB, MIB, 4]
    at.ok("store", "get", cid, "-o", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()


def test_verify_names_the_blob_whose_block_is_false_or_gone(
    at: Typed, large: Path, tmp_path: Path
) -> None:
    cid = added(at, large)
    assert at.ok("store", "verify") == "every block is there and is what its CID says\n"
    leaf = block_of(tmp_path, at.json("store", "ls", cid)[1]["block"])
    leaf.write_bytes(b"false")
    code, out, _ = at.run(("store", "verify", "--json"))
    assert code == FAULTY
    assert cid in out
    assert leaf.name in out
    leaf.unlink()
    code, out, _ = at.run(("store", "verify", cid, "--json"))
    assert (code, "is missing" in out) == (FAULTY, True)
    assert f"{cid}: " in at.refused("store", "get", cid, "-o", tmp_path / "back", code=FAULTY)
    assert not (tmp_path / "back").exists()


def test_what_is_dropped_is_gone_and_gc_takes_what_nothing_needs(
    at: Typed, large: Path, tmp_path: Path
) -> None:
    (tmp_path / "hello").write_bytes(b"hello")
    added(at, tmp_path / "hello")
    cid = added(at, large)
    (tmp_path / "store" / "pins" / cid).unlink()
    assert at.json("store", "gc")["blocks"] == 4
    assert [row["cid"] for row in at.json("store", "ls")] == [HELLO]
    at.ok("store", "drop", HELLO)
    assert at.json("store", "ls") == []
    assert list((tmp_path / "store" / "blocks").glob("*/*")) == []


def test_gc_asks_before_it_empties_a_store_without_pins(
    at: Typed, large: Path, tmp_path: Path
) -> None:
    cid = added(at, large)
    (tmp_path / "store" / "pins" / cid).unlink()
    told = at.refused("store", "gc")
    assert "nothing says which of them to keep" in told
    assert "--all" in told
    assert at.json("store", "gc", "--all")["blocks"] == 4


def test_a_car_carries_a_blob_to_another_store(at: Typed, large: Path, tmp_path: Path) -> None:
    cid = added(at, large)
    at.ok("store", "car", "export", cid, "-o", tmp_path / "blob.car")
    elsewhere = Typed("--store", tmp_path / "elsewhere")
    assert elsewhere.json("store", "car", "import", tmp_path / "blob.car") == [cid]
    elsewhere.ok("store", "get", cid, "-o", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()


def test_a_car_that_was_cut_off_pins_nothing(at: Typed, large: Path, tmp_path: Path) -> None:
    archive = tmp_path / "blob.car"
    at.ok("store", "car", "export", added(at, large), "-o", archive)
    whole = archive.read_bytes()
    elsewhere = Typed("--store", tmp_path / "elsewhere")
    for cut in (0, 10, 100, len(whole) // 2, len(whole) - 1):
        archive.write_bytes(whole[:cut])
        assert "the archive" in elsewhere.refused("store", "car", "import", archive)
    assert elsewhere.json("store", "ls") == []


def test_several_stores_are_written_alike_and_read_in_order(large: Path, tmp_path: Path) -> None:
    first, second = Typed("--store", tmp_path / "store"), Typed("--store", tmp_path / "second")
    both = Typed("--store", tmp_path / "store", "--store", tmp_path / "second")
    cid = added(both, large)
    assert first.json("store", "ls") == second.json("store", "ls")
    block_of(tmp_path, cid).write_bytes(b"false")
    both.ok("store", "get", cid, "-o", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("add", "absent"), 1, "absent: cannot be read"),
        (("get", "nonsense", "-o", "out"), 2, "nonsense: is not a base32 CID"),
        (("get", HELLO, "-o", "out"), 3, f"{HELLO}: is missing"),
        (("ls", HELLO), 3, f"{HELLO}: is missing"),
        (("drop", "nonsense"), 2, "nonsense: is not a base32 CID"),
        (("car", "import", "absent"), 1, "absent: cannot be read"),
        (("get", HELLO), 2, "--out"),
    ],
)
def test_a_mistake_at_a_store_is_named(
    at: Typed, words: tuple[str, ...], code: int, told: str
) -> None:
    assert told in at.refused("store", *words, code=code)


def test_a_market_that_is_not_there_has_no_store(tmp_path: Path) -> None:
    told = Typed("--home", tmp_path).refused("store", "ls")
    assert "unknown store" in told
    assert "--store" in told


def test_verify_looks_into_each_store_by_itself(large: Path, tmp_path: Path) -> None:
    both = Typed("--store", tmp_path / "store", "--store", tmp_path / "second")
    cid = added(both, large)
    block_of(tmp_path, cid).write_bytes(b"false")
    code, out, _ = both.run(("store", "verify", "--json"))
    assert code == FAULTY
    (row,) = json.loads(out)
    assert (row["cid"], row["store"]) == (cid, str(tmp_path / "store"))


def test_a_few_blocks_that_stand_for_a_thousand_million_are_looked_at_once(
    at: Typed, tmp_path: Path
) -> None:
    blobs = BlockFolder(tmp_path / "store")
    cid, size, tsize = Cid.of(RAW, b"x"), 1, 1
    with blobs.keeping() as keep:
        keep(cid, b"x")
        for _ in range(3):
            node = Node((Link(cid, size, tsize),) * 1024)
            block = node.encode()
            cid, size, tsize = Cid.of(DAG_PB, block), node.size, node.tsize(block)
            keep(cid, block)
    blobs.pin(cid)
    assert len(at.json("store", "ls", str(cid))) == 4
    at.ok("store", "verify")
    at.ok("store", "car", "export", str(cid), "-o", tmp_path / "small.car")
    assert (tmp_path / "small.car").stat().st_size < 1 << 18


def test_a_strangers_file_name_does_not_command_the_terminal(at: Typed, tmp_path: Path) -> None:
    evil = tmp_path / "a\x1b]0;owned\x07[red]b"
    evil.write_bytes(b"hello")
    assert "\x1b" not in at.ok("store", "add", evil)
    told = at.refused("store", "add", tmp_path / "no\x1b[31mfile")
    assert "\x1b" not in told
