"""The public descriptions that providers publish of assets (paper 4.2.1, DESIGN section 7).

Metadata is one JSON document: what every market needs to know, checked here, and beside it
what the provider's programs found (`summary`). Of that the shape is checked, where readers
compute with it (`visdm.domain.summaries`); whether it is true only its provider knows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from math import log
from typing import TYPE_CHECKING, Any

from visdm.domain.assets import Kind
from visdm.domain.documents import count, expect, parse
from visdm.domain.models import is_name
from visdm.domain.packages import MAX_CLASSES, Disclosure
from visdm.domain.summaries import MAX_COUNT, check_summary
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from visdm.domain.assets import Asset

FORMAT = 2
SAME_SHARE = 0.5
"""An asset of which more than this is repeated within it is refused."""

EVEN_DIGITS = 9
"""Decimals of evenness: equal classes are exactly 1, whatever the last bits say."""


@dataclass(frozen=True)
class Metadata:
    """The description of one asset.

    For data, `images` is the CID of a Parquet table with a row per image, or '' where the owner
    discloses aggregates alone, and `prints` the CID of the images' prints, sealed to the
    provider. For a model both are ''. `copies` says how many of its images are near-duplicates
    of an earlier asset's, by that asset.
    """

    asset: int
    kind: Kind
    name: str
    samples: int
    classes: tuple[str, ...]
    summary: Mapping[str, Any] = field(default_factory=dict)
    images: str = ""
    prints: str = ""
    disclosure: Disclosure = Disclosure.FULL
    copies: Mapping[int, int] = field(default_factory=dict)

    @property
    def copied(self) -> float:
        """The share of its images that earlier assets hold, 0 to 1.

        What several earlier assets hold is counted for each, so this is the most it can be.
        """
        return min(1.0, sum(self.copies.values()) / self.samples) if self.samples else 0.0

    @property
    def centre(self) -> tuple[float, ...]:
        """The mean projection of its images; () where it is not told."""
        return tuple(map(float, self.summary.get("projection", {}).get("mean", ())))

    def quality(self, measure: str) -> float | None:
        """Return the mean of a quality measure over its images; None where it is not told."""
        found = self.summary.get("quality", {}).get(measure)
        return None if found is None else float(found["mean"])

    @property
    def balance(self) -> float:
        """How even the classes are, 0 (one class) to 1 (all equal)."""
        return evenness(self.summary.get("class_counts", {}).values())

    def fits(self, asset: Asset) -> bool:
        """Whether it can be true of an asset as the chain has it, agrees with itself, and its names
        can be shown.
        """
        counts = self.summary.get("class_counts")
        groups = self.summary.get("by_class", {})
        return (
            (self.asset, self.kind, self.samples) == (asset.asset, asset.kind, asset.samples)
            and all(map(is_name, (self.name, *self.classes)))
            and (counts is None or sum(counts.values()) == self.samples)
            and set(self.classes).issuperset([*(counts or {}), *groups])
            and all(
                group["samples"] <= (counts or {name: self.samples}).get(name, 0)
                for name, group in groups.items()
            )
        )

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
                raise BlobError(cid, f"metadata of another format than {FORMAT}")
            check_summary(expect(fields["summary"], dict))
            asset, samples = count(fields["asset"], 2**256), count(fields["samples"], MAX_COUNT)
            return cls(
                asset=asset,
                kind=Kind[expect(fields["kind"], str).upper()],
                name=expect(fields["name"], str),
                samples=samples,
                classes=_classes(fields["classes"]),
                summary=fields["summary"],
                images=expect(fields["images"], str),
                prints=expect(fields["prints"], str),
                disclosure=_disclosure(fields),
                copies=dict(_copies(fields["copies"], asset, samples)),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BlobError(cid, "not a metadata document") from None


def _classes(value: object) -> tuple[str, ...]:
    names = tuple(expect(name, str) for name in expect(value, list))
    if len(names) > MAX_CLASSES:
        raise ValueError("too many classes")
    return names


def _disclosure(fields: Mapping[str, Any]) -> Disclosure:
    """Raise `ValueError` also where a table is named that its owner did not agree to."""
    found = Disclosure(expect(fields["disclosure"], str))
    if fields["images"] and found is Disclosure.AGGREGATE:
        raise ValueError("a table beside aggregates")
    return found


def _copies(value: object, asset: int, samples: int) -> Iterator[tuple[int, int]]:
    """Yield earlier assets and how many of `samples` images they hold.

    Raises `TypeError` or `ValueError`, also for a number that is written otherwise than we do.
    """
    for written, images in expect(value, dict).items():
        earlier = int(written)
        if str(earlier) != written or not 0 < earlier < asset:
            raise ValueError("not an earlier asset")
        if count(images, samples + 1) == 0:
            raise ValueError("a copy of nothing")
        yield earlier, images


def evenness(counts: Iterable[int]) -> float:
    """Return the entropy of class counts over its maximum (Pielou 1966): 1 when all are equal."""
    present = [number for number in counts if number > 0]
    total = sum(present)
    if len(present) < 2:  # noqa: PLR2004  # one class is as uneven as can be
        return 0.0
    even = -sum(c / total * log(c / total) for c in present) / log(len(present))
    return round(even, EVEN_DIGITS)
