"""What a new asset is compared with: tables of the whole market, and one's own prints."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from visdm.domain.copies import BYTES_COMPARED, ROWS_COMPARED
from visdm.domain.tables import Registered
from visdm.errors import BlobError, OutputError, VaultError
from visdm.services.published import agreeing, fetch_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.ports import BlobStore, Scratch, Vault

PRINTS_LIMIT = 1 << 26
"""Bytes of an asset's prints: some half a million images without a public table."""

SEALED_LIMIT = PRINTS_LIMIT + (1 << 16)
"""Bytes of the same sealed: age adds sixteen to each 64 KiB, and a header."""


SHELF = 1 << 30
"""Bytes of tables and prints that are kept while many assets are described."""


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


@dataclass(frozen=True)
class One:
    """What there is of one asset: `inputs` by name, the size of its table, and what that must
    agree with, where there is one.
    """

    inputs: Mapping[str, Path] = field(default_factory=dict)
    size: int = 0
    registered: Registered | None = None


class Shelf:
    """What was fetched of earlier assets, kept in a private folder while many are described.

    What is not there any more, or not yet, is asked for again: it might be had the next time.
    """

    def __init__(self, scratch: Scratch, folder: Path) -> None:
        self._scratch = scratch
        self._folder = folder
        self._room = SHELF
        self._kept: dict[tuple[int, str], One] = {}

    def find(self, asset: Asset) -> One | None:
        """Return what was kept of an asset."""
        return self._kept.get((asset.asset, asset.metadata))

    def keep(self, asset: Asset, found: One) -> None:
        """Keep what was found of an asset, where there is room."""
        needed = sum(self._scratch.size(path) for path in found.inputs.values())
        if not found.inputs or needed > self._room:
            return
        kept = {name: self._folder / name for name in found.inputs}
        with suppress(OutputError):  # then it is fetched again
            for name, path in found.inputs.items():
                self._scratch.keep(path, kept[name])
            self._kept[asset.asset, asset.metadata] = replace(found, inputs=kept)
            self._room -= needed


def fetch(
    comparing: Comparing, earlier: Iterable[Asset], private: Path, shelf: Shelf | None = None
) -> Fetched:
    """Fetch what there is of earlier assets into a private folder, the oldest first.

    What is on the `shelf` is not fetched, and what is fetched is put there. What others publish
    is their care: what cannot be had of it keeps no new asset waiting, nor does what is too much.
    Raises `BlobError` where one's own cannot be had.
    """
    mine = comparing.indices()
    found = Fetched()
    rows, room = ROWS_COMPARED, BYTES_COMPARED
    for asset in earlier:
        if asset.samples > rows or room < 0:
            found.missing.add(asset.asset)
            continue
        try:
            one = _had(comparing, asset, private, shelf, own=asset.provider in mine)
        except BlobError:
            if asset.provider in mine:
                raise
            one = One()
        found.inputs |= one.inputs
        room -= one.size
        if one.registered is not None:
            found.registered[asset.asset] = one.registered
        if one.inputs:
            rows -= asset.samples
        else:
            found.missing.add(asset.asset)
    return found


def _had(
    comparing: Comparing, asset: Asset, private: Path, shelf: Shelf | None, *, own: bool
) -> One:
    if shelf is None:
        return _of(comparing, asset, private, own=own)
    kept = shelf.find(asset)
    if kept is not None:
        return kept
    found = _of(comparing, asset, private, own=own)
    shelf.keep(asset, found)
    return found


def _of(comparing: Comparing, asset: Asset, private: Path, *, own: bool) -> One:
    """Fetch what there is of one asset. Raises `BlobError`."""
    document = comparing.store.read(asset.metadata)
    try:
        metadata = agreeing(document, asset)
    except BlobError:
        return One()  # of another format, or false: one's own would be so for good
    inputs: dict[str, Path] = {}
    size, registered = 0, None
    if metadata.images:
        table = private / f"table-{asset.asset}"
        size = fetch_table(comparing.store, comparing.scratch, metadata, asset, table)
        inputs[table.name] = table
        registered = Registered(asset.samples, metadata.classes)
    if own:
        prints = private / f"prints-{asset.asset}"
        sealed = comparing.store.read(metadata.prints, SEALED_LIMIT)
        # Of a key that was lost there are none; what is public is compared all the same.
        with suppress(VaultError):
            plain = comparing.vault.unseal(sealed)
            with comparing.scratch.writing(prints) as sink:
                sink.write(plain)
            inputs[prints.name] = prints
    return One(inputs, size, registered)
