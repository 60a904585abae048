"""HTTP servers on this machine whose next answers a test may spoil."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar, TypeVar
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Fault = Callable[["Exchange"], None]
"""Answers in the place of the server."""


S = TypeVar("S", bound="Loopback")


class Exchange(BaseHTTPRequestHandler):
    """One connection; `arguments` are those of the query."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Loopback

    def answer(self) -> None:
        """Answer as the server does."""
        raise NotImplementedError

    def command_name(self) -> str:
        """Return what faults are planned by."""
        return urlsplit(self.path).path

    def handle_any(self) -> None:
        self.path_only = urlsplit(self.path).path
        self.arguments = {
            key: values[-1] for key, values in parse_qs(urlsplit(self.path).query).items()
        }
        self.server.asked.append(self.command_name())
        self.server.seen.append(dict(self.headers))
        self.waiting = int(self.headers.get("Content-Length", 0))
        (self.server.fault(self.command_name()) or type(self).answer)(self)
        if not self.close_connection:
            self.read_body()

    def read_body(self, most: int = -1) -> bytes:
        """Return what came along, or the next `most` bytes of it."""
        size = self.waiting if most < 0 else min(most, self.waiting)
        self.waiting -= size
        return self.rfile.read(size)

    do_GET = do_POST = do_HEAD = handle_any  # noqa: N815 (names of the base class)

    def send(
        self,
        status: int,
        content: bytes = b"",
        kind: str = "text/plain; charset=utf-8",
        **headers: str,
    ) -> None:
        """Send a whole answer."""
        self.begin(status, kind, Content_Length=str(len(content)), **headers)
        self.wfile.write(content)

    def bare(self, status: int, headers: dict[str, str]) -> None:
        """Send an answer without content, and without a date of its own."""
        self.send_response_only(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_chunks(
        self, pieces: Iterable[bytes], kind: str, trailer: str = "", **headers: str
    ) -> None:
        """Send an answer as it comes; what goes wrong only shows in the trailer then."""
        self.begin(200, kind, Transfer_Encoding="chunked", Trailer="X-Stream-Error", **headers)
        for piece in filter(None, pieces):
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        error = f"X-Stream-Error: {trailer}\r\n" if trailer else ""
        self.wfile.write(f"0\r\n{error}\r\n".encode())

    def begin(self, status: int, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def hang_up(self) -> None:
        """Drop the connection without a word."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        pass


class Loopback(ThreadingHTTPServer):
    """A server at a free port of 127.0.0.1 with its state apart, so that it can be killed."""

    daemon_threads = True
    exchange: ClassVar[type[Exchange]] = Exchange

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, self.exchange)
        self.asked: list[str] = []
        self.seen: list[dict[str, str]] = []
        self.broken: list[BaseException] = []
        self.planned: dict[str, list[Fault | None]] = {}
        self.always: dict[str, Fault] = {}
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def plan(self, command: str, *faults: Fault | None) -> None:
        """Spoil the next answers to `command`, one after the other; None leaves one well."""
        self.planned.setdefault(command, []).extend(faults)

    def fault(self, command: str) -> Fault | None:
        planned = self.planned.get(command)
        return planned.pop(0) if planned else self.always.get(command)

    def kill(self) -> None:
        """End as a killed process does: every connection is gone, the port is free."""
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        assert isinstance(request, socket.socket)
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what broke here for the test; that a client or the server went is no fault."""
        del request, client_address
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError | ValueError):
            self.broken.append(error)


@contextmanager
def running(server: S) -> Iterator[S]:
    """Kill a server after the test; nothing may have broken in it."""
    try:
        yield server
    finally:
        server.kill()
    assert server.broken == []


# Faults that any server may have.


def slow(seconds: float) -> Fault:
    def fault(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.hang_up()

    return fault


def says(status: int, content: bytes = b"", kind: str = "text/plain", **headers: str) -> Fault:
    return lambda exchange: exchange.send(status, content, kind, **headers)


def cut_off(exchange: Exchange) -> None:
    """Promise a megabyte and send three bytes."""
    exchange.begin(200, "application/octet-stream", Content_Length=str(1 << 20))
    exchange.wfile.write(b"abc")
    exchange.hang_up()


def cut_off_chunks(exchange: Exchange) -> None:
    """End a streamed answer after a line, without its end."""
    exchange.begin(200, "application/json", Transfer_Encoding="chunked")
    exchange.wfile.write(b"3\r\n{}\n\r\n")
    exchange.hang_up()


def endless(exchange: Exchange) -> None:
    """Send until the client has enough; `server.sent` counts."""
    exchange.begin(200, "application/octet-stream", Transfer_Encoding="chunked")
    piece = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    while True:
        exchange.wfile.write(piece)


def dripping(exchange: Exchange) -> None:
    """Send a byte now and then, each of them in time."""
    exchange.begin(200, "application/octet-stream", Transfer_Encoding="chunked")
    while True:
        exchange.wfile.write(b"1\r\na\r\n")
        time.sleep(0.01)
