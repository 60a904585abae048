"""The compiled contracts, and what their refusals mean."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from visdm.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTRACTS = ("Catalog", "Jobs", "SupplierDAO", "DevToken")


@dataclass(frozen=True)
class Market:
    """Where a market's contracts are: checksummed addresses."""

    token: str
    catalog: str
    jobs: str


@cache
def artifact(name: str) -> dict[str, Any]:
    """Return a contract's `abi` and `bytecode`, as shipped with this package."""
    text = resources.files("visdm.contracts").joinpath(f"{name}.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def signature(entry: Mapping[str, Any]) -> str:
    """Return the canonical signature of an ABI entry, as `transfer(address,uint256)`."""
    return f"{entry['name']}({','.join(collapse_if_tuple(item) for item in entry['inputs'])})"


def selectors(kind: str) -> Iterator[tuple[bytes, str, Mapping[str, Any]]]:
    """Yield selector, contract and ABI entry of every `kind` (`function`, `error`)."""
    for name in CONTRACTS:
        for entry in artifact(name)["abi"]:
            if entry["type"] == kind:
                yield keccak(text=signature(entry))[:4], name, entry


@cache
def _errors() -> dict[bytes, Mapping[str, Any]]:
    return {selector: entry for selector, _, entry in selectors("error")}


def refusal(error: Exception) -> str:
    """Return what a reverted call says: the custom error's name with its values.

    Raises `ChainError` when `error` is no revert but a fault of the node.
    """
    data = revert_data(error)
    if data is None:
        raise ChainError(
            f"the chain did not answer ({type(error).__name__})", hint="is the node running?"
        ) from error
    entry = _errors().get(data[:4])
    if entry is None:
        return "without a reason" if not data else "for a reason unknown to this version"
    types = [collapse_if_tuple(item) for item in entry["inputs"]]
    try:
        values = decode(types, data[4:])
    except DecodingError:
        return str(entry["name"])
    named = (
        f"{item['name']}={_shown(item['type'], value)}"
        for item, value in zip(entry["inputs"], values, strict=True)
    )
    return f"{entry['name']}({', '.join(named)})"


def _shown(type_: str, value: Any) -> str:
    if type_ == "address":
        return str(to_checksum_address(value))
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def revert_data(error: Exception) -> bytes | None:
    """Return the bytes a revert came with; None when `error` is something else.

    Nodes hand them over as an attribute, eth-tester inside its message.
    """
    data = getattr(error, "data", None)
    if isinstance(data, str) and data.startswith("0x"):
        return bytes(HexBytes(data))
    text = str(error.args[0]) if error.args else ""
    before, found, after = text.partition("execution reverted: ")
    if found and not before and after.startswith(("b'", 'b"')):
        return bytes(ast.literal_eval(after))
    return b"" if "revert" in text or type(error).__name__ == "TransactionFailed" else None
