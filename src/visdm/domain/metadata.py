"""The public descriptions that providers publish of assets (paper 4.2.1, DESIGN section 7).

Metadata is one JSON document: what every market needs to know, checked here, and beside it
whatever the provider's programs found (`summary`), which readers may show but not rely on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from visdm.domain.assets import Kind
from visdm.domain.documents import parse
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = 1
PUBLIC_LIMIT = 1 << 24
"""Bytes of a metadata document; what is larger goes into the per-image table."""

SAME_SHARE = 0.5
"""An asset of which more than this is in earlier ones is a copy, and refused."""


@dataclass(frozen=True)
class Metadata:
    """The description of one asset.

    For data, `images` is the CID of a Parquet table with a row per image and `prints` the CID
    of the images' fingerprints, sealed to the provider. For a model both are ''.
    """

    asset: int
    kind: Kind
    name: str
    samples: int
    classes: tuple[str, ...]
    summary: Mapping[str, Any] = field(default_factory=dict)
    images: str = ""
    prints: str = ""

    def to_bytes(self) -> bytes:
        """Return the document to publish."""
        fields = {"format": FORMAT, **asdict(self), "kind": self.kind.name.lower()}
        return json.dumps(fields, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, document: bytes, *, cid: str) -> Metadata:
        """Read a published document. Raises `BlobError` when it is not of this format."""
        try:
            fields = parse(document)
            if fields["format"] != FORMAT:
                raise BlobError(cid, f"metadata of format {fields['format']}, not {FORMAT}")
            return cls(
                asset=int(fields["asset"]),
                kind=Kind[str(fields["kind"]).upper()],
                name=str(fields["name"]),
                samples=int(fields["samples"]),
                classes=tuple(str(name) for name in fields["classes"]),
                summary=dict(fields["summary"]),
                images=str(fields["images"]),
                prints=str(fields["prints"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BlobError(cid, "not a metadata document") from None


def copied_from(prints: Iterable[str], earlier: Mapping[int, Iterable[str]]) -> int | None:
    """Return the earliest asset that holds most of the images with these fingerprints."""
    own = set(prints)
    for asset in sorted(earlier):
        if len(own & set(earlier[asset])) > SAME_SHARE * len(own):
            return asset
    return None
