"""A trustless gateway as a store that is only read.

Source: specs.ipfs.tech/http-gateways/trustless-gateway: a block is GET /ipfs/CID?format=raw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.adapters.blocks.blobs import Blobs
from visdm.adapters.blocks.cid import Cid
from visdm.adapters.blocks.http import (
    OK,
    MovedError,
    Patience,
    Request,
    Server,
    ServerError,
)
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from visdm.adapters.blocks.http import Answer
    from visdm.adapters.blocks.unixfs import Keep

_RAW = {"Accept": "application/vnd.ipld.raw"}
_HINT = "is the URL that of a trustless gateway, and is there a network?"


class Gateway(Blobs):
    """The blocks that a gateway at `url` (`http[s]://[USER:PASSWORD@]HOST[:PORT]`) can get.

    What it sends is not believed: `unixfs.Blob` checks each block. What is not hidden from it:
    who reads which blob. Whatever would write raises `OutputError`. Raises `InputError` for
    another URL.
    """

    def __init__(self, url: str, *, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._server = Server(url, self._patience)

    def fetch(self, cid: Cid, most: int) -> bytes | None:
        """Return a block as the gateway sends it, unchecked; None where it says it has none.

        A gateway may send to CID.ipfs.HOST, its own name for the block (specs.ipfs.tech,
        subdomain gateway); there it is followed, without the password. Nowhere else: a gateway
        that could send anywhere would have us knock at doors of this machine's network.
        """
        try:
            try:
                return _block(self._server, f"/ipfs/{cid}", most)
            except MovedError as moved:
                own = self._own_place(cid)
                if not moved.place.startswith(f"{own}/"):
                    raise
            return _block(Server(own, self._patience), "/", most)
        except ServerError as error:
            raise BlobError(
                str(cid), f"{self._server.name} {error.problem}", hint=error.hint or _HINT
            ) from None

    def pins(self) -> list[Cid]:
        """Return nothing: a gateway keeps nothing for anybody."""
        return []

    def keeping(self) -> AbstractContextManager[Keep]:
        """Refuse: nothing is kept here."""
        raise self._only_read()

    def pin(self, root: Cid) -> None:
        """Refuse: nothing is kept here."""
        del root
        raise self._only_read()

    def drop(self, cid: str) -> None:
        """Refuse: nothing is kept here that we could drop."""
        Cid.parse(cid)
        raise self._only_read()

    def _own_place(self, cid: Cid) -> str:
        address = self._server.address
        return f"{address.scheme}://{cid}.ipfs.{address.netloc.decode()}"

    def _only_read(self) -> OutputError:
        return OutputError(
            self._server.name,
            "is a gateway: it can only be read",
            hint="write to a folder or to an IPFS node (kubo:URL)",
        )


def _block(server: Server, path: str, most: int) -> bytes | None:
    def take(answer: Answer) -> bytes | None:
        match answer.status:
            case 404 | 410:
                return None
            case 504:
                # It searched the network for as long as it would, and would do so again.
                raise ServerError("did not find it in time", hint="try later, or another source")
        if answer.status != OK:
            raise answer.fault()
        if answer.is_page:
            raise ServerError("is not a trustless gateway: it answers with a page")
        return answer.read(most)

    return server.ask(Request("GET", path, {"format": "raw"}, _RAW), take)
