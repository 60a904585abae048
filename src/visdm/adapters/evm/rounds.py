"""The rounds' part of the chain port: opening, voting, closing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hexbytes import HexBytes

from visdm.adapters.evm.session import Session
from visdm.domain.rounds import MAX_NONCE, Ballot, Outcome, RoundState, Task, Terms
from visdm.errors import InputError, TermsError, UnknownError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SKIPPED = (
    "",
    "no such position",
    "no such choice",
    "the ballot expired",
    "neither owner nor delegate",
    "the owner has answered itself",
    "the nonce was used",
    "the signature is not the voter's",
)
"""Why a ballot did not count; places as in `Rounds.Skipped`."""

BALLOT_TYPES = {
    "Ballot": [
        {"name": "round", "type": "bytes32"},
        {"name": "asset", "type": "uint256"},
        {"name": "choice", "type": "uint8"},
        {"name": "nonce", "type": "uint8"},
        {"name": "deadline", "type": "uint40"},
    ]
}


class RoundsSession(Session):
    """Every call brings the round's terms along; the chain keeps their hash."""

    def rounds(self) -> dict[str, Terms]:
        """Return the terms of all rounds by id, oldest first."""
        return {
            "0x" + bytes(event.args["round"]).hex(): from_event(event.args["terms"])
            for event in self._ledger.named("RoundOpened")
        }

    def ballots(self, round_: str) -> list[int]:
        """Return the choices cast so far, by position."""
        count = len(self._terms(round_).assets)
        return [int(c) for c in self._call("rounds", "choicesOf", HexBytes(round_), count)]

    def voters(self, round_: str) -> list[str]:
        """Return who cast the standing ballot, by position; '' where there is none."""
        cast = {
            event.args["asset"]: str(event.args["voter"])
            for event in self._ledger.named("Voted")
            if "0x" + bytes(event.args["round"]).hex() == round_
        }
        return [cast.get(asset, "") for asset in self._terms(round_).assets]

    def outcome(self, round_: str) -> Outcome | None:
        """Return how the round closed; None while it is open."""
        self._terms(round_)
        state, step, samples, price = self._call("rounds", "roundOf", HexBytes(round_))
        if state == RoundState.OPEN:
            return None
        return Outcome(RoundState(state), tuple(self.ballots(round_)), step, price, samples)

    def open_round(self, terms: Terms) -> str:
        """As the consumer: open a round; return its id."""
        events = self._send("rounds", "open", to_tuple(terms))
        return "0x" + bytes(events[-1].args["round"]).hex()

    def vote(self, round_: str, positions: Sequence[int], choice: int) -> None:
        """As owner or delegate of the assets at `positions`: answer."""
        self._send("rounds", "vote", to_tuple(self._terms(round_)), list(positions), choice)

    def sign_ballot(self, round_: str, position: int, choice: int, deadline: int) -> Ballot:
        """Sign an answer that somebody else may submit. Nothing is written."""
        assets = self._terms(round_).assets
        draft = Ballot(round_, position, choice, 1, deadline, self.account, b"")
        if not draft.is_plausible(len(assets)):
            raise InputError(
                f"position {position}, choice {choice}: not an answer to this round",
                hint=f"it asks for {len(assets)} assets, the first at position 0",
            )
        asset = assets[position]
        _, by_owner, used = self._call("rounds", "answerOf", HexBytes(round_), position)
        own = self._call("catalog", "ownerOf", asset) == self.account
        # An owner's numbers begin anew above its delegate's.
        nonce = min(used + 1, MAX_NONCE) if by_owner == own else 1
        message = {
            "round": HexBytes(round_),
            "asset": asset,
            "choice": choice,
            "nonce": nonce,
            "deadline": deadline,
        }
        domain = {
            "name": "ViSDM Rounds",
            "version": "1",
            "chainId": self._ledger.web3.eth.chain_id,
            "verifyingContract": self._ledger.market.rounds,
        }
        signed = self._key.sign_typed_data(domain, BALLOT_TYPES, message)
        return replace(draft, nonce=nonce, signature=bytes(signed.signature))

    def submit_ballots(self, round_: str, ballots: Sequence[Ballot]) -> dict[int, str]:
        """Submit signed ballots; return those skipped: place in `ballots` to reason."""
        packed = [
            (b.position, b.choice, b.nonce, b.deadline, b.voter, b.signature) for b in ballots
        ]
        events = self._send("rounds", "submit", to_tuple(self._terms(round_)), packed)
        return {
            int(event.args["index"]): SKIPPED[event.args["reason"]]
            for event in events
            if event.name == "BallotSkipped"
        }

    def close_round(self, round_: str) -> Outcome:
        """As anybody, after the vote: find the price."""
        self._send("rounds", "close", to_tuple(self._terms(round_)))
        outcome = self.outcome(round_)
        assert outcome is not None, "a closed round has an outcome"  # noqa: S101  # by contract
        return outcome

    def _terms(self, round_: str) -> Terms:
        try:
            return self.rounds()[round_]
        except KeyError:
            raise UnknownError("round", round_, hint="see `visdm round list`") from None


def to_tuple(terms: Terms) -> tuple[Any, ...]:
    """Return terms in the order of the Solidity struct. Raises `TermsError`."""
    if not terms.method.isascii():
        raise TermsError(f"unknown method {terms.method!r}")
    return (
        terms.consumer,
        terms.model,
        terms.provider,
        list(terms.assets),
        list(terms.ladder),
        int(terms.task),
        terms.method.encode("ascii").ljust(32, b"\0"),
        terms.seed,
        terms.quorum,
        terms.threshold,
        terms.min_samples,
        terms.fee_cap,
        terms.vote_by,
        terms.fund_by,
        terms.settle_by,
    )


def from_event(fields: Mapping[str, Any]) -> Terms:
    """Read terms as an event carries them."""
    return Terms(
        consumer=fields["consumer"],
        model=fields["model"],
        provider=fields["provider"],
        assets=tuple(fields["assets"]),
        ladder=tuple(fields["ladder"]),
        task=Task(fields["task"]),
        method=bytes(fields["method"]).rstrip(b"\0").decode("ascii", "replace"),
        seed=fields["seed"],
        quorum=fields["quorum"],
        threshold=fields["threshold"],
        min_samples=fields["minSamples"],
        fee_cap=fields["feeCap"],
        vote_by=fields["voteBy"],
        fund_by=fields["fundBy"],
        settle_by=fields["settleBy"],
    )
