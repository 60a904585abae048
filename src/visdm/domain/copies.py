"""Copies: which assets one is compared with, and what may be said of it (ADR 14).

Whoever registered an image first keeps the credit for it. An asset that holds images of earlier
ones is marked on its metadata, not refused; and what it copies earns nothing beside the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visdm.domain.assets import Kind, State
from visdm.domain.documents import count, expect
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from visdm.domain.assets import Asset


ROW_LIMIT, TABLE_BASE = 1 << 14, 1 << 20
"""Bytes of a row of a per-image table, and of what stands around its rows, at the most."""

TABLE_LIMIT = 1 << 32
"""Bytes of a per-image table, whatever number of samples a stranger registered."""

ROWS_COMPARED, BYTES_COMPARED = 1 << 23, 1 << 33
"""Images of earlier assets that a new one is compared with at the most, and bytes of their
tables, the oldest first: else whoever registers large ones could keep a provider busy for good."""


def table_limit(samples: int) -> int:
    """Return how large the table of an asset of so many images may be."""
    return min(TABLE_BASE + ROW_LIMIT * samples, TABLE_LIMIT)


def earlier_than(asset: Asset, market: Iterable[Asset]) -> list[Asset]:
    """Return the described data assets that a new one is compared with, oldest first.

    Whoever took its own images off the market may bring them again; another may not bring them.
    """
    return [
        known
        for known in sorted(market, key=lambda one: one.asset)
        if known.kind is Kind.DATA
        and known.metadata
        and known.asset < asset.asset
        and not (known.state is State.RETIRED and known.owner == asset.owner)
    ]


def read_copies(answer: Mapping[str, Any], samples: int, earlier: Iterable[int]) -> dict[int, int]:
    """Check what `describe` says of copies in an asset of so many images.

    Raises `JobError` where it names an asset that was not compared, or counts impossibly.
    """
    try:
        copies = {int(asset): count(n) for asset, n in expect(answer["copies"], dict).items()}
        uncompared = [count(asset) for asset in expect(answer["uncompared"], list)]
        known = {int(asset) for asset in earlier}
        possible = all(copies.values()) and sum(copies.values()) <= samples
        possible = possible and known.issuperset([*copies, *uncompared])
    except (KeyError, TypeError, ValueError):
        possible = False
    if not possible:
        raise JobError("its answer is not of the agreed shape")
    return copies


def may_be_left_out(left_out: Mapping[int, Mapping[int, int]], kept: Mapping[int, int]) -> bool:
    """Whether images of these numbers can have been left out of the assets of a job.

    `left_out` counts, by asset, the images that it repeats or that an earlier asset of the job
    has, by that one; `kept` what was used of each asset. The first keeps one at least.
    """
    whole = all(count > 0 for originals in left_out.values() for count in originals.values())
    earlier = all(
        original in kept and original <= asset
        for asset, originals in left_out.items()
        for original in originals
    )
    whole = whole and kept.keys() >= left_out.keys() and min(kept.values(), default=0) >= 0
    return whole and earlier and bool(kept) and kept[min(kept)] > 0


def overfull(
    kept: Mapping[int, int],
    left_out: Mapping[int, Mapping[int, int]],
    samples: Mapping[int, int],
) -> list[int]:
    """Return the assets of which more images were used and left out than were registered."""
    return [
        asset
        for asset, images in kept.items()
        if images + sum(left_out.get(asset, {}).values()) > samples[asset]
    ]


def contributing(kept: Mapping[int, int]) -> list[int]:
    """Return the assets of which anything was used, ascending: they alone can earn."""
    return [asset for asset in sorted(kept) if kept[asset]]
