"""`visdm.ports.Daos` without a chain: the rules of `SupplierDAO.sol`, in its order of checks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from memory.chain import MemoryChain
from memory.market import BLOCK_SECONDS, refused
from visdm.domain.daos import MARGIN, MAX_COUNCIL, MAX_PERIOD, Dao, Proposal, Rule, Seat, decide
from visdm.domain.permissions import Ask
from visdm.domain.rounds import BASIS, REJECT, SILENT, Task, Terms
from visdm.errors import UnknownError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Vote:
    """A round under vote: until when, and the choices by seat."""

    closes: int
    choices: dict[int, int] = field(default_factory=dict)
    decided: int = SILENT


@dataclass
class Founded:
    """A DAO with its votes by round."""

    dao: Dao
    votes: dict[str, Vote] = field(default_factory=dict)


class MemoryDaos:
    """One account in the DAOs of a market; `founded` is shared by all accounts."""

    def __init__(self, chain: MemoryChain, founded: dict[str, Founded]) -> None:
        self.chain = chain
        self.founded = founded

    def daos(self) -> list[Dao]:
        return [known.dao for known in self.founded.values()]

    def dao(self, address: str) -> Dao:
        return self._known(address).dao

    def found(self, name: str, rule: Rule, council: Sequence[str]) -> str:
        seats = sorted(council, key=str.lower)
        with self.chain.market.block():
            fits = rule.quorum <= BASIS and 0 < rule.threshold <= BASIS
            if not fits or not 0 < rule.period <= MAX_PERIOD:
                raise refused("found", "BadRule", **vars(rule))
            if len(seats) > MAX_COUNCIL:
                raise refused("found", "BadCouncil", index=len(seats))
            for place, seat in enumerate(seats):
                if place and seat == seats[place - 1]:
                    raise refused("found", "BadCouncil", index=place)
            made = keccak(text=f"dao {len(self.founded)}")[12:]
            address = str(to_checksum_address(made))
            self.founded[address] = Founded(Dao(address, name, rule, tuple(seats)))
        return address

    def proposal(self, dao: str, round_: str) -> Proposal | None:
        vote = self._known(dao).votes.get(round_)
        if vote is None:
            return None
        seats = [
            replace(seat, choice=vote.choices.get(place, SILENT))
            for place, seat in enumerate(self.seats(dao, round_))
        ]
        return Proposal(round_, vote.closes, tuple(seats), vote.decided)

    def propose(self, dao: str, round_: str, seat: int) -> None:
        known, terms = self._known(dao), self._terms(round_)
        with self.chain.market.block() as time:
            if self.chain.outcome(round_) is not None:
                raise refused("propose", "RoundNotOpen", round=round_)
            if round_ in known.votes:
                raise refused("propose", "AlreadyProposed", round=round_)
            closes = time + known.dao.rule.period
            if closes + MARGIN > terms.vote_by:
                raise refused("propose", "TooLate", voteBy=terms.vote_by)
            self._only_holder("propose", dao, round_, [seat])
            known.votes[round_] = Vote(closes)

    def vote_seats(self, dao: str, round_: str, seats: Sequence[int], choice: int) -> None:
        terms = self._terms(round_)
        with self.chain.market.block() as time:
            vote = self._vote("vote", dao, round_)
            if time > vote.closes:
                raise refused("vote", "VoteOver", closes=vote.closes)
            if choice == SILENT or len(terms.ladder) < choice != REJECT:
                raise refused("vote", "BadChoice", choice=choice)
            self._only_holder("vote", dao, round_, seats)
            vote.choices |= dict.fromkeys(seats, choice)

    def execute(self, dao: str, round_: str, positions: Sequence[int]) -> None:
        terms = self._terms(round_)
        with self.chain.market.block() as time:
            vote = self._vote("execute", dao, round_)
            if time <= vote.closes:
                raise refused("execute", "VoteNotOver", closes=vote.closes)
            decided = vote.decided or self._decide(dao, round_)
            members = [
                place
                for place in positions
                if place < len(terms.assets)
                and self._seat_of(dao, terms, terms.assets[place]).weight
            ]
        self.chain.market.now -= BLOCK_SECONDS  # the vote is a part of this transaction
        MemoryChain(self.chain.market, dao).vote(round_, members, decided)
        vote.decided = decided

    def _decide(self, dao: str, round_: str) -> int:
        proposal = self.proposal(dao, round_)
        assert proposal is not None, "it was proposed"
        rule, ladder = self._known(dao).dao.rule, self._terms(round_).ladder
        choice = decide(rule, len(ladder), proposal.seats)
        if choice is None:
            answered = sum(s.weight for s in proposal.seats if s.choice != SILENT)
            weight = sum(s.weight for s in proposal.seats)
            raise refused("execute", "NoQuorum", answered=answered, weight=weight)
        return choice

    def seats(self, dao: str, round_: str) -> list[Seat]:
        council = self._known(dao).dao.council
        if council:
            return [Seat(holder, 1) for holder in council]
        terms = self._terms(round_)
        return [self._seat_of(dao, terms, number) for number in terms.assets]

    def _seat_of(self, dao: str, terms: Terms, number: int) -> Seat:
        asset = self.chain.market.assets[number]
        ask = Ask.of(self.chain.market.assets[terms.model], trains=terms.task is Task.TRAIN)
        offered = asset.is_offered(terms.provider, ask)
        member = self.chain.delegate_of(asset.owner) == dao
        return Seat(asset.owner, asset.samples if offered and member else 0)

    def _only_holder(self, operation: str, dao: str, round_: str, seats: Sequence[int]) -> None:
        if not seats:
            raise refused(operation, "NotMember", account=self.chain.account)
        for seat in seats:
            if seat not in self._mine(dao, round_):
                raise refused(operation, "NotYourSeat", seat=seat, account=self.chain.account)

    def _mine(self, dao: str, round_: str) -> list[int]:
        return [
            place
            for place, seat in enumerate(self.seats(dao, round_))
            if seat.holder == self.chain.account and seat.weight
        ]

    def _vote(self, operation: str, dao: str, round_: str) -> Vote:
        vote = self._known(dao).votes.get(round_)
        if vote is None:
            raise refused(operation, "NotProposed", round=round_)
        return vote

    def _known(self, dao: str) -> Founded:
        if dao not in self.founded:
            raise UnknownError("DAO", dao)
        return self.founded[dao]

    def _terms(self, round_: str) -> Terms:
        return self.chain.rounds()[round_]
