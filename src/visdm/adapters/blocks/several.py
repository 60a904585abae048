"""Several stores as one: written to all, read from the first that answers truly."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from visdm.adapters.blocks.blobs import Blobs, Removed
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from visdm.adapters.blocks.cid import Cid
    from visdm.adapters.blocks.unixfs import Keep


class Several(Blobs):
    """`stores` are written to, in this order; `sources` are only read, after them.

    A blob is stored when every store has it: the failure of one is that of all, and adding
    again mends it. A block that is missing, false or out of reach in one is asked of the next.
    Raises `ValueError` without any store: what was written would be nowhere.
    """

    def __init__(self, stores: Sequence[Blobs], sources: Sequence[Blobs] = ()) -> None:
        if not stores:
            raise ValueError("several stores are at least one")
        self._stores = tuple(stores)
        self._all = (*stores, *sources)

    def pins(self) -> list[Cid]:
        """Return what the first store keeps; the others keep the same."""
        return self._stores[0].pins()

    def drop(self, cid: str) -> None:
        """Keep a blob no longer, in any store. One that is out of reach keeps no other from it."""
        with ExitStack() as stack:
            for store in reversed(self._stores):
                stack.callback(store.drop, cid)

    def collect(self, *, everything: bool = False) -> Removed:
        """Remove what is not needed, in each store by itself."""
        gone = [store.collect(everything=everything) for store in self._stores]
        return Removed(sum(one.blocks for one in gone), sum(one.size for one in gone))

    def fetch(self, cid: Cid, most: int) -> bytes | None:
        """Return a block from the first store that has it whole."""
        fault: BlobError | None = None
        false: bytes | None = None
        for store in self._all:
            try:
                block = store.fetch(cid, most)
            except BlobError as error:
                fault = fault or error
                continue
            if block is None:
                continue
            if len(block) <= most and cid.fits(block):
                return block
            false = block
        # Nobody has it: a false block says more than a fault, and a fault more than nothing.
        if false is None and fault is not None:
            raise fault
        return false

    @contextmanager
    def keeping(self) -> Iterator[Keep]:
        """Yield what keeps blocks in every store."""
        with ExitStack() as stack:
            keeps = [stack.enter_context(store.keeping()) for store in self._stores]

            def keep(cid: Cid, block: bytes) -> None:
                for each in keeps:
                    each(cid, block)

            yield keep

    def pin(self, root: Cid) -> None:
        """Keep a blob in every store."""
        for store in self._stores:
            store.pin(root)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Hold off those who remove, in every store."""
        with ExitStack() as stack:
            for store in self._stores:
                stack.enter_context(store.undisturbed())
            yield
