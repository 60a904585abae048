"""A trustless gateway over a dictionary. Source: specs.ipfs.tech/http-gateways."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kubo.loopback import Exchange, Loopback
from visdm.adapters.blocks import Gateway
from visdm.adapters.blocks.cid import Cid
from visdm.adapters.blocks.http import Patience
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from visdm.adapters.blocks.unixfs import Keep

RAW = "application/vnd.ipld.raw"


class Get(Exchange):
    """One block."""

    server: Gate

    def answer(self) -> None:
        host, asked = self.headers["Host"], re.fullmatch(r"/ipfs/([^/]+)", self.path_only)
        if RAW not in (self.headers["Accept"], f"application/vnd.ipld.{self.arguments['format']}"):
            self.send(400, b"only raw blocks are served here")
        elif asked and self.server.subdomains:
            place = f"http://{asked[1]}.ipfs.{host}/?format=raw"
            self.send(301, b"", Location=place)
        elif asked:
            self._send_block(asked[1])
        elif self.path_only == "/" and ".ipfs." in host:
            self._send_block(host.split(".", 1)[0])
        else:
            self.send(404, b"404 page not found\n")

    def _send_block(self, name: str) -> None:
        try:
            block = self.server.blocks.get(Cid.parse(name))
        except BlobError as error:
            return self.send(400, error.problem.encode())
        if block is None:
            return self.send(404, b"failed to resolve: not found\n")
        return self.send(200, block, RAW, X_Content_Type_Options="nosniff")


class Gate(Loopback):
    """The gateway."""

    exchange = Get

    def __init__(self) -> None:
        self.blocks: dict[Cid, bytes] = {}
        self.subdomains = False
        super().__init__()


class FedGateway(Gateway):
    """A gateway whose owner puts in what a test writes, for suites that write before they read."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate.url, patience=Patience(sleep=lambda _: None))
        self.gate = gate

    @contextmanager
    def keeping(self) -> Iterator[Keep]:
        yield self.gate.blocks.__setitem__

    def pin(self, root: Cid) -> None:
        del root
