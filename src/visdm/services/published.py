"""What providers publish of assets, taken no further than it agrees with the chain.

A provider is a stranger: its document may say what it likes, and its blobs may be of any size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.domain.copies import table_limit
from visdm.domain.metadata import Metadata
from visdm.errors import BlobError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.ports import BlobStore, Scratch

PIECE = 1 << 20
"""Bytes of a table that are held in memory as it is fetched."""


def metadata_of(store: BlobStore, asset: Asset) -> Metadata:
    """Return the description of an asset.

    Raises `BlobError`, also where it is of another asset, contradicts the chain, or itself.
    """
    return agreeing(store.read(asset.metadata), asset)


def agreeing(document: bytes, asset: Asset) -> Metadata:
    """Read the description of an asset. Raises `BlobError` as `metadata_of`."""
    metadata = Metadata.from_bytes(document, cid=asset.metadata)
    if not metadata.fits(asset):
        raise BlobError(asset.metadata, f"says of asset {asset.asset} what cannot be so")
    return metadata


def fetch_table(
    store: BlobStore, scratch: Scratch, metadata: Metadata, asset: Asset, target: Path
) -> int:
    """Fetch an asset's per-image table into a private folder; return its size in bytes.

    Raises `BlobError`, also for one larger than so many images can fill.
    """
    source, limit, size = store.open(metadata.images), table_limit(asset.samples), 0
    with scratch.writing(target) as sink:
        while piece := source.read(PIECE):
            size += len(piece)
            if size > limit:
                raise BlobError(metadata.images, f"larger than {limit} bytes")
            sink.write(piece)
    return size
