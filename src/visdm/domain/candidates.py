"""Data assets as a consumer sees them before it chooses, and what it looks for in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from visdm.domain.assets import NO_RESERVE, Kind, State
from visdm.domain.ranks import RANKS, balance
from visdm.domain.rounds import MAX_ASSETS
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from visdm.domain.assets import Asset, Provider
    from visdm.domain.conditions import Condition
    from visdm.domain.metadata import Metadata
    from visdm.domain.permissions import Ask
    from visdm.domain.traits import Traits

MOST_COPIED = 0.5
LEAST_SHARE = 0.9


@dataclass(frozen=True)
class Reason:
    """Why something is so; each `{}` stands for one of `amounts`, in token units."""

    text: str
    amounts: tuple[int, ...] = ()

    @classmethod
    def words(cls, text: str) -> Reason:
        """Return a reason without amounts, whatever strangers' words are in it."""
        return cls(text.replace("{", "{{").replace("}", "}}"))


@dataclass(frozen=True)
class Criteria:
    """What a consumer looks for; the defaults leave out nothing but copies.

    Filters: `provider` (0: any) and `region`; `classes`, of which an asset needs one; the least
    `min_samples` and evenness (`balance`, 0 to 1); `where`, conditions on images that a `share`
    of them must meet; the most of an asset that may be `copied`; what its owner's assets must
    have been paid in (`owner_jobs`) and have earned (`owner_earned`); the most that a reserve
    may ask a sample (`reserve`), where there is one.

    `ranks` are weights by name. Bounds: `budget`, and `at`, the price a sample that would be
    paid (None: what reserves ask), in token units; how many `samples` are wanted; how many
    assets at `most`. `ask` is what the consumer's model asks of owners, where there is one.
    """

    provider: int = 0
    region: str = ""
    classes: tuple[str, ...] = ()
    min_samples: int = 1
    balance: float = 0.0
    where: tuple[Condition, ...] = ()
    share: float = LEAST_SHARE
    copied: float = MOST_COPIED
    owner_jobs: int = 0
    owner_earned: int = 0
    reserve: int | None = None
    ranks: Mapping[str, float] = field(default_factory=lambda: {"balance": 1.0})
    budget: int | None = None
    at: int | None = None
    samples: int | None = None
    most: int = MAX_ASSETS
    ask: Ask | None = None

    def check(self) -> None:
        """Raise `InputError` naming the first thing that cannot be meant."""
        for name, weight in self.ranks.items():
            if name not in RANKS:
                raise InputError(f"unknown rank {name!r}", hint=f"there are {', '.join(RANKS)}")
            if not 0 < weight < 10**6:
                raise InputError(f"rank {name}: {weight:g} is no weight", hint="write quality=2")
        for name in ("balance", "share", "copied"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} {getattr(self, name):g} is not within 0..1")


@dataclass(frozen=True)
class Candidate:
    """A data asset with what is known of it. `cid` is that of its metadata.

    `earned` and `jobs` are its own reputation, `owner_earned` and `owner_jobs` that of all its
    owner's assets. `problem` says why it cannot be judged.
    """

    asset: Asset
    metadata: Metadata
    provider: Provider
    traits: Traits
    earned: int = 0
    jobs: int = 0
    owner_earned: int = 0
    owner_jobs: int = 0
    problem: str = ""

    @property
    def number(self) -> int:
        """The asset's id."""
        return self.asset.asset

    @property
    def copied(self) -> float:
        """The share of its images that it or earlier assets hold already, at the most."""
        repeated = int(self.metadata.summary.get("duplicates", 0))
        return min(1.0, self.metadata.copied + repeated / max(self.asset.samples, 1))

    @property
    def asks(self) -> int | None:
        """Its reserve in token units a sample; None where its owner set none."""
        return None if self.asset.reserve == NO_RESERVE else self.asset.reserve

    def useful(self, wanted: tuple[str, ...]) -> dict[str, float]:
        """Return how many samples of each class are of use.

        Those are of a class that is wanted, meet the conditions and are no copies, as far as is
        known; the metadata does not say which images are all of that, so the shares are
        multiplied.
        """
        part = self.traits.fitting.likely * (1 - self.copied)
        counts = self.traits.class_counts or {"": self.asset.samples}
        return {
            name: number * part
            for name, number in counts.items()
            if number and (not wanted or name in wanted or not name)
        }


def is_candidate(asset: Asset) -> bool:
    """Whether a round could be opened on it."""
    return asset.kind is Kind.DATA and asset.state is State.DESCRIBED


def misfits(candidate: Candidate, criteria: Criteria) -> Iterator[Reason]:
    """Yield every reason for which a candidate does not fit; nothing where it fits."""
    if candidate.problem:
        yield Reason.words(candidate.problem)
    yield from _place(candidate, criteria)
    yield from _allowed(candidate, criteria)
    yield from _images(candidate, criteria)
    yield from _owner(candidate, criteria)


def _allowed(candidate: Candidate, criteria: Criteria) -> Iterator[Reason]:
    if criteria.ask is not None and (objection := candidate.asset.objection(criteria.ask)):
        yield Reason.words(objection)


def _place(candidate: Candidate, criteria: Criteria) -> Iterator[Reason]:
    provider = candidate.provider
    if criteria.provider and provider.index != criteria.provider:
        yield Reason.words(f"is at provider {provider.index}")
    if criteria.region and provider.region != criteria.region:
        yield Reason.words(f"is in region {provider.region}")


def _images(candidate: Candidate, criteria: Criteria) -> Iterator[Reason]:
    samples = candidate.asset.samples
    if criteria.classes and not set(criteria.classes) & set(candidate.metadata.classes):
        yield Reason.words("has none of the classes")
    if samples < criteria.min_samples:
        yield Reason.words(f"has {samples} samples, fewer than {criteria.min_samples}")
    even = balance(candidate, criteria.classes)
    if even < criteria.balance:
        yield Reason.words(f"its balance is {even:.2f}, below {criteria.balance:g}")
    if candidate.copied > criteria.copied:
        yield Reason.words(f"up to {candidate.copied:.0%} of its images are copies")
    share = candidate.traits.fitting
    if criteria.where and not candidate.problem and share.likely < criteria.share:
        bounds = "" if share.known else f" (surely {share.least:.0%} to {share.most:.0%})"
        about = f"{share.likely:.0%}" if share.known else f"about {share.likely:.0%}"
        yield Reason.words(f"{about}{bounds} of its images meet the conditions")


def _owner(candidate: Candidate, criteria: Criteria) -> Iterator[Reason]:
    if candidate.owner_jobs < criteria.owner_jobs:
        yield Reason.words(f"its owner was paid in {candidate.owner_jobs} jobs")
    if candidate.owner_earned < criteria.owner_earned:
        yield Reason("its owner earned {}", (candidate.owner_earned,))
    most = min(
        (limit for limit in (criteria.reserve, criteria.at) if limit is not None), default=None
    )
    if candidate.asks is not None and most is not None and candidate.asks > most:
        yield Reason("asks {} a sample, above {}", (candidate.asks, most))
    if criteria.budget is not None and criteria.at is None and candidate.asks is None:
        yield Reason.words("has no reserve, so what it costs is not known: offer a price")
