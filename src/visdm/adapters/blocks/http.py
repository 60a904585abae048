"""A server over HTTP: asked a few times, believed in nothing, bounded in all that it answers.

Covered: a server that is slow, drips, breaks off, is overloaded, sends without end, packs its
answer (it is told not to, and nothing is unpacked here) or sends elsewhere. Not covered: that
what it says is true; who asks checks that. No error here holds more of an address than scheme,
host and port, for the rest may be a secret.
"""

from __future__ import annotations

import ipaddress
import random
import re
import time
import weakref
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

import httpx

from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

T = TypeVar("T")

OK = 200
_SHOWN = 200
_LINE = 1 << 16


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for, in seconds, and how often it is asked.

    `clock`, `sleep` and `chance` (a number from 0 to 1, which keeps many clients from asking
    again all at once) are the world's; tests bring their own.
    """

    connect: float = 5.0
    read: float = 60.0
    """Until an answer begins, and between two pieces of it."""
    whole: float = 600.0
    """For all of an answer, however lively it drips."""
    tries: int = 4
    pause: float = 0.5
    """Before the second try; twice as long before each further one."""
    longest: float = 30.0
    """A server that asks for more than this is not waited for."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


class ServerError(Exception):
    """What was asked for did not come: `problem` follows the server's name in a sentence.

    Stays inside the adapters of this folder, which make it one of `visdm.errors`.
    """

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


class AgainError(ServerError):
    """The same, but it may come on asking again; the server wants `wait` seconds until then."""

    def __init__(self, problem: str, *, hint: str = "", wait: float = 0.0) -> None:
        super().__init__(problem, hint=hint)
        self.wait = wait


class MovedError(ServerError):
    """The server sends to another `place`. Nobody is followed unasked: it may lead anywhere."""

    def __init__(self, place: str) -> None:
        super().__init__(
            "sends to another address, which is not followed",
            hint="name the address that it sends to, if you trust it",
        )
        self.place = place


@dataclass(frozen=True)
class Request:
    """What is asked; it may be asked twice, for everything that we ask changes nothing then."""

    method: str
    path: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    upload: BinaryIO | None = None
    """A file, sent as the field `file` of a form."""
    thinks: float = 0.0
    """Seconds that the server may take for its own work, beyond what `Patience` grants."""
    tells: bool = False
    """Whether it tells of its progress meanwhile, so that its silence means something."""


class Answer:
    """What a server sends, to be read once, and only as much of it as is of use."""

    def __init__(self, response: httpx.Response, late: Callable[[], bool]) -> None:
        self._response = response
        self._late = late
        self.status = response.status_code

    @property
    def is_page(self) -> bool:
        """Whether it is a web page: no server that we speak to has any business with those."""
        return self.header("content-type").lower().startswith("text/html")

    def header(self, name: str) -> str:
        """Return a header, '' where there is none."""
        return str(self._response.headers.get(name, ""))

    def read(self, most: int) -> bytes:
        """Return at most `most` bytes, and one more where there are more."""
        content = bytearray()
        for piece in self._pieces():
            content += piece
            if len(content) > most:
                break
        return bytes(content[: most + 1])

    def lines(self, most: int) -> Iterator[bytes]:
        """Yield the lines of an answer of at most `most` bytes. Raises `ServerError` beyond."""
        rest, size = b"", 0
        for piece in self._pieces():
            size += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            if size > most or len(rest) > _LINE:
                raise ServerError(f"answers with more than {most if size > most else _LINE} bytes")
            yield from filter(None, lines)
        if rest:
            yield rest

    def fault(self) -> ServerError:
        """Return what is to be made of an answer that is not the one asked for."""
        if self._response.has_redirect_location:
            return MovedError(self.header("location"))
        if self.status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return ServerError(
                f"refuses access ({self.status})", hint="check the user and password in its URL"
            )
        if self.status == httpx.codes.TOO_MANY_REQUESTS or self._response.is_server_error:
            wait = self._wanted_wait()
            asks = f" and asks for {wait:.0f} seconds of rest" if wait else ""
            return AgainError(f"is in trouble or overloaded ({self.status}){asks}", wait=wait)
        return ServerError(f"answers with something else ({self.status})")

    def _wanted_wait(self) -> float:
        """Return the seconds of `Retry-After` (RFC 9110, 10.2.3), told as such or as a date."""
        wanted = self.header("retry-after").strip()
        if re.fullmatch(r"\d{1,9}", wanted, re.ASCII):
            return float(wanted)
        try:
            # By the server's own clock: ours may go differently.
            then, now = (parsedate_to_datetime(text) for text in (wanted, self.header("date")))
            return max(0.0, (then - now).total_seconds())
        except (TypeError, ValueError):
            return 0.0

    def _pieces(self) -> Iterator[bytes]:
        # Raw: a packed answer of a kilobyte could unpack to a gigabyte.
        for piece in self._response.iter_raw():
            if self._late():
                raise AgainError("takes too long over its answer")
            yield piece


class Server:
    """A server at an address `http[s]://[USER:PASSWORD@]HOST[:PORT][/FOLDER]`.

    Raises `InputError` for any other address, without repeating it.
    """

    def __init__(self, url: str, patience: Patience) -> None:
        address = _address(url)
        self.name = f"{address.scheme}://{address.netloc.decode()}"
        """Scheme, host and port: what errors may say."""
        self.address = address.copy_with(username=None, password=None)
        self._patience = patience
        self._client = httpx.Client(
            # Apart from the address, which the client writes to its log.
            auth=(address.username, address.password) if address.userinfo else None,
            # A proxy of the environment leads out; this machine is not there.
            trust_env=not is_loopback(address.host),
            follow_redirects=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "visdm"},
        )
        # Stores are not closed; connections are, once nobody can use them.
        weakref.finalize(self, self._client.close)

    def ask(self, request: Request, take: Callable[[Answer], T]) -> T:
        """Return what `take` makes of the answer, which it may see the beginnings of again.

        Asks again when the connection or the answer fails, or when `take` raises `AgainError`.
        Raises `ServerError` when no try is left, and whatever else `take` raises.
        """
        patience, pause = self._patience, self._patience.pause
        for left in reversed(range(patience.tries)):
            try:
                return self._once(request, take)
            except AgainError as fault:
                if not left or fault.wait > patience.longest:
                    raise
                wait = max(fault.wait, pause * (1 + patience.chance()) / 2)
            patience.sleep(wait)
            pause *= 2
        raise AssertionError("a server is asked at least once")

    def _once(self, request: Request, take: Callable[[Answer], T]) -> T:
        patience = self._patience
        until = patience.clock() + patience.whole + request.thinks
        silence = patience.read + (0.0 if request.tells else request.thinks)
        upload = request.upload
        form = {"file": ("file", upload, "application/octet-stream")} if upload else None
        try:
            with self._client.stream(
                request.method,
                self.address.copy_with(path=self.address.path.rstrip("/") + request.path),
                params=request.arguments,
                headers=request.headers,
                files=form,
                timeout=httpx.Timeout(silence, connect=patience.connect),
            ) as response:
                return take(Answer(response, lambda: patience.clock() > until))
        # `from None`: what the client raises holds the request.
        except httpx.TimeoutException:
            raise AgainError("does not answer in time") from None
        except httpx.ConnectError as error:
            raise AgainError(f"cannot be reached: {_reason(error)}") from None
        except httpx.HTTPError as error:
            raise AgainError(f"broke off: {_reason(error)}") from None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def plain(text: str) -> str:
    """Return somebody else's words as one short line, fit for a message."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[:_SHOWN]).strip()
    return shown + ("..." if len(text) > _SHOWN else "")


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme in ("http", "https") and address.host:
        # What stands after ? or # is often a token, and would be logged with the address.
        if not address.query and not address.fragment:
            return address
        raise InputError("the address of a server has a ? or #", hint="leave it and the rest away")
    raise InputError(
        "the address of a server is not http://HOST:PORT or https://HOST",
        hint="for example http://127.0.0.1:5001",
    )


def _reason(error: httpx.HTTPError) -> str:
    text = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    return plain(text[:1].lower() + text[1:])
