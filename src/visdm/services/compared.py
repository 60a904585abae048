"""What a new asset is compared with: tables of the whole market, and one's own prints."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from visdm.domain.copies import BYTES_COMPARED, ROWS_COMPARED
from visdm.domain.tables import Registered
from visdm.errors import BlobError, VaultError
from visdm.services.published import agreeing, fetch_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.ports import BlobStore, Scratch, Vault

PRINTS_LIMIT = 1 << 26
"""Bytes of an asset's prints: some half a million images without a public table."""

SEALED_LIMIT = PRINTS_LIMIT + (1 << 16)
"""Bytes of the same sealed: age adds sixteen to each 64 KiB, and a header."""


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


@dataclass
class Fetched:
    """What there is of earlier assets: `inputs` by name, what their tables must agree with, and
    those of which there is nothing.
    """

    inputs: dict[str, Path] = field(default_factory=dict)
    registered: dict[int, Registered] = field(default_factory=dict)
    missing: set[int] = field(default_factory=set)


def fetch(comparing: Comparing, earlier: Iterable[Asset], private: Path) -> Fetched:
    """Fetch what there is of earlier assets into a private folder, the oldest first.

    What others publish is their care: what cannot be had of it keeps no new asset waiting, nor
    does what is too much. Raises `BlobError` where one's own cannot be had.
    """
    mine = comparing.indices()
    found = Fetched()
    rows, room = ROWS_COMPARED, BYTES_COMPARED
    for asset in earlier:
        if asset.samples > rows or room < 0:
            found.missing.add(asset.asset)
            continue
        before, size = len(found.inputs), 0
        try:
            size = _of(comparing, asset, private, found, own=asset.provider in mine)
        except BlobError:
            if asset.provider in mine:
                raise
        room -= size
        if len(found.inputs) > before:
            rows -= asset.samples
        else:
            found.missing.add(asset.asset)
    return found


def _of(comparing: Comparing, asset: Asset, private: Path, found: Fetched, *, own: bool) -> int:
    """Fetch what there is of one asset; return the size of its table. Raises `BlobError`."""
    document = comparing.store.read(asset.metadata)
    size = 0
    try:
        metadata = agreeing(document, asset)
    except BlobError:
        return size  # of another format, or false: one's own would be so for good
    if metadata.images:
        table = private / f"table-{asset.asset}"
        size = fetch_table(comparing.store, comparing.scratch, metadata, asset, table)
        found.inputs[table.name] = table
        found.registered[asset.asset] = Registered(asset.samples, metadata.classes)
    if own:
        prints = private / f"prints-{asset.asset}"
        sealed = comparing.store.read(metadata.prints, SEALED_LIMIT)
        # Of a key that was lost there are none; what is public is compared all the same.
        with suppress(VaultError):
            plain = comparing.vault.unseal(sealed)
            with comparing.scratch.writing(prints) as sink:
                sink.write(plain)
            found.inputs[prints.name] = prints
    return size
