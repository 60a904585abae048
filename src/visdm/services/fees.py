"""What a provider takes for computing, as consumers and providers both reckon it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Collection

    from visdm.ports import Chain


def fee_of(chain: Chain, provider: int, assets: Collection[int]) -> int:
    """Return a provider's announced fee for computing on `assets`, in token units."""
    for known in chain.providers():
        if known.index == provider:
            return known.fee * sum(a.samples for a in chain.assets() if a.asset in assets)
    raise UnknownError("provider", provider, hint="ask it for the index it was announced under")
