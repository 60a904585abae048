"""What a new asset is compared with: tables of the whole market, and one's own prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from visdm.domain.copies import table_limit
from visdm.domain.metadata import Metadata
from visdm.errors import BlobError, VaultError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.ports import BlobStore, Scratch, Vault

PRINTS_LIMIT = 1 << 26
"""Bytes of an asset's prints: some half a million images without a public table."""

SEALED_LIMIT = PRINTS_LIMIT + (1 << 16)
"""Bytes of the same sealed: age adds sixteen to each 64 KiB, and a header."""

PIECE = 1 << 20
"""Bytes of a table that are held in memory as it is fetched."""


class Comparing(Protocol):
    """Who compares: a provider, with its tools."""

    @property
    def store(self) -> BlobStore:
        """Where tables and prints are."""
        ...

    @property
    def vault(self) -> Vault:
        """What opens its prints."""
        ...

    @property
    def scratch(self) -> Scratch:
        """What writes into private folders."""
        ...

    def indices(self) -> set[int]:
        """Return the providers that it is."""
        ...


def fetch(comparing: Comparing, earlier: Iterable[Asset], private: Path) -> dict[str, Path]:
    """Fetch what there is of earlier assets into a private folder; return it by its name.

    What others publish is their care: what cannot be had of it keeps no new asset waiting. Raises
    `BlobError` where one's own cannot be had.
    """
    mine = comparing.indices()
    found: dict[str, Path] = {}
    for asset in earlier:
        try:
            document = comparing.store.read(asset.metadata)
            metadata = Metadata.from_bytes(document, cid=asset.metadata)
            if metadata.images:
                table = private / f"table-{asset.asset}"
                _fetch(comparing, metadata.images, table, table_limit(asset.samples))
                found[table.name] = table
            if asset.provider in mine:
                prints = private / f"prints-{asset.asset}"
                sealed = comparing.store.read(metadata.prints, SEALED_LIMIT)
                with comparing.scratch.writing(prints) as sink:
                    sink.write(comparing.vault.unseal(sealed))
                found[prints.name] = prints
        except BlobError:
            if asset.provider in mine:
                raise
        except VaultError:
            continue  # of a key that was lost; what is public is compared all the same
    return found


def _fetch(comparing: Comparing, cid: str, target: Path, limit: int) -> None:
    """Fetch a stranger's blob. Raises `BlobError`, also above `limit` bytes."""
    source, left = comparing.store.open(cid), limit
    with comparing.scratch.writing(target) as sink:
        while piece := source.read(PIECE):
            left -= len(piece)
            if left < 0:
                raise BlobError(cid, f"larger than {limit} bytes")
            sink.write(piece)
