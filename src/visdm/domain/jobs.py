"""Jobs: what a funded round becomes, and how its price is split (3.3(4), 4.2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WHOLE = 1_000_000_000
"""A job's shares are integers that sum to exactly this."""


class JobState(IntEnum):
    """Where a funded round is; numbers as in `Rounds.sol`."""

    FUNDED = 4
    SETTLED = 5
    REFUNDED = 6


@dataclass(frozen=True)
class Job:
    """A funded round; money in token units, `result` and `report` are CIDs.

    `change` is what of the fee cap the consumer has still to take back; `credited` the first
    position whose reward is not credited yet: a settlement of many owners comes in chunks.
    `charged` are the assets whose budget of epsilon it was taken from when it was funded.
    """

    round: str
    state: JobState
    price: int
    fee_cap: int
    settle_by: int
    fee: int = 0
    shares: tuple[int, ...] = ()
    result: str = ""
    report: str = ""
    change: int = 0
    credited: int = 0
    charged: tuple[int, ...] = ()


@dataclass(frozen=True)
class Credit:
    """What an asset earned over its life: its reputation, and what its owner has withdrawn."""

    earned: int
    withdrawn: int
    jobs: int


def normalised(values: Mapping[int, Fraction]) -> dict[int, Fraction]:
    """Scale values to sum to exactly 1; what is negative counts as nothing.

    Where nobody has a positive value all get the same, since the data was used and consent
    was given for a price. Raises `InputError` where there is no asset.
    """
    if not values:
        raise InputError("there is no asset to share a price among")
    clipped = {asset: max(value, Fraction(0)) for asset, value in values.items()}
    total = sum(clipped.values(), Fraction(0))
    if total == 0:
        return dict.fromkeys(values, Fraction(1, len(values)))
    return {asset: value / total for asset, value in clipped.items()}


def shares(values: Mapping[int, Fraction]) -> dict[int, int]:
    """Turn values into integer shares of `WHOLE`: largest remainder, ties by asset id.

    Values are `normalised` first. Raises `InputError` where there is no asset.
    """
    exact = {asset: value * WHOLE for asset, value in normalised(values).items()}
    whole = {asset: int(share) for asset, share in exact.items()}
    by_remainder = sorted(whole, key=lambda asset: (whole[asset] - exact[asset], asset))
    for asset in by_remainder[: WHOLE - sum(whole.values())]:
        whole[asset] += 1
    return whole


def rewards(price: int, parts: Sequence[int]) -> tuple[int, ...]:
    """Split `price` by `parts` (shares of `WHOLE`, by position) without losing a unit.

    Each reward is the difference of two rounded-down running sums, as in `Jobs.sol`: the
    sum is exact in one pass, no reward is more than a unit off, and a settlement that
    comes in chunks gives the same numbers.
    """
    if sum(parts) != WHOLE or any(part < 0 for part in parts):
        raise InputError(f"shares must be positive and sum to {WHOLE}, not {sum(parts)}")
    paid, running, out = 0, 0, []
    for part in parts:
        running += part
        upto = price * running // WHOLE
        out.append(upto - paid)
        paid = upto
    return tuple(out)


def equal_parts(count: int) -> tuple[int, ...]:
    """Shares of a test job: equal, the first ones taking the odd units (paper 4.3)."""
    base, odd = divmod(WHOLE, count)
    return tuple(base + (1 if place < odd else 0) for place in range(count))
