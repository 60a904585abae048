"""The embedded store: one file per block in a folder that several processes may share.

ROOT/blocks/XX/CID    a block; XX are the last letters of its CID but one
ROOT/partial/         blocks being written; what a killed process left is cleaned on opening
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from visdm.adapters.blocks.blobs import Blobs
from visdm.adapters.blocks.whole import PREFIX, SUFFIX, sync_folder, whole_file, why
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.adapters.blocks.cid import Cid
    from visdm.adapters.blocks.unixfs import Keep

ABANDONED = 3600.0
"""Seconds after which a partial block is taken for left behind: writing one takes less than one."""

_HINT = "check the store's disk: space, permissions, health"


class BlockFolder(Blobs):
    """A `BlobStore` in the folder `root`, made where it is missing.

    What is safe: a block appears under its name only when whole and on disk, and `put`
    and `write` return when all names are on disk too. What is not: nothing is encrypted
    here, and nothing is ever removed. Raises `OutputError` when the folder cannot be used.
    """

    def __init__(self, root: Path) -> None:
        self._blocks = root / "blocks"
        self._partial = root / "partial"
        try:
            self._blocks.mkdir(parents=True, exist_ok=True)
            self._partial.mkdir(exist_ok=True)
            self._clean()
        except OSError as error:
            raise OutputError(root, why(error), hint="name a folder for the blobs") from error

    def path(self, cid: Cid) -> Path:
        """Return where the block `cid` is, or would be."""
        name = str(cid)
        return self._blocks / name[-3:-1] / name

    def _fetch(self, cid: Cid, most: int) -> bytes | None:
        try:
            with self.path(cid).open("rb") as file:
                return file.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BlobError(str(cid), f"cannot be read: {why(error)}", hint=_HINT) from error

    @contextmanager
    def _keeping(self) -> Iterator[Keep]:
        touched: set[Path] = set()

        def keep(cid: Cid, block: bytes) -> None:
            path = self.path(cid)
            touched.add(path.parent)
            # A false block under this name counts as none, so that storing again repairs it.
            if self._present(path, block):
                return
            try:
                path.parent.mkdir(exist_ok=True)
                with whole_file(path, beside=self._partial) as file:
                    file.write(block)
            except OSError as error:
                raise OutputError(path, why(error), hint=_HINT) from error

        yield keep
        self._sync(touched)

    def _present(self, path: Path, block: bytes) -> bool:
        try:
            with path.open("rb") as file:
                return file.read(len(block) + 1) == block
        except OSError:
            return False

    def _sync(self, shards: set[Path]) -> None:
        try:
            for folder in (*shards, self._blocks):
                sync_folder(folder)
        except OSError as error:
            raise OutputError(self._blocks, why(error), hint=_HINT) from error

    def _clean(self) -> None:
        before = time.time() - ABANDONED
        for part in self._partial.glob(f"{PREFIX}*{SUFFIX}"):
            # Tidying is no reason not to open; another process may be doing it just now.
            with suppress(OSError):
                if part.lstat().st_mtime < before:
                    part.unlink()
