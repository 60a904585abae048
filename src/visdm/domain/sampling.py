"""Choosing a dataset D_C from what the market tells of its assets (paper 3.3(3), 4.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.domain.assets import Kind, State
from visdm.domain.rounds import MAX_ASSETS
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from visdm.domain.assets import Asset
    from visdm.domain.metadata import Metadata


@dataclass(frozen=True)
class Criteria:
    """What a consumer looks for; the defaults leave out nothing.

    `classes` are those the model must learn: an asset is of use when it has any of them.
    `balance` is the least evenness of an asset's classes, 0 (one class) to 1 (all equal).
    """

    provider: int
    classes: tuple[str, ...] = ()
    min_samples: int = 1
    balance: float = 0.0
    most: int = MAX_ASSETS


def sample(market: Iterable[tuple[Asset, Metadata]], criteria: Criteria) -> tuple[int, ...]:
    """Pick a dataset: the most evenly labelled assets first, then the larger, then the older.

    Returns asset ids, ascending. Raises `InputError` when nothing fits.
    """
    fitting = []
    for asset, metadata in market:
        even = metadata.balance
        if (
            asset.kind is Kind.DATA
            and asset.state is State.DESCRIBED
            and asset.provider == criteria.provider
            and asset.samples >= criteria.min_samples
            and even >= criteria.balance
            and (not criteria.classes or set(criteria.classes) & set(metadata.classes))
        ):
            fitting.append((-even, -asset.samples, asset.asset))
    if not fitting:
        raise InputError("no asset on the market fits", hint="ask for less, or wait for suppliers")
    return tuple(sorted(number for _, _, number in sorted(fitting)[: criteria.most]))
