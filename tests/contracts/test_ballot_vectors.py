"""Round ids and ballots against the vectors that every implementation must give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from contracts.scene import KEYS, TERMS, EvmWorld
from visdm.adapters.evm.rounds import BALLOT_TYPES, packed, to_tuple

if TYPE_CHECKING:
    from collections.abc import Callable

    Evm = Callable[[str], EvmWorld]

PATH = Path(__file__).parents[1] / "vectors" / "ballots.json"
VECTORS: list[dict[str, Any]] = json.loads(PATH.read_text())["vectors"]
TERMS_TYPE = (
    "(address,uint256,uint24,uint256[],uint80[],uint8,bytes32,uint64,"
    "uint16,uint16,uint48,uint96,uint40,uint40,uint40)"
)


def named(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def given(terms: dict[str, Any]) -> tuple[Any, ...]:
    """Return the terms in the order of the struct: the file has them in that order."""
    read: dict[str, Any] = {
        "assets": [int(asset) for asset in terms["assets"]],
        "ladder": [int(price) for price in terms["ladder"]],
        "method": bytes.fromhex(terms["method"][2:]),
        **{name: int(terms[name]) for name in ("model", "seed", "fee_cap")},
    }
    return tuple({**terms, **read}.values())


def typed(vector: dict[str, Any], ballot: dict[str, Any]) -> SignableMessage:
    domain = {
        "name": "ViSDM",
        "version": "1",
        "chainId": int(vector["chain_id"]),
        "verifyingContract": vector["contract"],
    }
    message = {
        "round": HexBytes(vector["round"]),
        "asset": int(vector["terms"]["assets"][ballot["position"]]),
        **{name: ballot[name] for name in ("choice", "nonce", "deadline")},
    }
    return encode_typed_data(domain_data=domain, message_types=BALLOT_TYPES, message_data=message)


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_a_rounds_id_is_the_hash_of_its_place_and_terms(vector: dict[str, Any]) -> None:
    place = [int(vector["chain_id"]), vector["contract"], given(vector["terms"])]
    assert "0x" + keccak(encode(["uint256", "address", TERMS_TYPE], place)).hex() == vector["round"]


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_a_ballot_is_typed_data_and_its_short_signature_names_the_voter(
    vector: dict[str, Any],
) -> None:
    for ballot in vector["ballots"]:
        message = typed(vector, ballot)
        digest = keccak(b"\x19" + message.version + message.header + message.body)
        assert "0x" + digest.hex() == ballot["digest"]
        vs = int(ballot["vs"], 16)
        s, parity = vs & (2**255 - 1), vs >> 255
        vrs = (27 + parity, int(ballot["r"], 16), s)
        assert Account.recover_message(message, vrs=vrs) == ballot["voter"]


def test_contract_and_adapter_sign_and_read_as_the_vector_says(evm: Evm) -> None:
    world, vector = evm("open"), VECTORS[0]
    assert given(vector["terms"]) == to_tuple(TERMS)
    assert world.round == vector["round"]
    names = {str(key.address): name for name, key in KEYS.items()}
    for ballot in vector["ballots"]:
        position, choice, nonce, deadline = (
            ballot[name] for name in ("position", "choice", "nonce", "deadline")
        )
        asset = TERMS.assets[position]
        digest = world["erin"]._call(
            "jobs", "ballotDigest", HexBytes(world.round), asset, choice, nonce, deadline
        )
        assert "0x" + bytes(digest).hex() == ballot["digest"]
        if nonce not in {1, 255}:
            continue
        signed = world[names[ballot["voter"]]].sign_ballot(
            world.round, position, choice, deadline, last=nonce == 255
        )
        r, vs = HexBytes(ballot["r"]), HexBytes(ballot["vs"])
        assert packed(signed) == (position, choice, nonce, deadline, r, vs)


@pytest.mark.parametrize("vector", VECTORS[1:], ids=named)
def test_ids_of_other_places_and_terms_are_others(vector: dict[str, Any]) -> None:
    assert vector["round"] not in {other["round"] for other in VECTORS if other is not vector}


def test_every_width_of_terms_is_hashed_as_it_came(evm: Evm) -> None:
    """The contract hashes calldata; the widest numbers show that none is cut."""
    world = evm("described")
    for vector in VECTORS:
        terms = given(vector["terms"])
        chain = world.node.web3.eth.chain_id
        place = [chain, world.market.jobs, terms]
        expected = keccak(encode(["uint256", "address", TERMS_TYPE], place))
        assert bytes(world["erin"]._call("jobs", "idOf", terms)) == expected
