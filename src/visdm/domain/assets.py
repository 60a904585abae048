"""Assets and the providers that may open them (paper 3.2, 3.3(1)-(2))."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from visdm.domain.permissions import BY_DEFAULT, Ask, Permission
from visdm.domain.regimes import Regime

NO_RESERVE = 2**80 - 1
"""The reserve of an owner who sets none: it is never met, so silence is never consent."""


class Kind(IntEnum):
    """What an asset is; numbers as in `Catalog.sol`."""

    DATA = 1
    MODEL = 2


class State(IntEnum):
    """Where an asset is in its life; numbers as in `Catalog.sol`."""

    REGISTERED = 1
    DESCRIBED = 2
    REFUSED = 3
    RETIRED = 4


@dataclass(frozen=True)
class Provider:
    """An announced compute provider; `fee` is in token units per sample."""

    index: int
    account: str
    region: str
    fee: int


@dataclass(frozen=True)
class Asset:
    """A registered data or model asset, as the chain shows it to everybody.

    `package` and `grants` are CIDs of ciphertext; `metadata` is the CID of the public
    description, empty until the provider has made it. `reserve` is in token units per
    sample. `refusal` says why a provider would not describe it. `announced` are all bundles of
    grants that it ever pointed to, oldest first, each with the account that said so; the first
    of these is who registered it.

    A model asset trains by `regime`, with a private one's `epsilon`; a data asset is used as its
    owner's `permission` says, and `spent` is what funded jobs took of its privacy. Both are in
    thousandths of epsilon.
    """

    asset: int
    kind: Kind
    state: State
    owner: str
    provider: int
    samples: int
    reserve: int
    package: str
    grants: str
    metadata: str = ""
    refusal: str = ""
    announced: tuple[tuple[str, str], ...] = ()
    regime: Regime = Regime.LOOP
    epsilon: int = 0
    permission: Permission = BY_DEFAULT
    spent: int = 0

    @property
    def registrant(self) -> str:
        """Who registered it, whoever owns it now."""
        return self.announced[0][1] if self.announced else self.owner

    def objection(self, ask: Ask) -> str:
        """Say why its owner does not allow what is asked, after "asset 3"; '' where it does."""
        return self.permission.objection(ask, self.spent)

    def is_offered(self, provider: int, ask: Ask) -> bool:
        """Whether a round at `provider` that asks so may include it: what it weighs, it weighs."""
        offered = self.kind is Kind.DATA and self.state is State.DESCRIBED
        return offered and self.provider == provider and not self.objection(ask)

    @property
    def live(self) -> bool:
        """Whether it is on the market, or may still come to be."""
        return self.state in (State.REGISTERED, State.DESCRIBED)
