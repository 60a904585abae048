"""What the demo shows at the end: figures as JSON, and all that its page draws."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from visdm.domain.paper import GAS

if TYPE_CHECKING:
    from collections.abc import Mapping

DECIMALS = 6
UNIT = "PLAY"


@dataclass(frozen=True)
class AssetLine:
    """One asset of the dataset: `value` sums to 1 over all, `reward` is in token units.

    `answer` says how its owner consented ("ballot", "delegate", "reserve") and `least` what it
    asked for, in token units per sample; `note` is what the story knows of it.
    """

    asset: int
    supplier: str
    samples: int
    value: float
    reward: int
    answer: str
    least: int
    note: str = ""


@dataclass(frozen=True)
class Moment:
    """One transaction: `time` in seconds on the chain's clock."""

    time: int
    block: int
    actor: str
    operation: str
    gas: int


@dataclass(frozen=True)
class Point:
    """One image on the metadata map: which asset it is of, and its class."""

    asset: int
    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Summary:
    """A finished trade. Money in token units, seconds as measured in this run.

    `gas` is the median of each kind of transaction, `transactions` how many there were.
    `paid_in` is what the consumer paid into escrow, `paid_out` all that was withdrawn,
    `claimable` what is left to withdraw.
    """

    round: str
    method: str
    sandbox: str
    price: int
    unit_price: int
    fee: int
    paid_in: int
    paid_out: int
    claimable: int
    assets: tuple[AssetLine, ...]
    gas: Mapping[str, int]
    seconds: Mapping[str, float]
    accuracy: float
    measured_on: int
    transactions: int
    problems: tuple[str, ...]
    timeline: tuple[Moment, ...]
    points: tuple[Point, ...]

    @property
    def balanced(self) -> bool:
        """Whether each unit that came in went out or can be claimed."""
        return self.paid_in == self.paid_out + self.claimable

    def to_json(self) -> dict[str, Any]:
        """Return the figures as one JSON object; timeline and map are for the page alone."""
        fields = asdict(self)
        del fields["timeline"], fields["points"]
        return {**fields, "paper_gas": {k: v for k, v in GAS.items() if k in self.gas}}


def money(amount: int) -> str:
    """Write an amount of token units for people, as `12.34 PLAY`."""
    whole, part = divmod(amount, 10**DECIMALS)
    digits = f"{part:0{DECIMALS}d}".rstrip("0").ljust(2, "0")
    return f"{whole:,}.{digits} {UNIT}"


def brief(amount: int) -> str:
    """Write an amount of token units to two decimals, whole below one token, unbroken."""
    if amount < 10**DECIMALS:
        return money(amount).replace(" ", "\xa0")
    cents = (amount + 10**DECIMALS // 200) // (10**DECIMALS // 100)
    return f"{cents // 100:,}.{cents % 100:02}\xa0{UNIT}"
