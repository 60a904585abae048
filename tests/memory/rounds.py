"""The rules of rounds without a chain, refusing in the order of `Rounds.sol`."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

from memory.catalog import MemoryCatalog
from memory.market import SKIPPED, Answer, Round, Skipped, address, fits, refused
from visdm.domain.assets import NO_RESERVE, Kind, State
from visdm.domain.permissions import Ask
from visdm.domain.rounds import (
    BASIS,
    LAST,
    MAX_ASSETS,
    MAX_STEPS,
    REJECT,
    SILENT,
    Ballot,
    Outcome,
    Standing,
    Task,
    Terms,
    tally,
)
from visdm.errors import InputError, UnknownError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_DELEGATIONS = 4
SIGNATURE_SIZE = 65
SIGNING_KEY = b"nothing outside of this module signs with it"


class MemoryRounds(MemoryCatalog):
    """The rounds' part of the port."""

    def rounds(self) -> dict[str, Terms]:
        return {round_: found.terms for round_, found in self.market.rounds.items()}

    def opened(self) -> dict[str, int]:
        return {round_: found.opened for round_, found in self.market.rounds.items()}

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
            self.market.rounds[round_] = Round(terms, [Answer()] * len(terms.assets), opened=time)
        return round_

    def vote(
        self, round_: str, positions: Sequence[int], choice: int, *, last: bool = False
    ) -> None:
        fits(16, *positions)
        fits(8, choice)
        with self.market.block() as time:
            found = self._votable("vote", round_, time)
            answers, given = list(found.answers), Answer(choice, nonce=LAST if last else 0)
            reasons = []
            for position in positions:
                reason, answer = self._admit(found.terms, answers, position, given, self.account)
                reasons.append(reason)
                if answer:
                    answers[position] = answer
            if reasons and all(reasons):
                raise refused("vote", "BallotRefused", reason=reasons[0])
            found.answers = answers

    def sign_ballot(
        self, round_: str, position: int, choice: int, deadline: int, *, last: bool = False
    ) -> Ballot:
        found = self._round(round_)
        draft = Ballot(round_, position, choice, 1, deadline, self.account, b"")
        if not draft.is_plausible(len(found.answers)):
            raise InputError(f"position {position}, choice {choice}: not an answer to this round")
        asset = self.market.assets.get(found.terms.assets[position])
        if asset is None:
            token = found.terms.assets[position]
            raise refused("ownerOf", "ERC721NonexistentToken", tokenId=token)
        own = asset.owner == self.account
        nonce = LAST if last else min(_used(found.answers[position], own=own) + 1, LAST - 1)
        unsigned = replace(draft, nonce=nonce)
        return replace(unsigned, signature=self._signature(round_, unsigned))

    def submit_ballots(self, round_: str, ballots: Sequence[Ballot]) -> dict[int, str]:
        self._round(round_)
        if not ballots:
            return {}
        with self.market.block() as time:
            self._votable("submit", round_, time)
            reasons = [self._submit(round_, ballot, time) for ballot in ballots]
        return {place: SKIPPED[reason] for place, reason in enumerate(reasons) if reason}

    def close_round(self, round_: str) -> Outcome:
        with self.market.block() as time:
            found = self._open("close", round_)
            found.outcome = self._tally("close", round_, time)
        return found.outcome

    def _tally(self, operation: str, round_: str, time: int) -> Outcome:
        found = self._round(round_)
        standings = [self._standing(asset, found.terms) for asset in found.terms.assets]
        last_words = [
            answer.own and answer.nonce == LAST
            for standing, answer in zip(standings, found.answers, strict=True)
            if standing.available
        ]
        complete = bool(last_words) and all(last_words)
        if not complete and time <= found.terms.vote_by:
            raise refused(operation, "VotingNotOver", voteBy=found.terms.vote_by)
        return tally(found.terms, standings, self.ballots(round_))

    def _standing(self, number: int, terms: Terms) -> Standing:
        """Return what the register says of an asset; who is not on offer has no weight."""
        asset = self.market.assets.get(number)
        if asset is None:
            return Standing(0, NO_RESERVE, available=False)
        offered = asset.is_offered(terms.provider, self._asked(terms))
        return Standing(asset.samples, asset.reserve, offered)

    def _asked(self, terms: Terms) -> Ask:
        model = self.market.assets[terms.model]
        return Ask.of(model, trains=terms.task is Task.TRAIN)

    def _owner(self, number: int) -> str:
        asset = self.market.assets.get(number)
        return asset.owner if asset else ""

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
        if time > ballot.deadline:
            return Skipped.EXPIRED
        if not ballot.nonce:
            return Skipped.NONCE
        if len(ballot.signature) != SIGNATURE_SIZE:
            return Skipped.SIGNATURE
        # Of a false signature somebody is the signer, but nobody who may vote.
        signer = next(
            (
                account
                for account in self.market.accounts
                if ballot.signature == self._signature(round_, replace(ballot, voter=account))
            ),
            "nobody",
        )
        given = Answer(ballot.choice, nonce=ballot.nonce)
        reason, answer = self._admit(found.terms, found.answers, ballot.position, given, signer)
        if answer is None:
            return reason
        found.answers[ballot.position] = answer
        return Skipped.NO

    def _admit(
        self, terms: Terms, answers: list[Answer], position: int, given: Answer, voter: str
    ) -> tuple[Skipped, Answer | None]:
        """Return how an answer is written, or why it is not; nonce 0 means the next one."""
        owner = self._owner(terms.assets[position]) if position < len(answers) else ""
        if not owner:
            return Skipped.POSITION, None
        if given.choice == SILENT or len(terms.ladder) < given.choice != REJECT:
            return Skipped.CHOICE, None
        own = voter == owner
        if not own and not self._votes_for(voter, owner):
            return Skipped.VOTER, None
        reason, used = _standing_above(answers[position], given, own=own)
        # A transaction needs no number, and no owner is ever out of them.
        nonce = given.nonce or min(used + 1, LAST - 1)
        return reason, None if reason else Answer(given.choice, own, nonce, voter)

    def _votes_for(self, voter: str, owner: str) -> bool:
        hop = owner
        for _ in range(MAX_DELEGATIONS):
            hop = self.market.delegates.get(hop, "")
            if hop in {voter, ""}:
                return hop == voter
        return False

    def _signature(self, round_: str, ballot: Ballot) -> bytes:
        """Stand in for EIP-712: what is signed is the same, and bound to the voter."""
        assets = self._round(round_).terms.assets
        asset = assets[ballot.position] if ballot.position < len(assets) else 0
        signed = (round_, asset, ballot.choice, ballot.nonce, ballot.deadline, ballot.voter)
        return hmac.digest(SIGNING_KEY, repr(signed).encode(), "sha512") + b"\x1b"

    def _check(self, terms: Terms, time: int) -> None:
        place = _misplaced(terms.ladder, MAX_STEPS)
        if place is not None:
            raise refused("open", "BadLadder", index=place)
        if not 0 < terms.threshold <= BASIS or terms.quorum > BASIS:
            raise refused("open", "BadThreshold", quorum=terms.quorum, threshold=terms.threshold)
        if not time <= terms.vote_by < terms.fund_by < terms.settle_by:
            by = {"voteBy": terms.vote_by, "fundBy": terms.fund_by, "settleBy": terms.settle_by}
            raise refused("open", "BadDeadlines", **by)
        place = _misplaced(terms.assets, MAX_ASSETS)
        if place is not None:
            raise refused("open", "BadDataset", index=place)
        self._check_model("open", terms)

    def _check_model(self, operation: str, terms: Terms) -> None:
        model = self.market.assets.get(terms.model)
        if model is None or (model.kind, model.state, model.provider) != (
            Kind.MODEL,
            State.DESCRIBED,
            terms.provider,
        ):
            raise refused(operation, "ModelUnavailable", model=terms.model)
        if model.owner != terms.consumer:
            raise refused(operation, "NotConsumer", account=terms.consumer)


def _standing_above(before: Answer, given: Answer, *, own: bool) -> tuple[Skipped, int]:
    """Return why an answer does not replace the one before it, and the last number used."""
    used = _used(before, own=own)
    if before.own and not own:
        return Skipped.OVERRULED, used
    if (before.own and before.nonce == LAST) or (given.nonce == LAST and not own):
        return Skipped.FINAL, used
    return Skipped.NONCE if 0 < given.nonce <= used else Skipped.NO, used


def _used(before: Answer, *, own: bool) -> int:
    """Return the last number used; an owner's begin anew above its delegate's."""
    return before.nonce if before.own == own else 0


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
    fits(96, terms.fee_cap)
    fits(80, *terms.ladder)
    fits(64, terms.seed)
    fits(48, terms.min_samples)
    fits(40, terms.vote_by, terms.fund_by, terms.settle_by)
    fits(24, terms.provider)
    fits(16, terms.quorum, terms.threshold)
