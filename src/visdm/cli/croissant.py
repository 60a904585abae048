"""`visdm asset show --croissant`: a data asset's public metadata for dataset search engines."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from visdm.domain import croissant
from visdm.domain.assets import Kind
from visdm.domain.columns import PUBLISHED
from visdm.errors import InputError
from visdm.services.published import metadata_of

if TYPE_CHECKING:
    from visdm.domain.assets import Asset
    from visdm.ports import BlobStore

_PIECE = 1 << 20


def croissant_of(asset: Asset, store: BlobStore) -> dict[str, Any]:
    """Return the Croissant document of a described data asset.

    Its file is the per-image table, whose bytes are fetched and checked for their digest; where
    the owner discloses aggregates alone it has none. Raises `InputError` and `BlobError`.
    """
    if asset.kind is not Kind.DATA:
        raise InputError(f"asset {asset.asset} is a model: Croissant describes data")
    if not asset.metadata:
        hint = "its provider does it: visdm provider run --once"
        raise InputError(f"asset {asset.asset} is not described yet", hint=hint)
    metadata = metadata_of(store, asset)
    summary = {
        **metadata.summary,
        "samples": metadata.samples,
        "classes": metadata.classes,
    }
    about = croissant.About(creator=asset.owner, url=f"ipfs://{asset.metadata}")
    table = _table(metadata.images, store) if metadata.images else None
    return croissant.document(summary, name=metadata.name, table=table, about=about)


def _table(cid: str, store: BlobStore) -> croissant.Table:
    digest, size, blob = hashlib.sha256(), 0, store.open(cid)
    while piece := blob.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    return croissant.Table(f"ipfs://{cid}", digest.hexdigest(), size, PUBLISHED)
