"""The embedded store: one file per block in a folder that several processes may share.

ROOT/blocks/X/CID     a block; X is the last letter of its CID but one: the last has few values
ROOT/pins/CID         an empty file for each blob that is kept
ROOT/dropping/CID     the same for each whose removal has begun
ROOT/partial/         blocks being written; what killed processes left is cleaned on opening
ROOT/lock             held together by all who add, and alone by who removes
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from visdm.adapters.blocks.blobs import Blobs, Removed
from visdm.adapters.blocks.cid import Cid
from visdm.adapters.blocks.unixfs import MAX_LEAF
from visdm.adapters.blocks.whole import clear_parts, sync_folder, whole_file, why
from visdm.errors import BlobError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from visdm.adapters.blocks.unixfs import Keep

_HINT = "check the store's disk: space, permissions, health"


class BlockFolder(Blobs):
    """A `BlobStore` in the folder `root`, made where it is missing.

    What is safe: a block appears under its name only when whole and on disk; a blob is pinned
    when all of its blocks and their names are; what is pinned is never removed, also where one
    process adds while another collects. What is not: nothing is encrypted here, and what is
    removed is unlinked, not overwritten. Raises `OutputError` when the folder cannot be used.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blocks = root / "blocks"
        self._pins = root / "pins"
        self._dropping = root / "dropping"
        self._partial = root / "partial"
        try:
            for folder in (self._blocks, self._pins, self._dropping, self._partial):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(root, why(error), hint="name a folder for the blobs") from error
        clear_parts(self._partial)

    def path(self, cid: Cid) -> Path:
        """Return where the block `cid` is, or would be."""
        name = str(cid)
        return self._blocks / name[-2] / name

    def pins(self) -> list[Cid]:
        """Return the roots of all blobs that are kept, by CID."""
        return list(self._listed(self._pins))

    def drop(self, cid: str) -> None:
        """Keep a blob no longer, and remove its blocks but for those that another one has too.

        Of a blob that was not kept nothing is removed: its blocks may be of one that is, in a
        store older than its pins; `collect` tells. A removal that was cut off is finished.
        Raises `BlobError`, before anything is changed, when another pinned blob is not whole:
        what it needs cannot be told then.
        """
        root = Cid.parse(cid)
        with self._alone():
            if root in self.pins():
                self._needed(root)
                self._begin_dropping(root)
            elif not (self._dropping / str(root)).exists():
                return
            self._remove(self._names(root) - self._needed())
            self._end_dropping(root)

    def collect(self, *, everything: bool = False) -> Removed:
        """Remove every block that no pinned blob needs.

        Raises `BlobError` when a pinned blob lacks a node: what it needs cannot be told then.
        Raises `OutputError` when there are blocks and nothing at all is pinned, save with
        `everything`: so it looks where the pins were lost, or the store is older than they are.
        Nothing is removed then.
        """
        with self._alone():
            needed = self._needed()
            if not needed and not everything and next(self.stored(), None) is not None:
                raise OutputError(
                    self.root,
                    "holds blocks, and nothing says which of them to keep",
                    hint="store again what you need; --all removes every block",
                )
            removed = self._remove(cid for cid in self.stored() if cid not in needed)
            for root in self._listed(self._dropping):
                self._end_dropping(root)
            return removed

    def stored(self) -> Iterator[Cid]:
        """Yield the CID of every block in the folder."""
        for shard in _entries(self._blocks):
            if shard.is_dir():
                for cid in self._listed(shard):
                    # Elsewhere, or not a plain file, it is not of our making.
                    path = self.path(cid)
                    if path.parent == shard and path.is_file() and not path.is_symlink():
                        yield cid

    def size_of(self, cid: Cid) -> int:
        """Return the bytes of a block's file, 0 where there is none."""
        try:
            return self.path(cid).stat().st_size
        except OSError:
            return 0

    def fault(self, cid: Cid) -> str:
        """Return what is wrong with a stored block; '' where nothing is."""
        try:
            block = self.fetch(cid, MAX_LEAF)
        except BlobError as error:
            return error.problem
        if block is None:
            return "is missing"
        return "" if cid.fits(block) else "is false: its bytes have another digest"

    def fetch(self, cid: Cid, most: int) -> bytes | None:
        """Return a block as it lies on the disk, None where there is none."""
        try:
            with self.path(cid).open("rb", buffering=0) as file:
                return file.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BlobError(str(cid), f"cannot be read: {why(error)}", hint=_HINT) from error

    def _listed(self, folder: Path) -> Iterator[Cid]:
        """Yield the CIDs among a folder's names; what else lies there is not ours to touch."""
        for entry in _entries(folder):
            with suppress(BlobError):
                yield Cid.parse(entry.name)

    @contextmanager
    def keeping(self) -> Iterator[Keep]:
        """Yield what writes blocks; when the block ends their names are on disk too."""
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
        self._sync(*touched, self._blocks)

    def pin(self, root: Cid) -> None:
        """Keep a blob whose blocks are all here."""
        try:
            (self._pins / str(root)).touch()
        except OSError as error:
            raise OutputError(self._pins, why(error), hint=_HINT) from error
        self._sync(self._pins)

    def _begin_dropping(self, root: Cid) -> None:
        """Say on the disk that a blob is not kept any more, before one of its blocks goes."""
        try:
            (self._pins / str(root)).replace(self._dropping / str(root))
        except OSError as error:
            raise OutputError(self._pins, why(error), hint=_HINT) from error
        self._sync(self._dropping, self._pins)

    def _end_dropping(self, root: Cid) -> None:
        try:
            (self._dropping / str(root)).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(self._dropping, why(error), hint=_HINT) from error

    def _needed(self, but: Cid | None = None) -> set[Cid]:
        """Return the blocks of all pinned blobs, one left out."""
        roots = [root for root in self.pins() if root != but]
        return {cid for root in roots for cid in self.blob(str(root)).names()}

    def _names(self, root: Cid) -> set[Cid]:
        """Return the blocks of a blob, as many as can be told where it is not whole."""
        names = {root}
        with suppress(BlobError):
            for cid in self.blob(str(root)).names():
                names.add(cid)
        return names

    def _remove(self, cids: Iterable[Cid]) -> Removed:
        blocks = size = 0
        for cid in cids:
            length = self.size_of(cid)
            try:
                self.path(cid).unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(self.path(cid), why(error), hint=_HINT) from error
            blocks, size = blocks + 1, size + length
        return Removed(blocks, size)

    def _present(self, path: Path, block: bytes) -> bool:
        try:
            with path.open("rb", buffering=0) as file:
                return file.read(len(block) + 1) == block
        except OSError:
            return False

    def undisturbed(self) -> AbstractContextManager[None]:
        """Hold off those who remove, in this process and others."""
        return self._locked(fcntl.LOCK_SH)

    def _alone(self) -> AbstractContextManager[None]:
        return self._locked(fcntl.LOCK_EX)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Hold the store's lock, waiting for it; the kernel gives up that of a killed process."""
        try:
            handle = os.open(self.root / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutputError(self.root, why(error), hint=_HINT) from error
        try:
            try:
                fcntl.flock(handle, how)
            except OSError as error:
                problem = f"cannot be locked: {why(error)}"
                raise OutputError(self.root, problem, hint=_HINT) from error
            yield
        finally:
            os.close(handle)

    def _sync(self, *folders: Path) -> None:
        try:
            for folder in folders:
                sync_folder(folder)
        except OSError as error:
            raise OutputError(self._blocks, why(error), hint=_HINT) from error


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise BlobError(str(folder), f"cannot be listed: {why(error)}", hint=_HINT) from error
