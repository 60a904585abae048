"""Health and metrics over HTTP, on loopback alone: whoever has an account here may read them."""

from __future__ import annotations

import ipaddress
import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
from prometheus_client import CONTENT_TYPE_LATEST

from visdm.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from visdm.adapters.telemetry.board import Board

_WELL, _UNWELL, _UNKNOWN, _REFUSED = 200, 503, 404, 403
_PATIENCE = 5.0


def address(text: str) -> tuple[str, int]:
    """Read `127.0.0.1:9000`; port 0 is any. Raises `InputError` where it is not on loopback."""
    written = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})", text)
    hint = "write 127.0.0.1:PORT, with 0 for any port"
    if written and _is_loopback(written[1]) and int(written[2]) < 1 << 16:
        return written[1], int(written[2])
    raise InputError(f"{text!r} is no address on this machine's loopback", hint=hint)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def served(board: Board, where: tuple[str, int]) -> Iterator[str]:
    """Serve `/health` and `/metrics`; yield the address, its port included.

    Raises `OutputError` where the port cannot be had.
    """

    class Answers(_Answers):
        shown = board

    try:
        server = ThreadingHTTPServer(where, Answers)
    except OSError as error:
        raise OutputError(
            f"{where[0]}:{where[1]}",
            f"cannot be listened on ({error.strerror})",
            hint="name another port, or 0 for any",
        ) from None
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.2,), name="health", daemon=True)
    thread.start()
    try:
        yield f"{where[0]}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def ask(where: str) -> dict[str, Any]:
    """Return what the provider that listens at `where` says of its health; nothing if none does."""
    try:
        with httpx.Client(trust_env=False, timeout=_PATIENCE) as client:
            said = client.get(f"http://{where}/health").json()
    except (httpx.HTTPError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


class _Answers(BaseHTTPRequestHandler):
    shown: Board
    server_version = "visdm"
    sys_version = ""
    timeout = _PATIENCE

    def do_GET(self) -> None:
        # A page in a browser reaches loopback under a name of its own.
        name = (self.headers.get("Host") or "").rpartition(":")[0]
        if name != "localhost" and not _is_loopback(name):
            self._answer(_REFUSED, "text/plain", b"")
        elif self.path == "/health":
            well, said = self.shown.health()
            document = json.dumps(said).encode() + b"\n"
            self._answer(_WELL if well else _UNWELL, "application/json", document)
        elif self.path == "/metrics":
            self._answer(_WELL, CONTENT_TYPE_LATEST, self.shown.page())
        else:
            self._answer(_UNKNOWN, "text/plain", b"/health and /metrics\n")

    def log_message(self, *_: object) -> None:
        """Log nothing: what is asked for is not told."""

    def _answer(self, code: int, kind: str, document: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)
