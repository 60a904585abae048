"""No owner key, pause or upgrade: all that can be written, pinned, and nothing behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from eth_utils.address import to_checksum_address

from contracts.scene import KEYS, EvmWorld
from visdm.adapters.evm.contracts import artifact
from visdm.adapters.evm.daos import EvmDaos
from visdm.domain.daos import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Evm = Callable[[str], EvmWorld]

ERC721 = {"approve", "safeTransferFrom", "setApprovalForAll", "transferFrom"}
WRITES = {
    "Catalog": ERC721
    | {
        "allow",
        "announce",
        "charge",
        "credit",
        "delegate",
        "describe",
        "grant",
        "publishKey",
        "refuse",
        "registerData",
        "release",
    }
    | {"postSought", "registerModel", "retire", "setReserve"},
    "Jobs": {"open", "vote", "submit", "submitFor", "close"}
    | {"fund", "fundWithPermit", "settle", "pay", "refund", "withdraw"},
    "SupplierDAO": {"propose", "vote", "execute"},
    "DevToken": {"approve", "permit", "transfer", "transferFrom"},
}
CALLCODE, DELEGATECALL, CREATE, CREATE2, SELFDESTRUCT = 0xF2, 0xF4, 0xF0, 0xF5, 0xFF
PUSH1, PUSH32 = 0x60, 0x7F
MAX_CODE = 24_576
"""Bytes of a contract (EIP-170)."""


@pytest.mark.parametrize("contract", WRITES)
def test_these_functions_write_and_no_others(contract: str) -> None:
    abi = artifact(contract)["abi"]
    writes = {
        entry["name"]
        for entry in abi
        if entry["type"] == "function" and entry["stateMutability"] not in {"view", "pure"}
    }
    assert writes == WRITES[contract]


@pytest.mark.parametrize("contract", WRITES)
def test_no_contract_takes_ether_or_answers_unknown_calls(contract: str) -> None:
    abi = artifact(contract)["abi"]
    assert {entry["type"] for entry in abi} <= {"constructor", "function", "event", "error"}
    assert all(e["stateMutability"] != "payable" for e in abi if "stateMutability" in e)


@pytest.mark.parametrize("contract", WRITES)
def test_no_contract_runs_or_makes_other_code_or_ends(contract: str, evm: Evm) -> None:
    """What lies on the chain: the creation code of Jobs makes the Catalog, once."""
    code = deployed(evm("described"), contract)
    forbidden = {CALLCODE, DELEGATECALL, CREATE, CREATE2, SELFDESTRUCT}
    assert not forbidden & set(operations(code))


def test_such_an_operation_would_be_found() -> None:
    assert CREATE in set(operations(bytes.fromhex(artifact("Jobs")["bytecode"][2:])))


def test_what_lies_on_the_chain_fits_into_a_contract(evm: Evm) -> None:
    world = evm("described")
    assert {name: len(deployed(world, name)) <= MAX_CODE for name in WRITES} == dict.fromkeys(
        WRITES, True
    )


def deployed(world: EvmWorld, contract: str) -> bytes:
    """Return the code that lies on the chain."""
    if contract == "SupplierDAO":
        place = EvmDaos(world.ledger, KEYS["alice"]).found("a DAO", Rule(0, 1, 1), [])
    else:
        place = vars(world.market)[contract.lower().replace("devtoken", "token")]
    return bytes(world.node.web3.eth.get_code(to_checksum_address(place)))


def operations(code: bytes) -> Iterator[int]:
    """Yield the operations of bytecode, without the constants they push."""
    place = 0
    while place < len(code):
        yield code[place]
        place += 1 + (code[place] - PUSH1 + 1 if PUSH1 <= code[place] <= PUSH32 else 0)
