"""No owner key, pause or upgrade: all that can be written, pinned, and nothing behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from visdm.adapters.evm.contracts import artifact

if TYPE_CHECKING:
    from collections.abc import Iterator


ERC721 = {"approve", "safeTransferFrom", "setApprovalForAll", "transferFrom"}
WRITES = {
    "Catalog": ERC721
    | {"announce", "delegate", "describe", "publishKey", "refuse", "registerData"}
    | {"registerModel", "retire", "setReserve"},
    "Rounds": {"open", "vote", "submit", "close"},
    "Jobs": {"fund", "settle", "refund", "withdraw"},
    "DevToken": {"approve", "permit", "transfer", "transferFrom"},
}
CALLCODE, DELEGATECALL, CREATE, CREATE2, SELFDESTRUCT = 0xF2, 0xF4, 0xF0, 0xF5, 0xFF
PUSH1, PUSH32 = 0x60, 0x7F


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
def test_no_contract_runs_or_makes_other_code_or_ends(contract: str) -> None:
    code = bytes.fromhex(artifact(contract)["bytecode"][2:])
    forbidden = {CALLCODE, DELEGATECALL, CREATE, CREATE2, SELFDESTRUCT}
    assert not forbidden & set(operations(code))


def operations(code: bytes) -> Iterator[int]:
    """Yield the operations of bytecode, without the constants they push."""
    place = 0
    while place < len(code):
        yield code[place]
        place += 1 + (code[place] - PUSH1 + 1 if PUSH1 <= code[place] <= PUSH32 else 0)
