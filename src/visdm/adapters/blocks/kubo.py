"""An IPFS node as a store, through the RPC API of Kubo (`rpc.py`)."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from visdm.adapters.blocks import car
from visdm.adapters.blocks.blobs import Blobs
from visdm.adapters.blocks.cid import Cid
from visdm.adapters.blocks.http import AgainError, Answer, Patience, ServerError
from visdm.adapters.blocks.rpc import HINT, Rpc, SaidError, lines, no_kubo, objects
from visdm.errors import BlobError, OutputError
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from visdm.adapters.blocks.unixfs import Keep
    from visdm.ports import Progress

HERE = "http://127.0.0.1:5001"
"""Where a node listens that nobody configured."""

BATCH = 1 << 24
"""Bytes of blocks that are sent at once, and sent again when that fails."""

_PROGRESS = 1 << 24
_LISTING = 1 << 27
"""Bytes of a list of pins: about a million of them."""


@dataclass(frozen=True)
class Stat:
    """A stored blob: its `size` in bytes, its `blocks`, and the bytes `stored` in these."""

    size: int
    blocks: int
    stored: int


class Kubo(Blobs):
    """A `BlobStore` in an IPFS node at `url` (`http[s]://[USER:PASSWORD@]HOST[:PORT]`).

    What is safe: a blob is stored when the node said so after all of its blocks; a put that is
    cut off anywhere leaves blocks without a pin, and is finished by putting again. What the
    node sends is not believed: `unixfs.Blob` checks each block. What is not: nothing keeps the
    node from collecting garbage between blocks and pin. `pin` fails then, and putting again mends
    it. Whoever may use the RPC API rules the node: leave it on 127.0.0.1.

    `search` is how many seconds the node may look for a block on the network, 0 keeps it to its
    own; `pinning` how many it may take to walk a blob, to pin or to count it. `progress` is told
    the bytes sent of what is being added, with 0 for a total that is not known. Raises
    `InputError` for another URL.
    """

    def __init__(
        self,
        url: str = HERE,
        *,
        search: float = 30.0,
        pinning: float = 600.0,
        patience: Patience | None = None,
        progress: Progress = silent,
    ) -> None:
        self._rpc = Rpc(url, patience or Patience())
        self._search = search
        self._reach = {} if search else {"offline": "true"}
        self._pinning = pinning
        self._progress = progress

    def fetch(self, cid: Cid, most: int) -> bytes | None:
        """Return a block as the node sends it, unchecked; None where it says it has none.

        One that is not found on the network in time may exist all the same: `BlobError`.
        """
        with self._reading(str(cid)):
            try:
                take = partial(Answer.read, most=most)
                return self._rpc.call("block/get", cid, take, self._reach, seconds=self._search)
            except SaidError as error:
                if error.is_missing:
                    return None
                if error.is_late:
                    raise ServerError(f"did not find it in {self._search:g} seconds") from None
                raise

    @contextmanager
    def keeping(self) -> Iterator[Keep]:
        """Yield what sends blocks, many at once; when the block ends the node has them all."""
        batch: dict[Cid, bytes] = {}
        waiting = sent = 0

        def send() -> None:
            nonlocal waiting, sent
            self._import(batch)
            sent += waiting
            waiting = 0
            batch.clear()
            self._progress(sent, 0)

        def keep(cid: Cid, block: bytes) -> None:
            nonlocal waiting
            if waiting + len(block) > BATCH:
                send()
            waiting += len(block)
            batch[cid] = block

        yield keep
        if batch:
            send()

    def pin(self, root: Cid) -> None:
        """Keep a blob whose blocks are all here.

        A node that lacks some looks for them on the network; `OutputError` when it does not find
        them in time.
        """
        with self._writing():
            try:
                self._rpc.call(
                    "pin/add",
                    root,
                    lambda answer: _pinned(answer, root),
                    {"recursive": "true", "progress": "true"},
                    seconds=self._pinning,
                    tells=True,
                )
            except SaidError as error:
                if error.is_missing or error.is_late:
                    raise _not_pinned(root) from None
                raise

    def pins(self) -> list[Cid]:
        """Return the roots that the node keeps, whoever pinned them, where they may be blobs.

        A list that the node breaks off with an error is only seen to be cut where the
        connection is too.
        """
        with self._reading(self._rpc.name):
            found = self._rpc.call("pin/ls", None, _listed, {"type": "recursive", "stream": "true"})
        return sorted(found, key=str)

    def drop(self, cid: str) -> None:
        """Keep a blob no longer; the node removes its blocks when it next collects garbage."""
        root = Cid.parse(cid)
        with self._writing():
            try:
                self._rpc.call("pin/rm", root, objects, {"recursive": "true"})
            except SaidError as error:
                if not error.is_unpinned:
                    raise

    def stat(self, cid: str) -> Stat:
        """Return how large a blob is. Raises `BlobError`, also where the node lacks a part.

        The size is that of its root, which is checked; the blocks are counted by `dag/stat`,
        which walks all of them, where `files/stat` only counts the root's children.
        """
        size = self.blob(cid).size
        with self._reading(cid):
            root = Cid.parse(cid)
            options = {"progress": "false", **self._reach}
            counted = self._rpc.call("dag/stat", root, objects, options, seconds=self._pinning)
            for each in counted:
                match each:
                    # Before Kubo 0.22 there was one blob and no list.
                    case {"DagStats": [{"NumBlocks": int(blocks), "Size": int(stored)}]} | {
                        "NumBlocks": int(blocks),
                        "Size": int(stored),
                    }:
                        return Stat(size, blocks, stored)
            raise no_kubo("it does not count blocks")

    def cat(self, cid: str) -> Iterator[bytes]:
        """Yield the bytes of a blob, each piece checked before it is yielded.

        Reads block by block: one request of the command `cat` takes as long, can be checked only
        at its end, and only where the blob is cut as ours are.
        """
        return iter(self.blob(cid))

    def _import(self, blocks: dict[Cid, bytes]) -> None:
        """Send blocks as an archive and see that the node counted as many."""
        archive = io.BytesIO()
        archive.write(car.header([next(reversed(blocks))]))
        for cid, block in blocks.items():
            archive.write(car.section(cid, block))

        def take(answer: Answer) -> None:
            for each in objects(answer):
                match each:
                    case {"Stats": {"BlockCount": int(count)}} if count == len(blocks):
                        return
            raise AgainError(f"does not say that it took {len(blocks)} blocks", hint=HINT)

        options = {"stats": "true", "pin-roots": "false", "allow-big-block": "true"}
        with self._writing():
            self._rpc.call("dag/import", None, take, options, upload=archive)

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except ServerError as error:
            said = f"{self._rpc.name} {error.problem}"
            problem = said if name != self._rpc.name else error.problem
            raise BlobError(name, problem, hint=error.hint or HINT) from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except ServerError as error:
            raise OutputError(self._rpc.name, error.problem, hint=error.hint or HINT) from None


def _not_pinned(root: Cid) -> ServerError:
    return ServerError(
        f"did not pin {root}: it lacks blocks, or time",
        hint="add the blob again; what the node has already is not stored twice",
    )


def _pinned(answer: Answer, root: Cid) -> None:
    for each in lines(answer, _PROGRESS):
        pins = each.get("Pins")
        if isinstance(pins, list) and str(root) in pins:
            return
    raise _not_pinned(root)


def _listed(answer: Answer) -> list[Cid]:
    found = []
    for each in lines(answer, _LISTING):
        try:
            found.append(Cid.parse(str(each.get("Cid"))))
        except BlobError:  # a folder, a CIDv0, another hash: somebody else's, not a blob
            continue
    return found
