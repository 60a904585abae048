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
    FEE_CAP,
    FUND_BY,
    KEYS,
    PRICE,
    SETTLE_BY,
    SHARES,
    TERMS,
    US,
    VOTE_BY,
    WHO,
    EvmWorld,
    refusal,
    register,
)
from visdm.adapters.evm.contracts import artifact
from visdm.adapters.evm.rounds import BALLOT_TYPES, packed, to_tuple
from visdm.adapters.evm.session import refused, transact
from visdm.domain.rounds import SILENT, Task, Terms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Evm = Callable[[str], EvmWorld]

NOT_LAST = False

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
    rest: dict[str, tuple[Any, ...]] = {
        "vote": ([0], 1, NOT_LAST),
        "submit": ([],),
        "close": (),
    }
    for _, terms in versions():
        with refusal("UnknownRound("):
            world.send("alice", "jobs", function, to_tuple(terms), *rest[function])


def test_a_contracts_ballot_is_not_taken_under_altered_terms(evm: Evm) -> None:
    world = evm("open")
    ballot = packed(world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY))
    for _, terms in versions():
        with refusal("UnknownRound("):
            world.send("bob", "jobs", "submitFor", WHO["alice"], to_tuple(terms), ballot, b"")


def test_a_job_is_not_funded_under_altered_terms(evm: Evm) -> None:
    world = evm("priced")
    reasons = {
        "consumer": f"NotConsumer(account={WHO['rival']})",
        "model": f"ModelUnavailable(model={TERMS.model + 1})",
        "provider": f"ModelUnavailable(model={TERMS.model})",
    }
    for name, terms in versions():
        payer = "rival" if name == "consumer" else "consumer"
        with refusal(reasons.get(name, "NotPriced(")):
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
            world.send("consumer", "jobs", "refund", to_tuple(terms), terms.consumer)
        with refusal("NothingToPay("):
            world.send("consumer", "jobs", "pay", to_tuple(terms), shares, 1)


def test_money_is_sent_back_to_the_consumer_alone(evm: Evm) -> None:
    for stage in ("funded", "settled"):
        world = evm(stage)
        world.travel(SETTLE_BY + 1)
        for name in ("stranger", "provider", "alice"):
            with refusal(f"NotConsumer(account={WHO[name]})"):
                world.send(name, "jobs", "refund", to_tuple(TERMS), WHO[name])
        world.send("consumer", "jobs", "refund", to_tuple(TERMS), WHO["rival"])
        back = {"funded": PRICE + FEE_CAP, "settled": FEE_CAP - FEE}[stage]
        assert world["erin"].balance(WHO["rival"]) == back


def test_terms_are_read_only_as_every_encoder_lays_them_out(evm: Evm) -> None:
    """Other words for the same terms would be another hash, and so another round."""
    world = evm("open")
    plain = calldata(world, "close", to_tuple(TERMS))
    assert twisted(plain) != plain
    with refusal("VotingNotOver("):
        sent(world, plain)
    with refusal("BadEncoding()"):
        sent(world, twisted(plain))
    # What follows the terms is not part of them.
    with refusal("VotingNotOver("):
        sent(world, plain + bytes(32))


@pytest.mark.parametrize(
    ("function", "rest"),
    [
        ("idOf", ()),
        ("open", ()),
        ("close", ()),
        ("fund", ()),
        ("vote", ([0], 1, NOT_LAST)),
        ("submit", ([],)),
        ("settle", (SHARES, FEE, "result", "report")),
        ("pay", (SHARES, 1)),
        ("refund", (WHO["consumer"],)),
        ("membersOf", ()),
    ],
)
def test_no_function_takes_terms_laid_out_otherwise(
    evm: Evm, function: str, rest: tuple[Any, ...]
) -> None:
    world = evm("described")
    terms = replace(TERMS, vote_by=VOTE_BY + 1)
    with refusal("BadEncoding()"):
        sent(world, twisted(calldata(world, function, to_tuple(terms), *rest)))


def calldata(world: EvmWorld, function: str, *args: object) -> bytes:
    return bytes(HexBytes(world.ledger.contracts["jobs"].encode_abi(function, args=list(args))))


def twisted(data: bytes) -> bytes:
    """Return the call with the two lists of the terms in the other order: the same to a decoder."""
    words = [data[4 + place : 36 + place] for place in range(0, len(data) - 4, 32)]
    terms = int.from_bytes(words[0]) // 32
    assets, ladder = (int.from_bytes(words[terms + field]) // 32 for field in (3, 4))
    end = ladder + 1 + len(TERMS.ladder)
    words[terms + assets : terms + end] = [
        *words[terms + ladder : terms + end],
        *words[terms + assets : terms + ladder],
    ]
    words[terms + 4] = (32 * assets).to_bytes(32)
    words[terms + 3] = (32 * (assets + 1 + len(TERMS.ladder))).to_bytes(32)
    return data[:4] + b"".join(words)


def sent(world: EvmWorld, data: bytes) -> None:
    """Call the jobs contract as the consumer. Raises `RefusedError`."""
    call = {"from": WHO["consumer"], "to": world.market.jobs, "data": "0x" + data.hex()}
    try:
        world.node.web3.eth.call(call)  # type: ignore[arg-type]  # checked addresses
    except Exception as error:  # noqa: BLE001  # whatever the node answers
        raise refused("call", error) from None


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
        "name": "ViSDM",
        "version": "1",
        "chainId": world.node.web3.eth.chain_id,
        "verifyingContract": world.market.jobs,
    }
    signed = KEYS["bob"].sign_typed_data(domain, BALLOT_TYPES, message)
    digest = world["bob"]._call("jobs", "ballotDigest", *message.values())
    assert HexBytes(signed.message_hash) == HexBytes(digest)
    assert world["bob"].sign_ballot(world.round, 1, 2, VOTE_BY).signature == signed.signature


def test_a_ballot_for_another_market_does_not_count(evm: Evm, tmp_path: Path) -> None:
    world = evm("open")
    made = artifact("Jobs")
    contract = world.node.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    build = contract.constructor(world.market.token).build_transaction
    jobs = str(transact(world.node.web3, KEYS["stranger"], build, "deploy")["contractAddress"])
    at = world.node.web3.eth.contract(address=jobs, abi=made["abi"])  # type: ignore[call-overload]  # a checked address
    catalog = str(at.functions.catalog().call({"from": WHO["stranger"]}))
    ballot = world["alice"].sign_ballot(world.round, 0, 1, VOTE_BY)
    world.close()
    twin = EvmWorld(
        tmp_path / "twin", world.path, replace(world.market, jobs=jobs, catalog=catalog)
    )
    register(twin)
    round_ = twin["consumer"].open_round(TERMS)
    assert round_ != ballot.round
    answer = twin["erin"].submit_ballots(round_, [ballot])
    assert answer == {0: "neither owner nor delegate"}
    twin.close()
    world._open()
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
            world.send("alice", "jobs", "withdraw", assets, WHO["alice"])
    with refusal("ERC721NonexistentToken(tokenId=99)"):
        world.send("alice", "jobs", "withdraw", [99], WHO["alice"])
    assert world["bob"].withdraw() == 4_000


def test_the_jobs_contract_alone_credits_an_asset(evm: Evm) -> None:
    world = evm("settled")
    for name in ("deployer", "provider", "alice"):
        with refusal(f"NotJobs(account={WHO[name]})"):
            world.send(name, "catalog", "credit", [ALICE], [1])


def test_an_asset_named_twice_pays_once(evm: Evm) -> None:
    world = evm("settled")
    world.send("alice", "jobs", "withdraw", [ALICE, ALICE, ALICE], WHO["alice"])
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
    encoder = world.ledger.contracts["jobs"]
    codec = world.node.web3.codec
    (abi,) = (e for e in encoder.abi if e["type"] == "function" and e["name"] == "idOf")
    types = ",".join(str(part["type"]) for part in abi["inputs"][0]["components"])
    place = [world.node.web3.eth.chain_id, world.market.jobs, to_tuple(TERMS)]
    encoded = codec.encode(["uint256", "address", f"({types})"], place)
    assert world.round == "0x" + keccak(encoded).hex()
