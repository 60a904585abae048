"""Attacks on what callers bring along: the terms of a round, signatures, lists of assets."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from contracts.scene import (
    ALICE,
    BOB,
    CAROL,
    FEE,
    FUND_BY,
    KEYS,
    SETTLE_BY,
    SHARES,
    TERMS,
    US,
    VOTE_BY,
    WHO,
    EvmWorld,
    refusal,
)
from visdm.adapters.evm.contracts import artifact
from visdm.adapters.evm.jobs import EvmChain
from visdm.adapters.evm.rounds import BALLOT_TYPES, to_tuple
from visdm.adapters.evm.session import Ledger, transact
from visdm.domain.rounds import SILENT, Task, Terms

if TYPE_CHECKING:
    from collections.abc import Callable

    Evm = Callable[[str], EvmWorld]

ALTERED: dict[str, Any] = {
    "consumer": WHO["rival"],
    "model": TERMS.model + 1,
    "provider": US,
    "assets": (ALICE, BOB, CAROL, 4),
    "ladder": (1, 20, 30),
    "task": Task.TEST,
    "method": "equal",
    "seed": 8,
    "quorum": 4_999,
    "threshold": 1,
    "min_samples": 2,
    "fee_cap": 0,
    "vote_by": VOTE_BY - 1,
    "fund_by": FUND_BY + 86_400,
    "settle_by": SETTLE_BY - 80_000,
}


def versions() -> list[tuple[str, Terms]]:
    """The terms of the round, each time with another field altered."""
    assert list(ALTERED) == [field.name for field in fields(Terms)]
    return [(name, replace(TERMS, **{name: value})) for name, value in ALTERED.items()]


@pytest.mark.parametrize("function", ["vote", "submit", "close"])
def test_a_round_is_not_answered_or_closed_under_altered_terms(evm: Evm, function: str) -> None:
    world = evm("open")
    rest: tuple[Any, ...] = {"vote": ([0], 1), "submit": ([],), "close": ()}[function]
    for _, terms in versions():
        with refusal("UnknownRound("):
            world.send("alice", "rounds", function, to_tuple(terms), *rest)


def test_a_job_is_not_funded_under_altered_terms(evm: Evm) -> None:
    world = evm("priced")
    for name, terms in versions():
        payer = "rival" if name == "consumer" else "consumer"
        with refusal("NotPriced("):
            world.send(payer, "jobs", "fund", to_tuple(terms))


def test_a_job_is_not_settled_or_refunded_under_altered_terms(evm: Evm) -> None:
    world = evm("funded")
    world.travel(SETTLE_BY + 1)
    for name, terms in versions():
        shares = SHARES[: len(terms.assets)]
        provider = "rival" if name == "provider" else "provider"
        with refusal("NotFunded("):
            world.send(provider, "jobs", "settle", to_tuple(terms), shares, FEE, "result", "report")
        with refusal("NotFunded("):
            world.send("consumer", "jobs", "refund", to_tuple(terms))


# Signatures.


def test_a_ballot_is_signed_as_the_contract_reads_it(evm: Evm) -> None:
    world = evm("open")
    message = {
        "round": HexBytes(world.round),
        "asset": BOB,
        "choice": 2,
        "nonce": 1,
        "deadline": VOTE_BY,
    }
    domain = {
        "name": "ViSDM Rounds",
        "version": "1",
        "chainId": world.node.web3.eth.chain_id,
        "verifyingContract": world.market.rounds,
    }
    signed = KEYS["bob"].sign_typed_data(domain, BALLOT_TYPES, message)
    digest = world["bob"]._call("rounds", "ballotDigest", *message.values())
    assert HexBytes(signed.message_hash) == HexBytes(digest)
    assert world["bob"].sign_ballot(world.round, 1, 2, VOTE_BY).signature == signed.signature


def test_a_ballot_for_another_market_does_not_count(evm: Evm) -> None:
    world = evm("open")
    made = artifact("Rounds")
    contract = world.node.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    build = contract.constructor(world.market.catalog).build_transaction
    receipt = transact(world.node.web3, KEYS["stranger"], build, "deploy")
    other = Ledger(world.node.web3, replace(world.market, rounds=str(receipt["contractAddress"])))
    twin = EvmChain(other, KEYS["consumer"])
    round_ = twin.open_round(TERMS)
    assert round_ != world.round
    ballot = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY)
    assert twin.submit_ballots(round_, [ballot]) == {0: "the signature is not the voter's"}
    assert world["erin"].submit_ballots(world.round, [ballot]) == {}


def test_the_other_form_of_a_signature_does_not_count(evm: Evm) -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    world = evm("open")
    ballot = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY)
    r, s, v = ballot.signature[:32], ballot.signature[32:64], ballot.signature[64]
    mirrored = r + (order - int.from_bytes(s)).to_bytes(32) + bytes([55 - v])
    skipped = world["erin"].submit_ballots(world.round, [replace(ballot, signature=mirrored)])
    assert skipped == {0: "the signature is not the voter's"}


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\xff" * 65, bytes(64) + b"\x1b"])
def test_the_zero_address_is_nobodys_delegate(evm: Evm, signature: bytes) -> None:
    world = evm("open")
    ballot = world["stranger"].sign_ballot(world.round, 0, 1, VOTE_BY)
    nobody = replace(ballot, voter="0x" + "0" * 40, signature=signature)
    skipped = world["stranger"].submit_ballots(world.round, [nobody])
    assert skipped == {0: "the signature is not the voter's"}
    assert world["erin"].ballots(world.round)[0] == SILENT


# Lists of assets.


def test_rewards_are_withdrawn_by_the_owner_only(evm: Evm) -> None:
    world = evm("settled")
    for assets in ([BOB], [ALICE, BOB], [BOB, ALICE]):
        with refusal(f"NotOwner(asset={BOB}, account={WHO['alice']})"):
            world.send("alice", "jobs", "withdraw", assets)
    with refusal("ERC721NonexistentToken(tokenId=99)"):
        world.send("alice", "jobs", "withdraw", [99])
    assert world["bob"].withdraw() == 4_000


def test_an_asset_named_twice_pays_once(evm: Evm) -> None:
    world = evm("settled")
    world.send("alice", "jobs", "withdraw", [ALICE, ALICE, ALICE])
    assert world["erin"].balance(WHO["alice"]) == 2_000


def test_who_may_transfer_an_asset_may_not_decide_for_its_owner(evm: Evm) -> None:
    world = evm("open")
    world.send("alice", "catalog", "approve", WHO["stranger"], ALICE)
    world.send("bob", "catalog", "setApprovalForAll", WHO["stranger"], True)  # noqa: FBT003  # the standard's
    for asset in (ALICE, BOB):
        with refusal(f"NotOwner(asset={asset}, account={WHO['stranger']})"):
            world["stranger"].retire(asset)
        with refusal(f"NotOwner(asset={asset}, account={WHO['stranger']})"):
            world["stranger"].set_reserve(asset, 1)
        with refusal("BallotRefused(reason=4)"):
            world["stranger"].vote(world.round, [asset - 1], 1)


def test_an_id_is_the_hash_of_the_terms_the_chain_and_the_contract(evm: Evm) -> None:
    world = evm("open")
    encoder = world.ledger.contracts["rounds"]
    codec = world.node.web3.codec
    (abi,) = (e for e in encoder.abi if e["type"] == "function" and e["name"] == "idOf")
    types = ",".join(str(part["type"]) for part in abi["inputs"][0]["components"])
    place = [world.node.web3.eth.chain_id, world.market.rounds, to_tuple(TERMS)]
    encoded = codec.encode(["uint256", "address", f"({types})"], place)
    assert world.round == "0x" + keccak(encoded).hex()
