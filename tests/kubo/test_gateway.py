"""Trustless gateways: what is asked, what is followed, how long is waited."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from kubo import loopback
from kubo.daemon import quick
from kubo.gateway import Gate
from kubo.loopback import running, says
from kubo.node import Node
from memory.blobs import MemoryBlobs
from visdm.adapters.blocks import BlockFolder, Gateway, Several
from visdm.adapters.blocks.cid import RAW, Cid
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELLO = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
PLACE = f"/ipfs/{HELLO}"


@pytest.fixture
def gate() -> Iterator[Gate]:
    with running(Gate()) as gate:
        gate.blocks[Cid.parse(HELLO)] = b"hello"
        yield gate


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve every name below .localhost, as browsers and some systems do."""
    resolve = socket.getaddrinfo

    def resolved(host: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 (as the system's)
        local = isinstance(host, str) and host.endswith("localhost")
        return resolve("127.0.0.1" if local else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


def test_a_raw_block_is_asked_for_by_path_and_header(gate: Gate) -> None:
    assert Gateway(gate.url).read(HELLO) == b"hello"
    assert gate.asked == [PLACE]
    assert gate.seen[0]["Accept"] == "application/vnd.ipld.raw"
    assert gate.seen[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [404, 410])
def test_what_a_gateway_does_not_have_is_missing(gate: Gate, status: int) -> None:
    gate.always[PLACE] = says(status)
    with pytest.raises(BlobError, match=f"{HELLO}: is missing"):
        Gateway(gate.url).read(HELLO)
    assert len(gate.asked) == 1


def test_a_gateway_that_searched_in_vain_is_not_asked_again(gate: Gate) -> None:
    gate.always[PLACE] = says(504)
    with pytest.raises(BlobError, match="did not find it in time"):
        Gateway(gate.url).read(HELLO)
    assert len(gate.asked) == 1


def test_nothing_is_written_to_a_gateway(gate: Gate, tmp_path: Path) -> None:
    gateway = Gateway(gate.url)
    (tmp_path / "source").write_bytes(b"hello")
    for call in (
        lambda: gateway.write(b"hello"),
        lambda: gateway.put(tmp_path / "source"),
        lambda: gateway.pin(Cid.parse(HELLO)),
        lambda: gateway.drop(HELLO),
    ):
        with pytest.raises(OutputError, match="is a gateway: it can only be read") as caught:
            call()
        assert caught.value.path == gate.url
    with pytest.raises(BlobError):
        gateway.drop("no cid")
    assert gateway.pins() == []
    assert gate.asked == []


def test_a_gateway_is_a_source_among_stores(gate: Gate, tmp_path: Path) -> None:
    folder, memory = BlockFolder(tmp_path), MemoryBlobs()
    stores = Several(
        [folder, memory], [Gateway("http://127.0.0.1:9", patience=quick()), Gateway(gate.url)]
    )
    assert stores.read(HELLO) == b"hello"
    cid = stores.write(b"mine")
    assert folder.read(cid) == memory.read(cid) == b"mine"
    assert gate.asked == [PLACE]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry-After": "7"}, 7.0),
        (
            {
                "Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT",
                "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
            },
            9.0,
        ),
        ({"Retry-After": "soon"}, 0.25),
        ({"Retry-After": "-5"}, 0.25),
        ({}, 0.25),
    ],
)
def test_an_overloaded_gateway_is_left_alone_as_long_as_it_asks(
    gate: Gate, status: int, headers: dict[str, str], pause: float
) -> None:
    pauses: list[float] = []
    gate.plan(PLACE, lambda exchange: exchange.bare(status, headers))
    gateway = Gateway(gate.url, patience=quick(sleep=pauses.append, chance=lambda: 0.0))
    assert gateway.read(HELLO) == b"hello"
    assert pauses == [pause]


def test_a_gateway_that_asks_for_an_hour_is_given_up(gate: Gate) -> None:
    gate.always[PLACE] = says(429, Retry_After="3600")
    with pytest.raises(BlobError, match="asks for 3600 seconds of rest"):
        Gateway(gate.url, patience=quick()).read(HELLO)
    assert len(gate.asked) == 1


@pytest.mark.usefixtures("named")
def test_a_gateway_may_send_to_its_own_name_for_a_block(gate: Gate) -> None:
    gate.subdomains = True
    gateway = Gateway(gate.url.replace("://127.0.0.1", "://me:s3cret@localhost"), patience=quick())
    assert gateway.read(HELLO) == b"hello"
    assert gate.asked == [PLACE, "/"]
    assert gate.seen[1]["Host"].startswith(f"{HELLO}.ipfs.localhost:")
    assert "Authorization" in gate.seen[0]
    assert "Authorization" not in gate.seen[1]


@pytest.mark.usefixtures("named")
def test_a_gateway_may_send_nowhere_else(gate: Gate) -> None:
    with running(Node()) as secret:
        port = gate.url.rpartition(":")[2]
        gateway = Gateway(f"http://localhost:{port}", patience=quick())
        for place in (
            f"{secret.url}/api/v0/shutdown",
            f"http://{HELLO}.ipfs.localhost.evil.example:{port}/",
            f"http://{HELLO}.ipfs.localhost:{port}@{secret.url.removeprefix('http://')}/",
            f"http://{HELLO}.ipfs.localhost:{port}5/",
            "/elsewhere",
            "file:///etc/passwd",
        ):
            gate.always[PLACE] = says(302, Location=place)
            with pytest.raises(BlobError, match="not followed"):
                gateway.read(HELLO)
        assert secret.asked == []
        assert set(gate.asked) == {PLACE}


def test_a_page_is_no_block(gate: Gate) -> None:
    gate.always[PLACE] = says(200, b"<html>welcome</html>", "text/html; charset=utf-8")
    with pytest.raises(BlobError, match="is not a trustless gateway: it answers with a page"):
        Gateway(gate.url).read(HELLO)


@pytest.mark.parametrize(
    "fault",
    [loopback.cut_off, says(500), loopback.Exchange.hang_up, loopback.slow(0.6)],
    ids=["cut off", "500", "hung up", "slow"],
)
def test_a_gateway_is_asked_again(gate: Gate, fault: loopback.Fault) -> None:
    gate.plan(PLACE, fault)
    assert Gateway(gate.url, patience=quick(read=0.3)).read(HELLO) == b"hello"
    gate.always[PLACE] = fault
    with pytest.raises(BlobError, match=f"{HELLO}: {gate.url} ") as caught:
        Gateway(gate.url, patience=quick(read=0.3)).read(HELLO)
    assert "trustless gateway" in caught.value.hint
    assert len(gate.asked) == 2 + 4


def test_a_block_without_end_is_cut(gate: Gate) -> None:
    gate.always[PLACE] = loopback.endless
    assert Gateway(gate.url).fetch(Cid.parse(HELLO), 1000) == bytes(1001)
    with pytest.raises(BlobError, match="is more than"):
        Gateway(gate.url).read(HELLO)


def test_another_block_is_refused(gate: Gate) -> None:
    gate.blocks[Cid.parse(HELLO)] = b"hullo"
    with pytest.raises(BlobError, match="is false"):
        Gateway(gate.url).read(HELLO)
    other = Cid.of(RAW, b"hullo")
    with pytest.raises(BlobError, match=f"{other}: is missing"):
        Gateway(gate.url).read(str(other))
