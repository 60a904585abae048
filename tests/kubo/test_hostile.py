"""Servers that are no node or a hostile one, and secrets that must not be told."""

from __future__ import annotations

import gzip
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubo import loopback
from kubo.calls import CLOSED, COMMANDS, HELLO, PAGE, every
from kubo.daemon import WITHOUT_A_DAEMON, quick
from kubo.gateway import Gate
from kubo.loopback import running, says
from kubo.node import JSON, Node, line
from visdm.adapters.blocks import Kubo
from visdm.adapters.blocks.cid import RAW, Cid
from visdm.errors import BlobError, InputError, OutputError, VisdmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubo.loopback import Fault

pytestmark = WITHOUT_A_DAEMON

MIB = 1 << 20


# Servers that are no node.


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "fault", [says(404), says(405), PAGE], ids=["not found", "not allowed", "page"]
)
def test_a_server_that_is_no_node_is_called_so(
    node: Node, store: Kubo, command: str, fault: Fault
) -> None:
    node.always[command] = fault
    with pytest.raises((BlobError, OutputError), match="is not the RPC API of an IPFS") as caught:
        every(store)[command]()
    assert "port 5001" in caught.value.hint
    assert node.asked.count(command) == 1


def test_a_gateway_is_no_node() -> None:
    with running(Gate()) as gate:
        store = Kubo(gate.url, patience=quick())
        for command, call in every(store).items():
            gate.always[f"/api/v0/{command}"] = says(405)
            with pytest.raises((BlobError, OutputError), match="is not the RPC API"):
                call()


@pytest.mark.parametrize("command", ["dag/import", "pin/add", "pin/rm", "pin/ls", "dag/stat"])
@pytest.mark.parametrize("content", [b"welcome", b"[]\n", b"{}\n7\n", b"[" * 60_000])
def test_an_answer_that_is_no_json_is_told(
    node: Node, store: Kubo, command: str, content: bytes
) -> None:
    node.always[command] = says(200, content, JSON)
    with pytest.raises((BlobError, OutputError), match="not made of JSON objects"):
        every(store)[command]()


def test_a_redirect_is_not_followed(node: Node, store: Kubo) -> None:
    with running(Node()) as other:
        for command, call in every(store).items():
            node.always[command] = says(307, Location=f"{other.url}/api/v0/{command}")
            with pytest.raises((BlobError, OutputError), match="not followed"):
                call()
            node.always.clear()
        assert other.asked == []


# Hostile nodes.


def test_another_block_under_a_name_is_refused(node: Node, store: Kubo) -> None:
    node.repo.blocks[Cid.parse(HELLO)] = b"hullo"
    with pytest.raises(BlobError, match=f"{HELLO}: is false"):
        store.read(HELLO)


def test_an_answer_without_end_is_cut(node: Node, store: Kubo) -> None:
    for command, call in every(store).items():
        node.always[command] = loopback.endless
        with pytest.raises((BlobError, OutputError), match=r"more than \d+ bytes"):
            call()
        node.always.clear()
    node.always["block/get"] = loopback.endless
    assert store.fetch(Cid.parse(HELLO), 1000) == bytes(1001)


def test_an_error_without_end_is_cut(node: Node, store: Kubo) -> None:
    node.always["block/get"] = says(500, bytes(5 * MIB))
    with pytest.raises(BlobError, match="in trouble"):
        store.read(HELLO)


def test_an_answer_that_drips_ends_in_time(node: Node) -> None:
    store = Kubo(node.url, search=0, patience=quick(whole=0.1, tries=2))
    node.always["block/get"] = loopback.dripping
    with pytest.raises(BlobError, match="takes too long over its answer"):
        store.read(HELLO)


def test_a_packed_answer_is_not_unpacked(node: Node, store: Kubo) -> None:
    bomb = gzip.compress(bytes(64 * MIB))
    node.always["block/get"] = says(200, bomb, Content_Encoding="gzip")
    assert store.fetch(Cid.parse(HELLO), MIB) == bomb


def test_what_a_node_says_is_one_short_line(node: Node, store: Kubo) -> None:
    said = "\x1b[31mpay\r\nhere " + "now " * 1000
    node.always["pin/ls"] = says(500, line({"Message": said}), JSON)
    with pytest.raises(BlobError) as caught:
        store.pins()
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(HELLO),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Stats", "BlockCount", "Pins", "Cid", "DagStats", "NumBlocks", "Size", "Message"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=40)  # six requests and more for each
@given(value=json_values, status=st.sampled_from([200, 400, 500]))
def test_no_json_breaks_anything(shared: tuple[Node, Kubo], value: Any, status: int) -> None:  # noqa: ANN401 (any JSON)
    node, store = shared
    for command, call in every(store).items():
        node.always = {command: says(status, json.dumps(value).encode(), JSON)}
        try:
            call()
        except (BlobError, OutputError) as error:
            assert error.message.isprintable()  # noqa: PT017 (most of them raise, not all)
        node.always = {}
        store.write(b"hello")


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Node, Kubo]]:
    with running(Node()) as node:
        yield node, Kubo(node.url, patience=quick(tries=1))


# Secrets.


def test_credentials_are_sent_and_never_shown(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = node.url.replace("://", "://someone:s3cret@")
    store = Kubo(url, patience=quick())
    store.write(b"hello")
    assert {seen.get("Authorization") for seen in node.seen} == {"Basic c29tZW9uZTpzM2NyZXQ="}
    shown = [repr(store), repr(vars(store))]
    for fault in (CLOSED, PAGE, says(401), says(307, Location=node.url), loopback.cut_off):
        for command, call in every(store).items():
            node.always = {command: fault}
            with pytest.raises(VisdmError) as caught:
                call()
            shown += traceback.format_exception(caught.value)
            shown += [repr(vars(caught.value)), caught.value.hint]
    text = "\n".join([*shown, caplog.text])
    assert node.url in text
    assert "s3cret" not in text
    assert "c29tZW9uZTpzM2NyZXQ" not in text


def test_access_that_is_refused_is_told(node: Node, store: Kubo) -> None:
    node.always["pin/ls"] = says(403, b"403 - Forbidden\n")
    with pytest.raises(BlobError, match=r"refuses access \(403\)") as caught:
        store.pins()
    assert "password" in caught.value.hint
    assert node.asked == ["pin/ls"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:5001",
        "/ip4/127.0.0.1/tcp/5001",
        "ftp://s3cret@host",
        "http://",
        "http://s3cret@host:port",
        "http://host/?token=s3cret",
        "http://host/#s3cret",
        "http://ho\nst/s3cret",
    ],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InputError) as caught:
        Kubo(url)
    assert caught.value.hint
    assert "s3cret" not in "".join(traceback.format_exception(caught.value)) + caught.value.hint


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    store = Kubo(node.url, patience=quick())
    assert store.read(store.write(b"hello")) == b"hello"


def test_a_node_behind_a_folder_of_a_server_is_reached(node: Node) -> None:
    assert Kubo(f"{node.url}/", patience=quick()).pins() == []
    node.planned["/node/api/v0/pin/ls"] = [says(200, b"", JSON)]
    assert Kubo(f"{node.url}/node/", patience=quick()).pins() == []
    assert node.asked[-1] == "/node/api/v0/pin/ls"


def test_a_block_of_the_wrong_kind_is_no_leaf(node: Node, store: Kubo) -> None:
    cid = Cid.of(RAW, b"other")
    node.repo.blocks[cid] = b"other" + bytes(3 * MIB)
    with pytest.raises(BlobError, match="is more than"):
        store.read(str(cid))
