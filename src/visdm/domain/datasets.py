"""The file in which a consumer keeps a dataset that it chose, to open a round on it later.

It holds what the chain and the metadata said then, so that whatever has changed since shows
before owners are asked for a price.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from visdm.domain.assets import State
from visdm.domain.documents import count, expect, parse
from visdm.domain.rounds import MAX_ASSETS
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.domain.assets import Asset
    from visdm.domain.candidates import Criteria
    from visdm.domain.permissions import Ask
    from visdm.domain.sampling import Selection

FORMAT = 1
LIMIT = 1 << 22
"""Bytes of such a file."""

_AGAIN = "choose anew: visdm sample"


@dataclass(frozen=True)
class Member:
    """An asset of the dataset as it was: its samples, and the CID of its metadata."""

    asset: int
    samples: int
    metadata: str


@dataclass(frozen=True)
class Dataset:
    """A dataset of one provider, ascending by asset.

    `market` is the address of the market's catalog, `time` when it was chosen, in seconds by the
    chain's clock. Money is in token units: `price` a sample at the most, the provider's `fee`
    for all samples, the `budget`; None where there is none. `criteria` are for people to read.
    """

    market: str
    time: int
    provider: int
    members: tuple[Member, ...]
    fee: int
    price: int | None = None
    budget: int | None = None
    criteria: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, selection: Selection, market: str, time: int) -> Dataset:
        """Return what is to be kept of a selection. Raises `InputError` when it is empty."""
        numbers = set(selection.dataset)
        return cls(
            market=market,
            time=time,
            provider=selection.provider,
            members=tuple(
                Member(c.number, c.asset.samples, c.asset.metadata)
                for c in selection.chosen
                if c.number in numbers
            ),
            fee=selection.fee,
            price=selection.price,
            budget=selection.criteria.budget,
            criteria=written(selection.criteria),
        )

    @property
    def assets(self) -> tuple[int, ...]:
        """Its ids, ascending."""
        return tuple(member.asset for member in self.members)

    @property
    def samples(self) -> int:
        """All samples of its assets."""
        return sum(member.samples for member in self.members)

    @property
    def cost(self) -> int | None:
        """The most that it costs with the fee, in token units; None where not known."""
        return None if self.price is None else self.price * self.samples + self.fee

    def to_bytes(self) -> bytes:
        """Return the file."""
        fields = asdict(self)
        fields["assets"] = fields.pop("members")
        shown = {"format": FORMAT, **fields, "samples": self.samples, "cost": self.cost}
        return json.dumps(shown, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, document: bytes, *, name: str) -> Dataset:
        """Read a file called `name`. Raises `InputError` when it is not of this format."""
        hint = "make one with `visdm sample -o FILE`"
        try:
            fields = parse(document)
            if count(fields["format"]) == FORMAT:
                return cls._read(fields)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{name}: not a dataset", hint=hint) from None
        raise InputError(f"{name}: a dataset of another format than {FORMAT}", hint=hint)

    @classmethod
    def _read(cls, fields: Mapping[str, Any]) -> Dataset:
        members = tuple(map(_member, expect(fields["assets"], list)))
        ids = [member.asset for member in members]
        if not 0 < len(ids) <= MAX_ASSETS or ids != sorted(set(ids)) or not ids[0]:
            raise ValueError("not ascending")
        read = cls(
            market=expect(fields["market"], str),
            time=count(fields["time"], 2**40),
            provider=count(fields["provider"], 2**24),
            members=members,
            fee=count(fields["fee"], 2**128),
            price=_amount(fields["price"]),
            budget=_amount(fields["budget"]),
            criteria=expect(fields["criteria"], dict),
        )
        if (count(fields["samples"]), _amount(fields["cost"])) != (read.samples, read.cost):
            raise ValueError("sums that are not the sums")
        return read

    def check(self, market: str, assets: Sequence[Asset], fee: int) -> None:
        """Compare with the market as it is now; `fee` is the provider's, in token units a sample.

        Raises `InputError` naming the first difference.
        """
        if self.market != market:
            raise InputError("the dataset is of another market", hint="name its --home")
        now = {asset.asset: asset for asset in assets}
        for member in self.members:
            if problem := _changed(member, now.get(member.asset), self.provider):
                raise InputError(f"asset {member.asset} {problem}", hint=_AGAIN)
        if self.fee != fee * self.samples:
            raise InputError(f"the fee of provider {self.provider} has changed since", hint=_AGAIN)

    def check_ladder(self, highest: int) -> None:
        """Raise `InputError` where a ladder's `highest` step could cost more than the budget."""
        if self.budget is not None and highest * self.samples + self.fee > self.budget:
            affordable = (self.budget - self.fee) // self.samples if self.samples else 0
            raise InputError(
                f"a price of {highest} token units a sample is beyond the dataset's budget",
                hint=f"end the ladder at {affordable} token units a sample, or choose anew",
            )


def written(criteria: Criteria) -> dict[str, Any]:
    """Return criteria as JSON."""
    fields = {name: value for name, value in vars(criteria).items() if name != "where"}
    return {
        **fields,
        "classes": list(criteria.classes),
        "where": [str(condition) for condition in criteria.where],
        "ranks": dict(criteria.ranks),
        "ask": None if criteria.ask is None else _asked(criteria.ask),
    }


def _asked(ask: Ask) -> dict[str, Any]:
    return {"regime": ask.regime.word, "epsilon": ask.epsilon, "package": ask.package}


def _changed(member: Member, now: Asset | None, provider: int) -> str:
    """Say what of an asset is not as it was; '' where all is."""
    if now is None:
        return "is not on this market"
    if now.state is State.RETIRED:
        return "was retired by its owner since"
    if now.state is not State.DESCRIBED:
        return "is not on offer"
    if now.provider != provider:
        return f"is at provider {now.provider}, not {provider}"
    if now.samples != member.samples:
        return f"has {now.samples} samples, not {member.samples}"
    return "" if now.metadata == member.metadata else "has other metadata than when it was chosen"


def _member(value: object) -> Member:
    fields = expect(value, dict)
    return Member(
        count(fields["asset"], 2**256),
        count(fields["samples"], 2**32),
        expect(fields["metadata"], str),
    )


def _amount(value: object) -> int | None:
    return None if value is None else count(value, 2**160)
