"""The rounds' part of the chain port: opening, voting, closing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eth_utils.address import is_address, to_checksum_address
from hexbytes import HexBytes

from visdm.adapters.evm.session import Session
from visdm.domain.rounds import LAST, Ballot, Outcome, RoundState, Task, Terms
from visdm.errors import InputError, RefusedError, TermsError, UnknownError

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
    "its owner has said its last word, or who votes is not the owner and has none",
)
"""Why a ballot did not count; places as in `Rounds.Skipped`."""

SIGNATURE_SIZE, PARITY = 65, (27, 28)
"""Of a signature by a key: r, s and one of two last bytes."""

BORROWED = bytes.fromhex("ef0100")
"""How the code begins of an account with a key that lets a contract act for it (EIP-7702)."""

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

    def opened(self) -> dict[str, int]:
        """Return when each round was opened, by its id."""
        return {
            "0x" + bytes(event.args["round"]).hex(): self._ledger.time_of(event.block)
            for event in self._ledger.named("RoundOpened")
        }

    def ballots(self, round_: str) -> list[int]:
        """Return the choices cast so far, by position; once closed, the final ones."""
        closed = self.outcome(round_)
        if closed is not None:
            return list(closed.choices)
        count = len(self._terms(round_).assets)
        return [int(c) for c in self._call("jobs", "choicesOf", HexBytes(round_), count)]

    def voters(self, round_: str) -> list[str]:
        """Return who cast the standing ballot, by position; '' where there is none."""
        cast = {
            vote["asset"]: str(vote["voter"])
            for event in self._ledger.named("Voted")
            if bytes(event.args["round"]) == bytes(HexBytes(round_))
            for vote in event.args["votes"]
        }
        return [cast.get(asset, "") for asset in self._terms(round_).assets]

    def outcome(self, round_: str) -> Outcome | None:
        """Return how the round closed; None while it is open."""
        terms = self._terms(round_)
        for event in self._ledger.named("RoundClosed"):
            args = event.args
            if bytes(args["round"]) == bytes(HexBytes(round_)):
                price, choices = args["unitPrice"], tuple(args["choices"])
                step = terms.ladder.index(price) + 1 if price else 0
                return Outcome(RoundState(args["state"]), choices, step, price, args["samples"])
        return None

    def open_round(self, terms: Terms) -> str:
        """As the consumer: open a round; return its id."""
        events = self._send("jobs", "open", to_tuple(terms))
        return "0x" + bytes(events[-1].args["round"]).hex()

    def vote(
        self, round_: str, positions: Sequence[int], choice: int, *, last: bool = False
    ) -> None:
        """As owner or delegate of the assets at `positions`: answer."""
        self._send("jobs", "vote", to_tuple(self._terms(round_)), list(positions), choice, last)

    def sign_ballot(
        self, round_: str, position: int, choice: int, deadline: int, *, last: bool = False
    ) -> Ballot:
        """Sign an answer that somebody else may submit. Nothing is written."""
        assets = self._terms(round_).assets
        draft = Ballot(round_, position, choice, 1, deadline, self.account, b"")
        if not draft.is_plausible(len(assets)):
            raise InputError(
                f"position {position}, choice {choice}: not an answer to this round",
                hint=f"it asks for {len(assets)} assets, the first at position 0",
            )
        asset = assets[position]
        _, by_owner, used = self._call("jobs", "answerOf", HexBytes(round_), position)
        own = self._call("catalog", "ownerOf", asset) == self.account
        # An owner's numbers begin anew above its delegate's.
        nonce = LAST if last else min(used + 1, LAST - 1) if by_owner == own else 1
        message = {
            "round": HexBytes(round_),
            "asset": asset,
            "choice": choice,
            "nonce": nonce,
            "deadline": deadline,
        }
        domain = {
            "name": "ViSDM",
            "version": "1",
            "chainId": self._ledger.web3.eth.chain_id,
            "verifyingContract": self._ledger.market.jobs,
        }
        signed = self._key.sign_typed_data(domain, BALLOT_TYPES, message)
        return replace(draft, nonce=nonce, signature=bytes(signed.signature))

    def submit_ballots(self, round_: str, ballots: Sequence[Ballot]) -> dict[int, str]:
        """Submit signed ballots; return those skipped: place in `ballots` to reason."""
        terms, skipped = to_tuple(self._terms(round_)), {}
        # A contract may answer for a signature of this size too: a Safe with one owner's, say.
        contracts = {voter for voter in {b.voter for b in ballots} if self._is_contract(voter)}
        short = [
            place
            for place, ballot in enumerate(ballots)
            if is_short(ballot) and ballot.voter not in contracts
        ]
        if short:
            events = self._send("jobs", "submit", terms, [packed(ballots[i]) for i in short])
            skipped = {
                short[event.args["index"]]: SKIPPED[event.args["reason"]]
                for event in events
                if event.name == "BallotSkipped"
            }
        for place in sorted(set(range(len(ballots))) - set(short)):
            ballot = ballots[place]
            try:
                given = (ballot.voter, terms, packed(ballot), ballot.signature)
                self._send("jobs", "submitFor", *given)
            except RefusedError as refused:
                code = re.fullmatch(r"BallotRefused\(reason=(\d+)\)", refused.reason)
                if code is None:
                    raise
                skipped[place] = SKIPPED[int(code[1])]
        return skipped

    def _is_contract(self, account: str) -> bool:
        """Whether an account is made of code: not one that has a key and only borrows some."""
        if not is_address(account):
            return False
        code = bytes(self._ledger.web3.eth.get_code(to_checksum_address(account)))
        return bool(code) and not code.startswith(BORROWED)

    def close_round(self, round_: str) -> Outcome:
        """As anybody, after the vote: find the price."""
        self._send("jobs", "close", to_tuple(self._terms(round_)))
        outcome = self.outcome(round_)
        assert outcome is not None, "a closed round has an outcome"  # noqa: S101  # by contract
        return outcome

    def _terms(self, round_: str) -> Terms:
        try:
            return self.rounds()[round_]
        except KeyError:
            raise UnknownError("round", round_, hint="see `visdm round list`") from None


def is_short(ballot: Ballot) -> bool:
    """Whether a ballot's signer shows from its signature; otherwise a contract has to be asked."""
    signature = ballot.signature
    fits = len(signature) == SIGNATURE_SIZE and signature[-1] in PARITY
    return fits and signature[32] < 1 << 7


def packed(ballot: Ballot) -> tuple[int, int, int, int, bytes, bytes]:
    """Return a ballot as the contract takes it, its signature in the short form of ERC-2098."""
    r, s, parity = bytes(32), 0, 0
    if is_short(ballot):
        r, s = ballot.signature[:32], int.from_bytes(ballot.signature[32:64])
        parity = ballot.signature[-1] - PARITY[0]
    vs = (s | parity << 255).to_bytes(32)
    return (ballot.position, ballot.choice, ballot.nonce, ballot.deadline, r, vs)


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
