"""Nodes that are slow, gone, broken or hostile, and what a user is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubo import loopback
from kubo.calls import CLOSED, COMMANDS, HELLO, every
from kubo.daemon import WITHOUT_A_DAEMON, quick
from kubo.loopback import running, says
from kubo.node import JSON, Node, line
from visdm.adapters.blocks import Kubo
from visdm.adapters.blocks import kubo as module
from visdm.adapters.blocks.cid import Cid
from visdm.adapters.blocks.unixfs import Profile
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from kubo.loopback import Exchange, Fault

pytestmark = WITHOUT_A_DAEMON

MIB = 1 << 20


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "fault",
    [CLOSED, says(502), loopback.cut_off, loopback.Exchange.hang_up, loopback.slow(0.6)],
    ids=["500", "502", "cut off", "hung up", "slow"],
)
def test_a_fault_that_passes_is_not_noticed(
    node: Node, store: Kubo, command: str, fault: Fault
) -> None:
    node.plan(command, fault)
    every(store)[command]()
    assert node.asked.count(command) == 2


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (CLOSED, "says: leveldb: closed"),
        (says(500, b"oops"), r"is in trouble or overloaded \(500\)"),
        (loopback.cut_off, "broke off: "),
        (loopback.Exchange.hang_up, "broke off: server disconnected"),
        (loopback.slow(0.6), "does not answer in time"),
    ],
)
def test_a_fault_that_stays_is_told(
    node: Node, store: Kubo, command: str, fault: Fault, problem: str
) -> None:
    node.always[command] = fault
    with pytest.raises((BlobError, OutputError), match=f"{node.url}:? {problem}") as caught:
        every(store)[command]()
    assert "ipfs daemon" in caught.value.hint
    assert node.asked.count(command) == 4


def test_a_list_that_breaks_off_is_not_taken_for_whole(node: Node, store: Kubo) -> None:
    node.always["pin/ls"] = loopback.cut_off_chunks
    with pytest.raises(BlobError, match="broke off"):
        store.pins()


def test_a_pin_that_breaks_off_is_not_taken_for_one(node: Node, store: Kubo) -> None:
    node.always["pin/add"] = says(200, line({"Progress": 7}), JSON)
    with pytest.raises(OutputError, match=f"did not pin {HELLO}"):
        store.write(b"hello")


def test_an_import_that_counts_too_few_is_not_believed(node: Node, store: Kubo) -> None:
    node.always["dag/import"] = says(200, line({"Stats": {"BlockCount": 0}}), JSON)
    with pytest.raises(OutputError, match="does not say that it took 1 blocks"):
        store.write(b"hello")
    assert "pin/add" not in node.asked


def test_pauses_grow_and_differ_between_clients(node: Node) -> None:
    pauses: list[float] = []
    store = Kubo(node.url, patience=quick(sleep=pauses.append, chance=lambda: 0.5))
    node.always["pin/ls"] = CLOSED
    with pytest.raises(BlobError):
        store.pins()
    assert pauses == [0.375, 0.75, 1.5]


# Daemons that are not there.


@pytest.mark.parametrize("command", COMMANDS)
def test_a_daemon_that_does_not_run_is_named(command: str) -> None:
    with running(Node()) as node:
        url = node.url
    store = Kubo(url, patience=quick())
    with pytest.raises((BlobError, OutputError), match=f"{url}:? cannot be reached: ") as caught:
        every(store)[command]()
    assert "connection refused" in caught.value.message
    assert "ipfs daemon" in caught.value.hint


def test_nothing_stays_of_a_blob_that_could_not_be_fetched(
    node: Node, store: Kubo, tmp_path: Path
) -> None:
    cid = store.write(bytes(3 * MIB))
    node.plan("block/get", None, None)
    node.always["block/get"] = loopback.cut_off
    with pytest.raises(BlobError, match=f"{cid}: .* broke off"):
        store.get(cid, tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setattr(module, "BATCH", 1000)
    return Profile(chunk=256, links=4)


@pytest.mark.parametrize("command", ["dag/import", "pin/add"])
@pytest.mark.parametrize("done", [False, True])
def test_a_put_outlives_a_daemon_that_is_killed_and_started_again(
    node: Node, small_batches: Profile, command: str, *, done: bool
) -> None:
    """Killed while it reads what is sent, or when all is done but the answer."""
    daemons = [node]

    def killed(exchange: Exchange) -> None:
        if done:
            exchange.wfile = Nowhere()  # type: ignore[assignment]  # the answer is lost
            type(exchange).answer(exchange)
        else:
            exchange.read_body(100)
        node.kill()
        exchange.hang_up()

    node.plan(command, *([None] if command == "dag/import" else []), killed)
    store = Kubo(node.url, patience=quick(sleep=lambda _: daemons.append(daemons[-1].again())))
    store.profile = small_batches
    content = b"".join(number.to_bytes(2) for number in range(4000))
    cid = store.write(content)
    with running(daemons[-1]):
        assert len(daemons) == 2
        assert store.pins() == [Cid.parse(cid)]
        assert store.read(cid) == content
        taken = [name for each in daemons for batch in each.imported for name, _ in batch]
        assert set(taken) == set(node.repo.blocks) == set(store.blob(cid).names())
        again = len(taken) - len(set(taken))
        assert again == (len(node.imported[1]) if done and command == "dag/import" else 0)


class Nowhere:
    """Where the answer of a killed daemon goes."""

    closed = True

    def write(self, content: bytes) -> int:
        return len(content)

    def flush(self) -> None: ...

    close = flush


def test_a_put_that_was_cut_off_is_finished_by_putting_again(
    node: Node, small_batches: Profile
) -> None:
    store = Kubo(node.url, patience=quick())
    store.profile = small_batches
    content = b"".join(number.to_bytes(2) for number in range(4000))
    node.plan("dag/import", None, None, *[CLOSED] * 4)
    with pytest.raises(OutputError):
        store.write(content)
    assert store.pins() == []
    assert len(node.repo.blocks) > 5
    cid = store.write(content)
    assert store.pins() == [Cid.parse(cid)]
    assert set(node.repo.blocks) == set(store.blob(cid).names())
