"""The port `BlobStore` over any place that keeps blocks."""

from __future__ import annotations

import io
import shutil
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from visdm.adapters.blocks.unixfs import Blob, Profile, build
from visdm.adapters.blocks.whole import whole_file, why
from visdm.errors import InputError, OutputError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from visdm.adapters.blocks.cid import Cid
    from visdm.adapters.blocks.unixfs import Keep


class Blobs(ABC):
    """Blobs as UnixFS blocks; who extends this says how a block is kept and fetched."""

    profile = Profile()

    @abstractmethod
    def _fetch(self, cid: Cid, most: int) -> bytes | None:
        """Return a block (see `unixfs.Fetch`). Raises only `BlobError`."""

    @abstractmethod
    def _keeping(self) -> AbstractContextManager[Keep]:
        """Yield what keeps blocks; on exit they are safe. Raises only `OutputError`."""

    def put(self, source: Path) -> str:
        """Store the bytes of `source`; return their CID. Storing twice changes nothing.

        Raises `InputError` when `source` cannot be read, `OutputError` when the store
        cannot be written; blocks kept until then stay, and do no harm.
        """
        try:
            with source.open("rb") as file, self._keeping() as keep:
                return str(build(file, keep, self.profile))
        except OSError as error:
            raise InputError(
                f"{source}: cannot be read: {why(error)}", hint="name a readable file"
            ) from error

    def get(self, cid: str, target: Path) -> None:
        """Write the blob to `target`, every block checked against its CID.

        Raises `BlobError` when a block is missing or false, `OutputError` when `target`
        cannot be written; `target` is then as it was.
        """
        blob = Blob(cid, self._fetch)
        try:
            _make_sure_it_fits(target, blob.size)
            with whole_file(target, beside=target.parent) as file:
                for chunk in blob:
                    file.write(chunk)
        except OSError as error:
            raise OutputError(
                target, why(error), hint="name a file in a folder that can be written"
            ) from error

    def write(self, content: bytes) -> str:
        """Store a small document; return its CID. Raises `OutputError`."""
        with self._keeping() as keep:
            return str(build(io.BytesIO(content), keep, self.profile))

    def read(self, cid: str, limit: int = 1 << 24) -> bytes:
        """Return a small document, checked.

        Raises `BlobError`; above `limit` bytes before more than its root was fetched.
        """
        return b"".join(Blob(cid, self._fetch, limit))


def _make_sure_it_fits(target: Path, size: int) -> None:
    # A few small blocks can stand for terabytes: better to say so than to fill the disk.
    if target.is_dir():
        raise OutputError(target, "is a folder", hint="name a file")
    free = shutil.disk_usage(target.parent).free
    if size > free:
        raise OutputError(
            target, f"needs {size} bytes, {free} are free", hint="make room or choose another disk"
        )
