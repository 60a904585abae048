"""JSON-RPC over HTTP, as web3.py asks for it: reads are asked again, writes never.

Every fault of the way there is a `ChainError`; what the node answers, an error of its own
included, is handed on. No message holds more of an address than scheme, host and port: the rest
may be somebody's key.
"""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING, Any, cast

import httpx
from web3.providers.base import JSONBaseProvider

from visdm.errors import ChainError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from web3.types import RPCEndpoint, RPCResponse

SECONDS = 30.0
"""After which a node that does not answer has not answered."""

PAUSES = (0.1, 0.4, 1.0)
"""Seconds before each further try of a read."""

WRITES = ("eth_send", "evm_", "anvil_")
"""How the methods begin that are asked once: whether a second time is right is not known here."""

OK, BUSY = 200, (429, 502, 503, 504)


class HttpCalls(JSONBaseProvider):
    """A web3.py provider for the node at `url`; `moved` says where it is by now, '' where unknown.

    Raises `InputError` where `url` is no address.
    """

    def __init__(
        self, url: str, seconds: float = SECONDS, moved: Callable[[], str] = lambda: ""
    ) -> None:
        super().__init__()
        self._moved = moved
        address = _address(url)
        port = f":{address.port}" if address.port else ""
        self.name = f"{address.scheme}://{address.host}{port}"
        self._url = address
        self._client = httpx.Client(
            timeout=httpx.Timeout(seconds, connect=min(seconds, 5.0)),
            headers={"Content-Type": "application/json"},
            # A proxy of the environment does not lead back to this machine.
            trust_env=not _is_loopback(address.host),
        )

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Return what the node answers. Raises `ChainError` where it does not."""
        asked = self.encode_rpc_request(method, params)
        pauses = () if str(method).startswith(WRITES) else PAUSES
        for pause in pauses:
            try:
                return self._ask(asked)
            except ChainError:
                time.sleep(pause)
        return self._ask(asked)

    def _ask(self, asked: bytes) -> RPCResponse:
        try:
            answer = self._client.post(self._url, content=asked)
        except httpx.HTTPError as error:
            self._url = httpx.URL(self._moved() or self._url)
            raise self._silent(type(error).__name__) from None
        if answer.status_code in BUSY:
            raise self._silent(f"status {answer.status_code}")
        try:
            decoded: Any = self.decode_rpc_response(answer.content)
        except ValueError:
            raise self._silent(f"status {answer.status_code}, no JSON-RPC") from None
        if not isinstance(decoded, dict) or not {"result", "error"} & set(decoded):
            raise self._silent(f"status {answer.status_code}, no JSON-RPC")
        return cast("RPCResponse", decoded)

    def _silent(self, why: str) -> ChainError:
        hint = "is it running? then try again: what was done is found and not done twice"
        return ChainError(f"{self.name}: the node did not answer ({why})", hint=hint)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in {"http", "https"} or not address.host:
        hint = "write it as http://127.0.0.1:8545"
        raise InputError("a node is named by its http or https address", hint=hint)
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
