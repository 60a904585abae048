"""Time, private folders, storage, encryption and packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from typing_extensions import Buffer

    from visdm.domain.packages import DataSummary, ModelSummary

Progress = Callable[[int, int], None]
"""Called with (done, total) as long work goes on."""


def silent(done: int, total: int) -> None:
    """Ignore progress."""


class Clock(Protocol):
    """A clock for measuring, never for deadlines: those are on the chain's clock."""

    def seconds(self) -> float:
        """Return monotonic seconds."""
        ...


class Scratch(Protocol):
    """Private folders for plaintext on its way."""

    def folder(self) -> AbstractContextManager[Path]:
        """Yield a new folder that only this account can read; it is wiped on exit."""
        ...

    def size(self, path: Path) -> int:
        """Return the bytes of a file in such a folder."""
        ...

    def read(self, path: Path, limit: int) -> bytes:
        """Return the first `limit` bytes of a file in such a folder, or all it has."""
        ...

    def keep(self, source: Path, target: Path) -> None:
        """Copy a file out of such a folder, to appear whole at `target`.

        Raises `OutputError` when it cannot be written there.
        """
        ...


class BlobStore(Protocol):
    """Content-addressed storage (DESIGN section 6): UnixFS CIDv1 in base32."""

    def put(self, source: Path) -> str:
        """Store the bytes of `source`; return their CID. Storing twice changes nothing."""
        ...

    def get(self, cid: str, target: Path) -> None:
        """Write the blob to `target`, every block checked against its CID.

        Raises `BlobError` when a block is missing or false; `target` is then left untouched.
        """
        ...

    def write(self, content: bytes) -> str:
        """Store a small document; return its CID."""
        ...

    def read(self, cid: str, limit: int = 1 << 24) -> bytes:
        """Return a small document, checked. Raises `BlobError`, also above `limit` bytes."""
        ...


class Vault(Protocol):
    """Encryption for one account (DESIGN section 6): age, with one key per payload."""

    @property
    def recipient(self) -> str:
        """This account's public encryption key, fit to be published."""
        ...

    def encrypt(self, source: Path, target: Path) -> str:
        """Encrypt to a fresh key and return that key, a secret."""
        ...

    def decrypt(self, source: Path, target: Path, key: str) -> None:
        """Undo `encrypt`. Raises `VaultError`; nothing is then left at `target`."""
        ...

    def seal(self, document: bytes, recipient: str) -> bytes:
        """Encrypt a small document to the holder of `recipient`."""
        ...

    def unseal(self, sealed: bytes) -> bytes:
        """Open what was sealed to this account. Raises `VaultError`."""
        ...


class Writer(Protocol):
    """What bytes are poured into."""

    def write(self, content: Buffer, /) -> int:
        """Take bytes in; return how many were taken."""
        ...


class Packages(Protocol):
    """Builds packages from the owner's files and looks into opened ones."""

    def build_data(
        self,
        source: Path,
        sink: Writer,
        *,
        name: str,
        keep_exif: bool = False,
        progress: Progress = silent,
    ) -> DataSummary:
        """Pour labelled images into `sink` as one Parquet file, their bytes as they are.

        `source` is a class-per-folder tree, a `.csv` with paths and labels, or a `.parquet`.
        Personal metadata of images is left out unless `keep_exif`. The same input gives the
        same bytes. Raises `FolderError`, `ImageError` naming every image at fault, or
        `OutputError`; what the sink holds then is worth nothing.
        """
        ...

    def build_model(self, folder: Path, target: Path) -> ModelSummary:
        """Pack a model folder (`visdm.toml`, Python source, `validation.parquet`).

        The same input gives the same bytes. Raises `FolderError` or `ModelError`.
        """
        ...

    def inspect_data(self, package: Path) -> DataSummary:
        """Read and check a data package. Raises `ImageError` or `FolderError`."""
        ...

    def inspect_model(self, package: Path) -> ModelSummary:
        """Read and check a model package. Raises `ModelError`."""
        ...

    def digest(self, package: Path) -> str:
        """Return the SHA-256 of a file, in hex."""
        ...
