"""The recorded contract of Kubo's RPC API, played against whoever claims to keep it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kubo import gocar
from kubo.daemon import daemon
from visdm.adapters.blocks import car
from visdm.adapters.blocks.cid import RAW, Cid

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTRACT = json.loads((Path(__file__).parent / "contract.json").read_text())


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with daemon() as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def ask(client: httpx.Client, request: dict[str, Any]) -> httpx.Response:
    content = base64.b64decode(request.get("file", ""))
    return client.request(
        request["method"],
        request["path"],
        params=request["query"],
        headers=request.get("headers"),
        files={"file": ("file", content, "application/octet-stream")}
        if "file" in request
        else None,
    )


def check(answer: httpx.Response, wanted: dict[str, Any]) -> None:
    assert answer.status_code == wanted["status"]
    for name, value in wanted.get("headers", {}).items():
        assert answer.headers[name] == value
    if "text" in wanted:
        assert answer.text.strip() == wanted["text"]
    if "content" in wanted:
        assert answer.content == base64.b64decode(wanted["content"])
    if {"lines", "last", "includes", "keys", "message"} & wanted.keys():
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert lines == wanted.get("lines", lines)
        assert wanted.get("includes", {}) in [*lines, {}]
        last = lines[-1] if lines else {}
        assert last.items() >= wanted.get("last", {}).items()
        assert last.keys() >= set(wanted.get("keys", []))
        assert re.search(wanted.get("message", ""), last.get("Message", ""))


def test_a_node_keeps_the_contract(client: httpx.Client) -> None:
    for step in CONTRACT:
        try:
            check(ask(client, step["request"]), step["answer"])
        except AssertionError as error:
            error.add_note(f"{step['about']}: {step['request']} ({step['source']})")
            raise


def test_every_step_of_the_contract_names_its_source() -> None:
    assert len(CONTRACT) > 20
    for step in CONTRACT:
        assert step["source"].startswith(("https://docs.ipfs.tech/", "https://github.com/ip"))


# What go-car refuses, ours must not write, and its reader here must refuse.


BLOCK = b"a block"
LEAF = Cid.of(RAW, BLOCK)
GOOD = car.header([LEAF]) + car.section(LEAF, BLOCK)


def test_the_independent_reader_takes_what_we_write() -> None:
    roots, blocks = gocar.read(GOOD, 1 << 20)
    assert roots == [bytes(LEAF)]
    assert list(blocks) == [(bytes(LEAF), BLOCK)]


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        (b"", "unexpected EOF"),
        (GOOD[:-1], "unexpected EOF"),
        (GOOD.replace(b"version\x01", b"version\x02"), "invalid car version"),
        (GOOD.replace(BLOCK, b"a flock"), "mismatch in content integrity"),
        (GOOD + b"\0", "zero-length section"),
        (GOOD + b"\xff\xff\xff\x7f", "beyond allowable maximum"),
        (car.header([LEAF]) + b"\x80\0", "not minimally encoded"),
    ],
)
def test_the_independent_reader_refuses_what_go_car_does(spoiled: bytes, reason: str) -> None:
    with pytest.raises(gocar.RefusedError, match=reason):
        list(gocar.read(spoiled, 1 << 20)[1])
