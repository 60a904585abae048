"""An embedded chain for other processes: JSON-RPC over HTTP, on loopback.

Whoever reaches the port can read the chain, send what is signed and set its clock ahead, as on
any development node; no key is held here. A page in a browser cannot: it may not say which
content it sends, nor under what name it reached us. A caller that stalls keeps nobody waiting.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from eth_tester.exceptions import (  # type: ignore[import-untyped]  # no types
    TransactionFailed,
)
from web3.middleware import combine_middleware
from web3.providers.eth_tester.middleware import (
    default_transaction_fields_middleware,
    ethereum_tester_middleware,
)
from web3.types import RPCEndpoint

from visdm.adapters.evm.contracts import revert_data
from visdm.adapters.evm.embedded import EmbeddedNode
from visdm.adapters.evm.nodes import ADDRESS, CHAIN, in_use, lock_of, served_at
from visdm.errors import ChainError, InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HOST = "127.0.0.1"
LARGEST = 1 << 22
"""Bytes of a request: contracts to deploy are a few ten thousand."""

STALLED = 30
"""Seconds after which a connection is dropped on which nothing comes."""

REVERTED, FAILED, UNKNOWN, MALFORMED, BROKEN = 3, -32000, -32601, -32600, -32603
"""Codes of errors: as geth's for the first, as the specification's for the others."""

OFFERED = re.compile(r"(eth|net|web3)_\w+")


class Answers:
    """What the chain answers to JSON-RPC; one call at a time."""

    def __init__(self, node: EmbeddedNode) -> None:
        self._node = node
        self._turn = Lock()
        self._ended = False
        self._next_time = 0
        self._call = combine_middleware(
            middleware=(default_transaction_fields_middleware, ethereum_tester_middleware),
            w3=node.web3,
            provider_request_fn=node.provider.make_request,
        )

    def to(self, request: object) -> dict[str, Any]:
        """Answer one request, whatever it is."""
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _wrong(None, MALFORMED, "not a request of JSON-RPC")
        number, given = request.get("id"), request.get("params") or []
        if not isinstance(given, list):
            return _wrong(number, MALFORMED, "parameters must be a list")
        with self._turn:
            if self._ended:
                return _wrong(number, FAILED, "the server is ending")
            return {"jsonrpc": "2.0", "id": number} | self._answer(request["method"], given)

    def end(self) -> None:
        """Let the call at hand finish; answer no more."""
        with self._turn:
            self._ended = True

    def _answer(self, method: str, given: list[Any]) -> dict[str, Any]:
        try:
            answer: Any = self._asked(method, given)
        except TransactionFailed as failed:
            reverted = revert_data(failed) or b""
            return _error(REVERTED, "execution reverted", "0x" + reverted.hex())
        except Exception as error:  # noqa: BLE001  # a caller's nonsense must not end the server
            data = getattr(error, "data", None)
            if isinstance(data, str) and data.startswith("0x"):
                return _error(REVERTED, "execution reverted", data)
            return _error(FAILED, f"{type(error).__name__}: {error}")
        if "error" in answer:
            return {"error": answer["error"]}
        return {"result": _standard(answer.get("result"))}

    def _asked(self, method: str, given: list[Any]) -> Any:
        if method in {"evm_setNextBlockTimestamp", "evm_mine"}:
            return {"result": self._clock(method, given)}
        if not OFFERED.fullmatch(method):
            return _error(UNKNOWN, f"{method} is not offered")
        return self._call(RPCEndpoint(method), given)

    def _clock(self, method: str, given: list[Any]) -> str:
        """Set the clock ahead as Anvil does: the next block's second is named, then it is mined."""
        if method == "evm_setNextBlockTimestamp":
            (to,) = given
            self._next_time = int(to, 16) if isinstance(to, str) else int(to)
        elif self._next_time:
            self._node.travel(self._next_time)
        return "0x0"


def _error(code: int, message: str, data: str | None = None) -> dict[str, Any]:
    more = {} if data is None else {"data": data}
    return {"error": {"code": code, "message": message, **more}}


def _wrong(number: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number} | _error(code, message)


def _standard(value: Any) -> Any:
    """Return a result as the specification has it: quantities in hex, names in camel case."""
    match value:
        case bool() | None | str() | float():
            return value
        case int():
            return hex(value)
        case bytes():
            return "0x" + value.hex()
        case dict():
            return {_camel(name): _standard(item) for name, item in value.items()}
        case _:
            return [_standard(item) for item in value]


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(word.capitalize() for word in more)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    """An answer goes in one piece: its second would wait for the first one's acknowledgement."""

    timeout = STALLED
    server: _Server

    def do_POST(self) -> None:  # the name that http.server calls
        """Answer a request, or a list of them."""
        name = (self.headers.get("Host") or "").rpartition(":")[0]
        kind = (self.headers.get("Content-Type") or "").partition(";")[0].strip()
        size = self.headers.get("Content-Length") or ""
        if name not in {HOST, "localhost"} or kind != "application/json":
            self._refuse(403)
        elif not size.isdecimal() or int(size) > LARGEST:
            self._refuse(413)
        else:
            self._reply(200, self._answered(self.rfile.read(int(size))))

    def _answered(self, body: bytes) -> bytes:
        try:
            asked = json.loads(body)
        except ValueError:
            return _encoded(_wrong(None, MALFORMED, "not JSON"))
        answers = self.server.answers
        if isinstance(asked, list):
            return _encoded([answers.to(request) for request in asked])
        return _encoded(answers.to(asked))

    def _refuse(self, status: int) -> None:
        # What was not read would be taken for the next request.
        self.close_connection = True
        self._reply(status, b"")

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: standard error is the user's."""


def _encoded(answer: object) -> bytes:
    return json.dumps(answer).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    answers: Answers

    def handle_error(self, *_: object) -> None:
        """Say nothing of a caller that went away."""


class NodeServer:
    """The server of a market's chain; `url` is where it listens."""

    def __init__(self, http: _Server) -> None:
        self._http = http
        self.url = f"http://{HOST}:{http.server_address[1]}"

    def run(self) -> None:
        """Answer until `stop` is called."""
        self._http.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """End `run`; may be called from anywhere, a signal's handler too."""
        Thread(target=self._http.shutdown, daemon=True).start()


@contextmanager
def serving(folder: Path, funded: Sequence[str], port: int = 0) -> Iterator[NodeServer]:
    """Open the chain in `folder` for others, on loopback; `port` 0 takes any that is free.

    Its address is in the folder's file `node.url` as long as it is served. Raises `ChainError`
    where another process has the chain open, `InputError` where the port is taken.
    """
    held = lock_of(folder)
    if held is None:
        url = served_at(folder)
        served = ChainError(f"the chain is served already at {url}", hint="nothing is to be done")
        raise served if url else in_use(folder)
    node = EmbeddedNode(folder / CHAIN, funded, held=held)
    try:
        with _listening(port) as http:
            http.answers = Answers(node)
            server = NodeServer(http)
            _announce(folder, server.url)
            try:
                yield server
            finally:
                # A folder that another market took over has that one's address.
                if served_at(folder) == server.url:
                    (folder / ADDRESS).unlink(missing_ok=True)
                http.answers.end()
    finally:
        node.close()


def _listening(port: int) -> _Server:
    try:
        return _Server((HOST, port), _Handler)
    except OSError as error:
        problem = f"port {port}: cannot be listened on ({error.strerror})"
        raise InputError(problem, hint="leave --port out, and any free one is taken") from None


def _announce(folder: Path, url: str) -> None:
    draft = folder / f".{ADDRESS}.draft"
    try:
        draft.write_text(f"{url}\n", "ascii")
        draft.replace(folder / ADDRESS)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise OutputError(folder / ADDRESS, problem, hint="free some space") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
