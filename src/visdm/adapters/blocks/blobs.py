"""The port `BlobStore` over any place that keeps blocks."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.adapters.blocks import car
from visdm.adapters.blocks.unixfs import Blob, Builder, Profile
from visdm.adapters.blocks.whole import clear_parts, whole_file, why
from visdm.errors import BlobError, InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

    from visdm import ports
    from visdm.adapters.blocks.cid import Cid
    from visdm.adapters.blocks.unixfs import Keep
    from visdm.ports import Bytes, Writer


@dataclass(frozen=True)
class Removed:
    """What a collection took away: blocks, and their bytes together."""

    blocks: int = 0
    size: int = 0


class Blobs(ABC):
    """Blobs as UnixFS blocks; who extends this says how a block is kept and fetched.

    What was stored is *pinned*: it stays until it is dropped.
    """

    profile = Profile()

    @abstractmethod
    def fetch(self, cid: Cid, most: int) -> bytes | None:
        """Return a block (see `unixfs.Fetch`). Raises only `BlobError`."""

    @abstractmethod
    def keeping(self) -> AbstractContextManager[Keep]:
        """Yield what keeps blocks; on exit they are safe. Raises only `OutputError`."""

    @abstractmethod
    def pin(self, root: Cid) -> None:
        """Keep a blob whose blocks are all here. Raises only `OutputError`."""

    @abstractmethod
    def pins(self) -> list[Cid]:
        """Return the roots of all blobs that are kept. Raises only `BlobError`."""

    @abstractmethod
    def drop(self, cid: str) -> None:
        """Keep a blob no longer; one that was not kept stays so.

        Raises `BlobError` for what is no CID, `OutputError` when the store cannot be changed.
        """

    def collect(self, *, everything: bool = False) -> Removed:
        """Remove every block that no pinned blob needs; return what went.

        Where nothing at all is pinned that is every block, and has to be asked for by
        `everything`. Raises `BlobError` when a pinned blob is not whole, `OutputError`.
        """
        del everything
        raise OutputError("store", "collects what is not pinned by itself", hint="name a folder")

    def undisturbed(self) -> AbstractContextManager[None]:
        """Hold off whatever removes blocks that are not pinned yet."""
        return nullcontext()

    @contextmanager
    def adding(self) -> Iterator[Upload]:
        """Yield what takes the bytes of a blob. When the block ends well it is stored and pinned.

        Raises `OutputError`; blocks kept until then stay, and do no harm.
        """
        with self.undisturbed():
            with self.keeping() as keep:
                upload = Upload(Builder(keep, self.profile))
                yield upload
                root = upload.finish()
            self.pin(root)

    def put(self, source: Path) -> str:
        """Store the bytes of `source`; return their CID. Storing twice changes nothing.

        Raises `InputError` when `source` cannot be read, `OutputError` as `adding`.
        """
        try:
            with source.open("rb", buffering=0) as file, self.adding() as upload:
                while piece := file.read(self.profile.chunk):
                    upload.write(piece)
        except OSError as error:
            raise _unreadable(source, error) from error
        return upload.cid

    def open(self, cid: str) -> Reader:
        """Return a blob as a stream. Raises `BlobError`, here or from `read`."""
        return Reader(Blob(cid, self.fetch))

    def get(self, cid: str, target: Path) -> None:
        """Write the blob to `target`, every block checked against its CID.

        Raises `BlobError` when a block is missing or false, `OutputError` when `target`
        cannot be written; `target` is then as it was. What a killed process left of this target
        goes.
        """
        blob = Blob(cid, self.fetch)
        with _written(target, blob.size) as file:
            for chunk in blob:
                file.write(chunk)

    def write(self, content: bytes) -> str:
        """Store a small document; return its CID. Raises `OutputError`."""
        with self.adding() as upload:
            upload.write(content)
        return upload.cid

    def read(self, cid: str, limit: int = 1 << 24) -> bytes:
        """Return a small document, checked.

        Raises `BlobError`; above `limit` bytes before more than its root was fetched.
        """
        return b"".join(Blob(cid, self.fetch, limit))

    def export(self, cid: str, sink: Writer) -> None:
        """Write a blob with all its blocks as a CARv1. Raises `BlobError`."""
        blob = self.blob(cid)
        car.write(blob.cid, blob.each(), sink)

    def save(self, cid: str, target: Path) -> None:
        """Write a blob as a CARv1 file. Raises as `get`."""
        blob = self.blob(cid)
        with _written(target, 0) as file:  # what it takes is known when all nodes were read
            car.write(blob.cid, blob.each(), file)

    def load(self, archive: Path) -> list[str]:
        """Store and pin the blobs of a CARv1 file; return their CIDs. Raises as `take_in`."""
        try:
            with archive.open("rb") as file:
                return self.take_in(file)
        except OSError as error:
            raise _unreadable(archive, error) from error

    def take_in(self, source: ports.Reader) -> list[str]:
        """Store and pin the blobs of a CARv1; return their CIDs.

        Raises `InputError` for what is no such archive, `BlobError` when it does not hold all of
        them, `OutputError`; nothing is pinned then, and blocks kept until then do no harm.
        """
        archive = car.Archive(source)
        held: set[Cid] = set()

        # What it lacks may be here, but not in each of several stores that all pin the blob.
        def fetch(cid: Cid, most: int) -> bytes | None:
            return self.fetch(cid, most) if cid in held else None

        with self.undisturbed():
            with self.keeping() as keep:
                for cid, block in archive:
                    keep(cid, block)
                    held.add(cid)
            for root in archive.roots:
                for _ in Blob(str(root), fetch).each():
                    pass
            for root in archive.roots:
                self.pin(root)
        return [str(root) for root in archive.roots]

    def blob(self, cid: str) -> Blob:
        """Return a blob to be walked block by block. Raises `BlobError`."""
        return Blob(cid, self.fetch)


class Upload:
    """A blob on its way in; `cid` is known once it is stored."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._root: Cid | None = None

    def write(self, content: Bytes, /) -> int:
        """Take all of `content`; return its length in bytes.

        Raises `OutputError`, and `RuntimeError` once the blob is complete.
        """
        if self._root is not None:
            raise RuntimeError("a blob takes no more bytes once it is complete")
        return self._builder.write(content)

    def finish(self) -> Cid:
        """Take it for complete."""
        self._root = self._builder.finish()
        return self._root

    @property
    def cid(self) -> str:
        """The blob's CID. Raises `RuntimeError` while it is not complete."""
        if self._root is None:
            raise RuntimeError("a blob has no CID before all of it was written")
        return str(self._root)

    @property
    def size(self) -> int:
        """Bytes taken so far."""
        return self._builder.size


class Reader:
    """A blob as a stream: what `read` returns was checked."""

    def __init__(self, blob: Blob) -> None:
        self.size = blob.size
        self._chunks = iter(blob)
        self._rest = memoryview(b"")
        self._fault: BlobError | None = None

    def read(self, size: int = -1, /) -> bytes:
        """Return at least one byte and at most `size`, all that is left without one; b'' at the
        end. Raises `BlobError`, and again whenever it is asked again.
        """
        if size < 0:
            rest, self._rest = bytes(self._rest), memoryview(b"")
            return b"".join([rest, *iter(self._next, b"")])
        if not self._rest:
            self._rest = memoryview(self._next())
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)

    def _next(self) -> bytes:
        # An iterator that failed ends: without this, the second try would find a short blob.
        if self._fault is not None:
            raise self._fault
        try:
            return next(self._chunks, b"")
        except BlobError as error:
            self._fault = error
            raise


@contextmanager
def _written(target: Path, size: int) -> Iterator[BinaryIO]:
    """Yield a file of about `size` bytes that becomes `target` when it is whole."""
    try:
        clear_parts(target.parent, target)
        _make_sure_it_fits(target, size)
        with whole_file(target, beside=target.parent) as file:
            yield file
    except OSError as error:
        raise OutputError(
            target, why(error), hint="name a file in a folder that can be written"
        ) from error


def _unreadable(source: Path, error: OSError) -> InputError:
    return InputError(f"{source}: cannot be read: {why(error)}", hint="name a readable file")


def _make_sure_it_fits(target: Path, size: int) -> None:
    # A few small blocks can stand for terabytes: better to say so than to fill the disk.
    if target.is_dir():
        raise OutputError(target, "is a folder", hint="name a file")
    free = shutil.disk_usage(target.parent).free
    if size > free:
        raise OutputError(
            target, f"needs {size} bytes, {free} are free", hint="make room or choose another disk"
        )
