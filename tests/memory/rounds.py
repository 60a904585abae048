"""The rules of rounds without a chain, refusing in the order of `Rounds.sol`."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

from memory.catalog import MemoryCatalog
from memory.market import SKIPPED, Answer, Round, Skipped, address, fits, refused
from visdm.domain.assets import Asset, Kind, State
from visdm.domain.rounds import (
    BASIS,
    MAX_ASSETS,
    MAX_NONCE,
    MAX_STEPS,
    REJECT,
    SILENT,
    Ballot,
    Outcome,
    Standing,
    Terms,
    tally,
)
from visdm.errors import InputError, UnknownError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_DELEGATIONS = 4
SIGNING_KEY = b"nothing outside of this module signs with it"


class MemoryRounds(MemoryCatalog):
    """The rounds' part of the port."""

    def rounds(self) -> dict[str, Terms]:
        return {round_: found.terms for round_, found in self.market.rounds.items()}

    def ballots(self, round_: str) -> list[int]:
        found = self._round(round_)
        if found.outcome is not None:
            return list(found.outcome.choices)
        return [answer.choice for answer in found.answers]

    def voters(self, round_: str) -> list[str]:
        return [answer.voter for answer in self._round(round_).answers]

    def outcome(self, round_: str) -> Outcome | None:
        return self._round(round_).outcome

    def open_round(self, terms: Terms) -> str:
        _encode(terms)
        with self.market.block() as time:
            if self.account != terms.consumer:
                raise refused("open", "NotConsumer", account=self.account)
            self._check(terms, time)
            # Any hash of the terms will do; the chain's is of their ABI encoding.
            digest = hashlib.sha256(repr((tuple(self.market.accounts), terms)).encode())
            round_ = "0x" + digest.hexdigest()
            if round_ in self.market.rounds:
                raise refused("open", "RoundExists", round=round_)
            self.market.rounds[round_] = Round(terms, [Answer()] * len(terms.assets))
        return round_

    def vote(self, round_: str, positions: Sequence[int], choice: int) -> None:
        fits(16, *positions)
        fits(8, choice)
        with self.market.block() as time:
            found = self._votable("vote", round_, time)
            answers = list(found.answers)
            for position in positions:
                reason = self._record(found.terms, answers, position, Answer(choice), self.account)
                # An owner who answers first must not undo its delegate's votes for others.
                if reason not in {Skipped.NO, Skipped.OVERRULED}:
                    raise refused("vote", "BallotRefused", reason=reason)
            found.answers = answers

    def sign_ballot(self, round_: str, position: int, choice: int, deadline: int) -> Ballot:
        found = self._round(round_)
        draft = Ballot(round_, position, choice, 1, deadline, self.account, b"")
        if not draft.is_plausible(len(found.answers)):
            raise InputError(f"position {position}, choice {choice}: not an answer to this round")
        asset = self.market.assets[found.terms.assets[position]]
        nonce = _next(found.answers[position], own=asset.owner == self.account)
        unsigned = replace(draft, nonce=nonce)
        return replace(unsigned, signature=self._signature(round_, unsigned))

    def submit_ballots(self, round_: str, ballots: Sequence[Ballot]) -> dict[int, str]:
        with self.market.block() as time:
            self._votable("submit", round_, time)
            reasons = [self._submit(round_, ballot, time) for ballot in ballots]
        return {place: SKIPPED[reason] for place, reason in enumerate(reasons) if reason}

    def close_round(self, round_: str) -> Outcome:
        with self.market.block() as time:
            found = self._open("close", round_)
            if time <= found.terms.vote_by:
                raise refused("close", "VotingNotOver", voteBy=found.terms.vote_by)
            register = [self.market.assets[asset] for asset in found.terms.assets]
            standings = [
                Standing(a.samples, a.reserve, a.state is State.DESCRIBED) for a in register
            ]
            found.outcome = tally(found.terms, standings, self.ballots(round_))
        return found.outcome

    def _round(self, round_: str) -> Round:
        if round_ not in self.market.rounds:
            raise UnknownError("round", round_)
        return self.market.rounds[round_]

    def _open(self, operation: str, round_: str) -> Round:
        found = self._round(round_)
        if found.outcome is not None:
            raise refused(operation, "RoundNotOpen", round=round_)
        return found

    def _votable(self, operation: str, round_: str, time: int) -> Round:
        found = self._open(operation, round_)
        if time > found.terms.vote_by:
            raise refused(operation, "VotingOver", voteBy=found.terms.vote_by)
        return found

    def _submit(self, round_: str, ballot: Ballot, time: int) -> Skipped:
        found = self._round(round_)
        if ballot.position >= len(found.answers):
            return Skipped.POSITION
        if time > ballot.deadline:
            return Skipped.EXPIRED
        if not ballot.nonce:
            return Skipped.NONCE
        if not hmac.compare_digest(ballot.signature, self._signature(round_, ballot)):
            return Skipped.SIGNATURE
        answer = Answer(ballot.choice, nonce=ballot.nonce)
        return self._record(found.terms, found.answers, ballot.position, answer, ballot.voter)

    def _record(
        self, terms: Terms, answers: list[Answer], position: int, answer: Answer, voter: str
    ) -> Skipped:
        """Write an answer or say why not; nonce 0 means the next one."""
        if position >= len(answers):
            return Skipped.POSITION
        if answer.choice == SILENT or len(terms.ladder) < answer.choice != REJECT:
            return Skipped.CHOICE
        owner = self.market.assets[terms.assets[position]].owner
        own, before = voter == owner, answers[position]
        if not own and not self._votes_for(voter, owner):
            return Skipped.VOTER
        if before.own and not own:
            return Skipped.OVERRULED
        if answer.nonce and before.own == own and answer.nonce <= before.nonce:
            return Skipped.NONCE
        nonce = answer.nonce or _next(before, own=own)
        answers[position] = Answer(answer.choice, own, nonce, voter)
        return Skipped.NO

    def _votes_for(self, voter: str, owner: str) -> bool:
        hop = owner
        for _ in range(MAX_DELEGATIONS):
            hop = self.market.delegates.get(hop, "")
            if hop in {voter, ""}:
                return hop == voter
        return False

    def _signature(self, round_: str, ballot: Ballot) -> bytes:
        """Stand in for EIP-712: what is signed is the same, and bound to the voter."""
        asset = self._round(round_).terms.assets[ballot.position]
        signed = (round_, asset, ballot.choice, ballot.nonce, ballot.deadline, ballot.voter)
        return hmac.digest(SIGNING_KEY, repr(signed).encode(), "sha256")

    def _check(self, terms: Terms, time: int) -> None:
        place = _misplaced(terms.ladder, MAX_STEPS)
        if place is not None:
            raise refused("open", "BadLadder", index=place)
        if not 0 < terms.threshold <= BASIS or terms.quorum > BASIS:
            raise refused("open", "BadThreshold", quorum=terms.quorum, threshold=terms.threshold)
        if not time <= terms.vote_by < terms.fund_by < terms.settle_by:
            by = {"voteBy": terms.vote_by, "fundBy": terms.fund_by, "settleBy": terms.settle_by}
            raise refused("open", "BadDeadlines", **by)
        model = self._known("open", terms.model)
        if not _offered(model, Kind.MODEL, terms.provider):
            raise refused("open", "AssetNotOffered", asset=terms.model)
        if model.owner != terms.consumer:
            raise refused("open", "NotConsumer", account=terms.consumer)
        self._check_dataset(terms)

    def _check_dataset(self, terms: Terms) -> None:
        if not 0 < len(terms.assets) <= MAX_ASSETS:
            raise refused("open", "BadDataset", index=len(terms.assets))
        register = [self._known("open", asset) for asset in terms.assets]
        for place, asset in enumerate(register):
            if place and asset.asset <= terms.assets[place - 1]:
                raise refused("open", "BadDataset", index=place)
            if not _offered(asset, Kind.DATA, terms.provider):
                raise refused("open", "AssetNotOffered", asset=asset.asset)


def _next(before: Answer, *, own: bool) -> int:
    # An owner's numbers begin anew above its delegate's, and no transaction is out of numbers.
    return min(before.nonce + 1, MAX_NONCE) if before.own == own else 1


def _offered(asset: Asset, kind: Kind, provider: int) -> bool:
    return (asset.kind, asset.state, asset.provider) == (kind, State.DESCRIBED, provider)


def _misplaced(numbers: Sequence[int], limit: int) -> int | None:
    """Return the first place out of order, or the count where it is out of bounds."""
    if not 0 < len(numbers) <= limit:
        return len(numbers)
    pairs = enumerate(zip((0, *numbers), numbers, strict=False))
    return next((place for place, (below, number) in pairs if number <= below), None)


def _encode(terms: Terms) -> None:
    """Refuse what the struct of `Terms.sol` does not hold."""
    address(terms.consumer)
    if len(terms.method) > 32 or not terms.method.isascii():
        raise InputError(f"{terms.method!r} is not up to 32 ASCII characters")
    fits(256, terms.model, *terms.assets)
    fits(96, *terms.ladder, terms.fee_cap)
    fits(64, terms.seed)
    fits(40, terms.vote_by, terms.fund_by, terms.settle_by)
    fits(32, terms.provider, terms.min_samples)
    fits(16, terms.quorum, terms.threshold)
