"""Time, private folders, storage, encryption and packages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from visdm.domain.packages import Disclosure

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from visdm.domain.packages import DataSummary, ModelSummary

Progress = Callable[[int, int], None]
"""Called with (done, total) as long work goes on."""


def silent(done: int, total: int) -> None:
    """Ignore progress."""


Bytes = bytes | bytearray | memoryview


class Writer(Protocol):
    """What bytes are poured into."""

    def write(self, content: Bytes, /) -> int:
        """Take all of `content`; return its length in bytes."""
        ...


class Reader(Protocol):
    """What bytes are drawn from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at least one byte and at most `size`, or all that is left; b'' at the end."""
        ...


class Upload(Writer, Protocol):
    """A blob on its way into a store."""

    @property
    def cid(self) -> str:
        """The blob's CID, once all of it was written and stored."""
        ...


@dataclass(frozen=True)
class Poured:
    """What went into a sink: the SHA-256 of the bytes, in hex, and their number."""

    digest: str
    size: int


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

    def writing(self, path: Path) -> AbstractContextManager[Writer]:
        """Yield what writes a new file in such a folder."""
        ...

    def pour(self, path: Path, sink: Writer) -> Poured:
        """Write a file of such a folder into `sink`."""
        ...

    def keep(self, source: Path, target: Path) -> None:
        """Copy a file out of such a folder, to appear whole at `target`.

        Raises `OutputError` when it cannot be written there.
        """
        ...


class Verdicts(Protocol):
    """What was said of public tables before (`visdm.domain.tables.key`)."""

    def known(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return what was said under these keys: '' or why a table does not count."""
        ...

    def keep(self, said: Mapping[str, str]) -> None:
        """Add what was said."""
        ...


class BlobStore(Protocol):
    """Content-addressed storage (DESIGN section 6): UnixFS CIDv1 in base32.

    What is stored is kept until it is dropped. Raises `OutputError` where the store cannot be
    written or changed.
    """

    def adding(self) -> AbstractContextManager[Upload]:
        """Yield what takes the bytes of a blob; it is stored when the block ends well."""
        ...

    def put(self, source: Path) -> str:
        """Store the bytes of `source`; return their CID. Storing twice changes nothing."""
        ...

    def open(self, cid: str) -> Reader:
        """Return the blob as a stream, every block checked against its CID.

        Raises `BlobError`, now or on reading, when a block is missing or false.
        """
        ...

    def get(self, cid: str, target: Path) -> None:
        """Write the blob to `target`, checked. Raises `BlobError`; `target` is then untouched."""
        ...

    def write(self, content: bytes) -> str:
        """Store a small document; return its CID."""
        ...

    def read(self, cid: str, limit: int = 1 << 24) -> bytes:
        """Return a small document, checked. Raises `BlobError`, also above `limit` bytes."""
        ...

    def drop(self, cid: str) -> None:
        """Keep a blob no longer. Nothing happens where it is not kept."""
        ...


class Sealing(Writer, Protocol):
    """What plaintext is poured into while it is encrypted. It takes all that it is given."""

    @property
    def key(self) -> str:
        """The payload's key, a secret."""
        ...


class Vault(Protocol):
    """Encryption for one account (DESIGN section 6): age, with one key per payload."""

    @property
    def recipient(self) -> str:
        """This account's public encryption key, fit to be published."""
        ...

    def encrypting(self, sink: Writer) -> AbstractContextManager[Sealing]:
        """Yield what takes plaintext and passes ciphertext on to `sink`, under a fresh key.

        The ciphertext is complete when the block has ended well. A block that raises ends the
        encryption: nothing more reaches the sink. What the sink raises comes out of `write` or of
        the block's end. Another thread may write to the sink; none does once the block has ended.
        """
        ...

    def decrypt(self, source: Reader, target: Path, key: str) -> str:
        """Undo `encrypting` in one pass; return the SHA-256 of the plaintext in hex.

        Raises what `source` raises, `VaultError` when all of it does not open with `key`, and
        `OutputError`; nothing is then left at `target`, nor beside it.
        """
        ...

    def seal(self, document: bytes, recipient: str) -> bytes:
        """Encrypt a small document to the holder of `recipient`."""
        ...

    def unseal(self, sealed: bytes) -> bytes:
        """Open what was sealed to this account. Raises `VaultError`."""
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
        flat: bool = False,
        disclosure: Disclosure = Disclosure.FULL,
        progress: Progress = silent,
    ) -> DataSummary:
        """Pour labelled images into `sink` as one Parquet file, their bytes as they are.

        `source` is a class-per-folder tree, a `.csv` with paths and labels, or a `.parquet`.
        Where `flat`, a folder may hold images of no class: examples to compare with.
        Personal metadata of images is left out unless `keep_exif`. `disclosure` goes into the
        package: what of its metadata its provider may publish. The same input gives the
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
