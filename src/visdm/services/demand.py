"""Reading the market's demand: from the chain, and class names from public metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.domain.assets import Kind, State
from visdm.domain.demand import Asked, Demand, Offered, demands, samples_by_class
from visdm.errors import BlobError
from visdm.ports import silent
from visdm.services.published import metadata_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from visdm.domain.assets import Asset
    from visdm.ports import BlobStore, Chain, Progress


def demand(
    chain: Chain, store: BlobStore, since: int = 0, progress: Progress = silent
) -> list[Demand]:
    """Return what consumers sought, asked for and paid since a second of the chain's clock.

    Numbers are the chain's. The classes of an asset stand in a blob; where it is out of reach,
    or nonsense, its class is None and its numbers count all the same.
    """
    times, jobs = chain.opened(), chain.jobs()
    rounds = [
        Asked(terms, times[round_], chain.outcome(round_), jobs.get(round_))
        for round_, terms in chain.rounds().items()
        if times[round_] >= since
    ]
    asked = {number for round_ in rounds for number in round_.terms.assets}
    return demands(chain.soughts(), rounds, _offered(chain, store, asked, progress), since)


def _offered(
    chain: Chain, store: BlobStore, asked: set[int], progress: Progress
) -> Mapping[int, Offered]:
    """Return the assets that are on offer, or were asked for."""
    wanted = [
        asset
        for asset in chain.assets()
        if asset.kind is Kind.DATA and (asset.state is State.DESCRIBED or asset.asset in asked)
    ]
    found = {}
    for place, asset in enumerate(wanted):
        on_offer = asset.state is State.DESCRIBED
        found[asset.asset] = Offered(asset.asset, _samples(store, asset), on_offer)
        progress(place + 1, len(wanted))
    return found


def _samples(store: BlobStore, asset: Asset) -> Mapping[str | None, int]:
    if not asset.metadata:
        return {None: asset.samples}
    try:
        metadata = metadata_of(store, asset)
    except BlobError:
        return {None: asset.samples}
    counts = metadata.summary.get("class_counts", {})
    return samples_by_class(asset.samples, metadata.classes, counts)
