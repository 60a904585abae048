"""The state of a market without a chain, and how its rules refuse.

Every write is a block of its own, twelve seconds after the last one, as on the embedded
chain; one that is refused changes nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from eth_utils.address import is_checksum_address

from visdm.domain.rounds import SILENT
from visdm.errors import InputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from visdm.domain.assets import Asset, Provider
    from visdm.domain.demand import Sought
    from visdm.domain.jobs import Credit, Job
    from visdm.domain.rounds import Outcome, Terms

GENESIS_TIME = 1_735_689_600
BLOCK_SECONDS = 12


class Skipped(IntEnum):
    """Why a ballot did not count; numbers as in `Rounds.sol`."""

    NO = 0
    POSITION = 1
    CHOICE = 2
    EXPIRED = 3
    VOTER = 4
    OVERRULED = 5
    NONCE = 6
    SIGNATURE = 7
    FINAL = 8


SKIPPED = (
    "",
    "no such position",
    "no such choice",
    "the ballot expired",
    "neither owner nor delegate",
    "the owner has answered itself",
    "the nonce was used",
    "the signature is not the voter's",
    "its owner has said its last word, or who votes is not the owner and has none",
)


@dataclass(frozen=True)
class Answer:
    """What stands at a position of an open round; `own` says that the owner gave it."""

    choice: int = SILENT
    own: bool = False
    nonce: int = 0
    voter: str = ""


@dataclass
class Round:
    """A round with its answers by position."""

    terms: Terms
    answers: list[Answer]
    outcome: Outcome | None = None
    opened: int = 0


@dataclass
class MemoryMarket:
    """What all accounts see. The first of `accounts` holds the whole `supply` of tokens."""

    accounts: Sequence[str]
    supply: int = 10**15
    now: int = GENESIS_TIME
    providers: list[Provider] = field(default_factory=list)
    assets: dict[int, Asset] = field(default_factory=dict)
    recipients: dict[str, str] = field(default_factory=dict)
    delegates: dict[str, str] = field(default_factory=dict)
    soughts: list[Sought] = field(default_factory=list)
    rounds: dict[str, Round] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    credits: dict[int, Credit] = field(default_factory=dict)
    owed: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    escrow: int = 0
    withdrawn: int = 0

    def __post_init__(self) -> None:
        self.tokens[self.accounts[0]] = self.supply

    def travel(self, to: int) -> None:
        """Let the clock reach `to`; does nothing when it is later already."""
        self.now = max(self.now, to)

    def sell(self, asset: int, seller: str, buyer: str) -> None:
        """As the owner: transfer the ERC-721 token."""
        with self.block():
            if asset not in self.assets:
                raise refused("transferFrom", "ERC721NonexistentToken", tokenId=asset)
            if self.assets[asset].owner != seller:
                raise refused(
                    "transferFrom", "ERC721InsufficientApproval", operator=seller, tokenId=asset
                )
            self.assets[asset] = replace(self.assets[asset], owner=buyer)

    @contextmanager
    def block(self) -> Iterator[int]:
        """Yield the second of the next block, which is mined unless the write is refused."""
        yield self.now + BLOCK_SECONDS
        self.now += BLOCK_SECONDS


def refused(operation: str, name: str, **values: object) -> RefusedError:
    """Return the refusal with a custom error, its values as the EVM adapter shows them."""
    shown = (f"{k}={int(v) if isinstance(v, int) else v}" for k, v in values.items())
    return RefusedError(operation, f"{name}({', '.join(shown)})")


def fits(bits: int, *numbers: int) -> None:
    """Refuse what the contracts' columns do not hold."""
    for number in numbers:
        if not 0 <= number < 1 << bits:
            raise InputError(f"{number} is not within {bits} bits")


def address(text: str) -> str:
    """Refuse what is not a checksummed address."""
    if not is_checksum_address(text):
        raise InputError(f"{text!r} is not a checksummed address")
    return text
