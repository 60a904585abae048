"""A member of a DAO: founds, joins, proposes, votes, executes (paper 3.3(3)(b)).

Membership is delegation: who names a DAO as its delegate is in, who names another is out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.domain.rounds import SILENT, choice_for
from visdm.errors import InputError, UnknownError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visdm.domain.daos import Dao, Proposal, Rule, Seat
    from visdm.domain.rounds import Terms
    from visdm.ports import Chain, Daos


ANSWERED_AT_ONCE = 256
"""Positions in one execution: with 512, and all cold, 8 million gas."""


@dataclass(frozen=True)
class Member:
    """One account in its DAOs. Every call may be repeated after a failure."""

    chain: Chain
    daos: Daos

    def found(self, name: str, rule: Rule, council: Sequence[str] = ()) -> Dao:
        """Found a DAO, or return the one of this very name, rule and council."""
        rule.check()
        if not name.strip():
            raise InputError("a DAO needs a name")
        if len(set(council)) != len(council):
            raise InputError("a councillor is named twice", hint="name each once")
        for known in self.daos.daos():
            if (known.name, known.rule, set(known.council)) == (name, rule, set(council)):
                return known
        return self.daos.dao(self.daos.found(name, rule, council))

    def join(self, dao: str) -> None:
        """Let a DAO vote for this account's assets, wherever it has not voted itself."""
        address = self.daos.dao(dao).address
        if self.chain.delegate_of(self.chain.account) != address:
            self.chain.delegate(address)

    def leave(self, dao: str) -> None:
        """Vote for oneself again."""
        if self.chain.delegate_of(self.chain.account) != self.daos.dao(dao).address:
            raise InputError(f"this account is no member of {dao}")
        self.chain.delegate("")

    def members(self, dao: str) -> list[str]:
        """Return the owners of assets that are members of a DAO."""
        owners = dict.fromkeys(asset.owner for asset in self.chain.assets())
        return [owner for owner in owners if self.chain.delegate_of(owner) == dao]

    def propose(self, dao: str, round_: str) -> Proposal:
        """Put a round to the vote, unless that was done."""
        self._terms(round_)
        if self.daos.proposal(dao, round_) is None:
            seats = self.daos.seats(self.daos.dao(dao).address, round_)
            self.daos.propose(dao, round_, self._own(seats, dao)[0])
        return self._proposal(dao, round_)

    def vote(self, dao: str, round_: str, least: int | None) -> list[int]:
        """Name the least price per sample accepted, None to reject; return the seats used."""
        choice = choice_for(self._terms(round_), least)
        mine = self._own(self._proposal(dao, round_).seats, dao)
        self.daos.vote_seats(dao, round_, mine, choice)
        return mine

    def execute(self, dao: str, round_: str) -> int:
        """Answer the round as the members decided, for all for whom that was not done.

        Returns the choice. Who has answered itself is left alone; many come in several parts.
        """
        proposal, terms = self._proposal(dao, round_), self._terms(round_)
        owners = {asset.asset: asset.owner for asset in self.chain.assets()}
        members, voters = set(self.members(dao)), self.chain.voters(round_)
        waiting = [
            place
            for place, number in enumerate(terms.assets)
            if owners[number] in members and voters[place] not in (dao, owners[number])
        ]
        if proposal.decided == SILENT and not 0 < len(waiting) <= ANSWERED_AT_ONCE:
            self.daos.execute(dao, round_, [])  # deciding over many fills a transaction
        for start in range(0, len(waiting), ANSWERED_AT_ONCE):
            self.daos.execute(dao, round_, waiting[start : start + ANSWERED_AT_ONCE])
        return self._proposal(dao, round_).decided

    def _own(self, seats: Sequence[Seat], dao: str) -> list[int]:
        own = [
            place
            for place, seat in enumerate(seats)
            if seat.holder == self.chain.account and seat.weight
        ]
        if not own:
            raise InputError(
                f"this account has no vote in {dao} on this round",
                hint="join the DAO with assets in the round, or be of its council",
            )
        return own

    def _proposal(self, dao: str, round_: str) -> Proposal:
        found = self.daos.proposal(self.daos.dao(dao).address, round_)
        if found is None:
            raise UnknownError("proposal", round_, hint="propose it with `visdm dao propose`")
        return found

    def _terms(self, round_: str) -> Terms:
        try:
            return self.chain.rounds()[round_]
        except KeyError:
            raise UnknownError("round", round_, hint="see `visdm round list`") from None
