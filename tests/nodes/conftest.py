"""A real node that can be told to misbehave, and a proxy before it that misbehaves itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from eth_account import Account

from visdm.adapters.evm.deploy import deploy, market_of
from visdm.adapters.evm.jobs import EvmChain
from visdm.adapters.evm.remote import RemoteNode
from visdm.adapters.evm.session import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from visdm.adapters.evm.sending import Patience

ANVIL = Path(__file__).resolve().parents[2] / "node_modules" / ".bin" / "anvil"


class Anvil:
    """An Anvil of its own process on loopback."""

    def __init__(self, port: int = 0) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [str(ANVIL), "--host", "127.0.0.1", "--port", str(self.port), "--silent"]
        self.process = subprocess.Popen([*command, "--hardfork", "prague"])
        deadline = time.monotonic() + 60
        node = RemoteNode(self.url)
        while not node.answers():
            assert time.monotonic() < deadline, "anvil does not answer"
        node.close()

    def ask(self, method: str, *given: object) -> Any:  # noqa: ANN401  # what the node answers
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": given}
        answer = httpx.post(self.url, json=asked, trust_env=False).json()
        assert "error" not in answer, answer
        return answer["result"]

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture(scope="module")
def started() -> Iterator[Anvil]:
    if not ANVIL.exists():
        missing = "npm has no anvil for this machine, or it is not set up; run: make forge"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    node = Anvil()
    yield node
    node.end()


@pytest.fixture
def anvil(started: Anvil) -> Iterator[Anvil]:
    """The module's Anvil, as it is at its start."""
    before = started.ask("evm_snapshot")
    yield started
    started.ask("evm_setAutomine", *[True])
    started.ask("anvil_dropAllTransactions")
    started.ask("evm_revert", before)


class Proxy:
    """Passes JSON-RPC on; `before` and `after` see method and answer, and may change or raise."""

    def __init__(self, url: str) -> None:
        proxy = self
        self.before: Callable[[str, Any], None] = lambda *_: None
        self.after: Callable[[str, Any], Any] = lambda _, answer: answer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that http.server calls
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    proxy.before(asked["method"], asked["params"])
                    answer = httpx.post(url, json=asked, trust_env=False).json()
                    body = json.dumps(proxy.after(asked["method"], answer)).encode()
                except ConnectionError:
                    self.close_connection = True
                    return
                self.send_response_only(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def end(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def proxy(anvil: Anvil) -> Iterator[Proxy]:
    passing = Proxy(anvil.url)
    yield passing
    passing.end()


class Market:
    """A market on a node, seen through `url` by an account that has deployed it."""

    def __init__(self, url: str) -> None:
        self.node = RemoteNode(url, seconds=5)
        self.opened = [self.node]
        self.key = Account.create()
        self.node.endow([str(self.key.address)])
        self.ledger = Ledger(self.node.web3, market_of(str(self.key.address)), lag=2.0)
        deploy(self.node.web3, self.key, 10**9)

    def through(self, url: str, patience: Patience, depth: int = 0) -> EvmChain:
        """The same account and market, at another address of the node."""
        node = RemoteNode(url, seconds=2)
        self.opened.append(node)
        ledger = Ledger(node.web3, self.ledger.market, depth=depth, lag=2.0)
        ledger.patience = replace(patience, depth=depth)
        return EvmChain(ledger, self.key)

    def close(self) -> None:
        for node in self.opened:
            node.close()

    @property
    def chain(self) -> EvmChain:
        return EvmChain(self.ledger, self.key)

    @property
    def nonce(self) -> int:
        return int(self.node.web3.eth.get_transaction_count(self.key.address))
