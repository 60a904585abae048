"""The market's contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from visdm.domain.regimes import Regime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.domain.assets import Asset, Kind, Provider
    from visdm.domain.daos import Dao, Proposal, Rule, Seat
    from visdm.domain.demand import Sought
    from visdm.domain.jobs import Credit, Job
    from visdm.domain.permissions import Permission
    from visdm.domain.rounds import Ballot, Outcome, Terms


class Chain(Protocol):
    """A market's contracts and its token, seen and acted on by one account.

    Reads are what any account may read. Writes return when the transaction is in a block
    and raise `RefusedError` when the contracts refuse it. Accounts are checksummed
    addresses, money is in the token's smallest unit, times are the chain's seconds.
    """

    @property
    def account(self) -> str:
        """The address that writes are signed by."""
        ...

    def now(self) -> int:
        """Return the time of the latest block."""
        ...

    # Catalog
    def providers(self) -> Sequence[Provider]:
        """Return all announced providers, by index from 1."""
        ...

    def recipient(self, account: str) -> str:
        """Return the encryption key that `account` published; '' where it has none."""
        ...

    def assets(self) -> Sequence[Asset]:
        """Return all assets, by id from 1."""
        ...

    def delegate_of(self, account: str) -> str:
        """Return the delegate of `account`; '' where it has none."""
        ...

    def publish_key(self, recipient: str) -> None:
        """Publish this account's encryption key."""
        ...

    def announce(self, region: str, fee: int) -> int:
        """Become a provider in `region` (two letters) for `fee` a sample; return the index."""
        ...

    def register(  # one argument per column of the register
        self,
        kind: Kind,
        provider: int,
        samples: int,
        reserve: int,
        package: str,
        grants: str,
        *,
        regime: Regime = Regime.LOOP,
        epsilon: int = 0,
    ) -> int:
        """Register an asset of this account; return its id.

        A model says how it trains, the platform's loop unless `regime` says otherwise, and what
        `epsilon` a private one has, in thousandths.
        """
        ...

    def describe(self, asset: int, metadata: str) -> None:
        """As the asset's provider: publish its metadata."""
        ...

    def refuse(self, asset: int, reason: str) -> None:
        """As the asset's provider: say publicly why it will not be described."""
        ...

    def set_reserve(self, asset: int, reserve: int) -> None:
        """As the owner: set the standing minimum price per sample."""
        ...

    def allow(self, asset: int, permission: Permission) -> None:
        """As the owner of images: say what they may be used for, from now on."""
        ...

    def grant(self, asset: int, grants: str) -> None:
        """As the owner: say where the payload key lies now, sealed to other recipients."""
        ...

    def retire(self, asset: int) -> None:
        """As the owner: take the asset off the market for good."""
        ...

    def delegate(self, to: str) -> None:
        """Let `to` vote for this account's assets; '' takes it back."""
        ...

    def seek(self, wanted: str) -> None:
        """Say publicly what this account looks for, in at most 1,024 bytes."""
        ...

    def soughts(self) -> Sequence[Sought]:
        """Return all searches, oldest first: strangers' text, as it is."""
        ...

    # Rounds
    def opened(self) -> Mapping[str, int]:
        """Return when each round was opened, by its id."""
        ...

    def rounds(self) -> Mapping[str, Terms]:
        """Return the terms of all rounds by id, oldest first."""
        ...

    def ballots(self, round_: str) -> Sequence[int]:
        """Return the choices cast so far, by position; `SILENT` where there is none.

        Once the round is closed they are the final ones, a reserve's where nobody answered.
        """
        ...

    def voters(self, round_: str) -> Sequence[str]:
        """Return who cast the standing ballot, by position; '' where there is none."""
        ...

    def outcome(self, round_: str) -> Outcome | None:
        """Return how the round closed; None while it is open."""
        ...

    def open_round(self, terms: Terms) -> str:
        """As the consumer: open a round; return its id."""
        ...

    def vote(
        self, round_: str, positions: Sequence[int], choice: int, *, last: bool = False
    ) -> None:
        """As owner or delegate of the assets at `positions`: answer.

        With `last` this is the owner's last word; a round in which all have said theirs can be
        closed early.
        """
        ...

    def sign_ballot(
        self, round_: str, position: int, choice: int, deadline: int, *, last: bool = False
    ) -> Ballot:
        """Sign an answer that somebody else may submit. Nothing is written."""
        ...

    def submit_ballots(self, round_: str, ballots: Sequence[Ballot]) -> Mapping[int, str]:
        """Submit signed ballots; return those skipped: place in `ballots` to reason."""
        ...

    def close_round(self, round_: str) -> Outcome:
        """As anybody, once the vote is over or all have said their last word: find the price."""
        ...

    # Jobs
    def jobs(self) -> Mapping[str, Job]:
        """Return all jobs by the id of their round, oldest first."""
        ...

    def credit(self, asset: int) -> Credit:
        """Return what an asset earned."""
        ...

    def claimable(self, account: str) -> int:
        """Return what `account` could withdraw now: rewards of its assets, fees, refunds."""
        ...

    def balance(self, account: str) -> int:
        """Return the tokens `account` holds."""
        ...

    def escrowed(self) -> int:
        """Return the tokens that the Jobs contract holds."""
        ...

    def withdrawn(self) -> int:
        """Return the tokens that were ever withdrawn from the Jobs contract."""
        ...

    def transfer(self, to: str, amount: int) -> None:
        """Send tokens of this account."""
        ...

    def fund(self, round_: str, limit: int) -> None:
        """As the consumer: pay price and fee cap, at most `limit`, into escrow.

        A round that is still open is closed with it, where it can be closed.
        """
        ...

    def settle(
        self, round_: str, shares: Sequence[int], fee: int, result: str, report: str
    ) -> None:
        """As the job's provider: deliver and split the price by `shares`, one per position.

        Owners are credited here too, in as many transactions as it takes.
        """
        ...

    def pay(self, round_: str) -> None:
        """As anybody: credit the owners of a settled job whom a broken-off `settle` left out."""
        ...

    def refund(self, round_: str) -> None:
        """Give an unsettled job's money back to its consumer: as its provider at any time, as
        anybody after `settle_by`.
        """
        ...

    def withdraw(self, to: str = "") -> int:
        """Withdraw all that this account can claim, to `to` or itself; return the amount."""
        ...


class Daos(Protocol):
    """The DAOs of a market, seen and acted in by one account.

    Reads are what any account may read. Writes return when the transaction is in a block
    and raise `RefusedError` when the contract refuses it.
    """

    def daos(self) -> Sequence[Dao]:
        """Return the market's DAOs, oldest first: only those whose code is ours."""
        ...

    def dao(self, address: str) -> Dao:
        """Return one of them. Raises `UnknownError`."""
        ...

    def found(self, name: str, rule: Rule, council: Sequence[str]) -> str:
        """Make a DAO; return its address."""
        ...

    def proposal(self, dao: str, round_: str) -> Proposal | None:
        """Return a round's vote in a DAO; None where it was not proposed."""
        ...

    def seats(self, dao: str, round_: str) -> Sequence[Seat]:
        """Return the seats that a round has in a DAO, by place, before anybody voted."""
        ...

    def propose(self, dao: str, round_: str, seat: int) -> None:
        """As the holder of a seat: put an open round to the vote."""
        ...

    def vote_seats(self, dao: str, round_: str, seats: Sequence[int], choice: int) -> None:
        """As the holder of `seats`: name a choice, as in a round."""
        ...

    def execute(self, dao: str, round_: str, positions: Sequence[int]) -> None:
        """As anybody, once its vote is over: answer the round as the members decided, for those
        of them that own assets at `positions`. May be repeated for others.
        """
        ...
