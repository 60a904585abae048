"""What every transaction of a market was and cost, read back from the chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from hexbytes import HexBytes

from visdm.adapters.evm.contracts import Market, selectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from web3 import Web3

OPERATIONS = {
    ("catalog", "announce"): "announce_provider",
    ("catalog", "publishKey"): "publish_key",
    ("catalog", "registerData"): "register_data_asset",
    ("catalog", "registerModel"): "register_model_asset",
    ("catalog", "describe"): "register_metadata",
    ("catalog", "refuse"): "refuse_asset",
    ("catalog", "setReserve"): "set_reserve",
    ("catalog", "allow"): "set_permission",
    ("catalog", "retire"): "retire_asset",
    ("catalog", "delegate"): "delegate",
    ("catalog", "postSought"): "post_search",
    ("jobs", "open"): "open_round",
    ("jobs", "vote"): "vote_direct",
    ("jobs", "submit"): "submit_ballots",
    ("jobs", "submitFor"): "submit_ballots",
    ("jobs", "close"): "close_round",
    ("token", "transfer"): "transfer_tokens",
    ("token", "approve"): "allow_tokens",
    ("jobs", "fund"): "fund_job",
    ("jobs", "fundWithPermit"): "fund_job",
    ("jobs", "settle"): "settle_job",
    ("jobs", "pay"): "pay_owners",
    ("jobs", "refund"): "refund_job",
    ("jobs", "withdraw"): "withdraw",
}


@dataclass(frozen=True)
class Entry:
    """One transaction: what it did, who sent it, its gas from the receipt, when."""

    operation: str
    sender: str
    gas: int
    block: int
    time: int
    succeeded: bool


def history(web3: Web3, market: Market) -> Iterator[Entry]:
    """Yield every transaction sent to the market's contracts, oldest first."""
    functions = {
        (contract.lower().replace("devtoken", "token"), selector): entry["name"]
        for selector, contract, entry in selectors("function")
    }
    places = {address: name for name, address in vars(market).items()}
    for number in range(1, web3.eth.block_number + 1):
        block = web3.eth.get_block(number, full_transactions=True)
        for sent in block["transactions"]:
            # Untyped: nodes call the calldata `input`, the embedded one calls it `data`.
            transaction: Mapping[str, Any] = dict(cast("Any", sent))
            receipt = web3.eth.get_transaction_receipt(transaction["hash"])
            contract = places.get(str(transaction.get("to")), "")
            created = places.get(str(receipt.get("contractAddress")), "")
            if not contract and not created:
                continue
            calldata = HexBytes(transaction.get("input") or transaction.get("data") or b"")
            function = functions.get((contract, bytes(calldata[:4])), "unknown")
            operation = OPERATIONS.get((contract, function), function)
            yield Entry(
                operation=f"deploy_{created}" if created else operation,
                sender=str(transaction["from"]),
                gas=int(receipt["gasUsed"]),
                block=number,
                time=int(block["timestamp"]),
                succeeded=receipt["status"] == 1,
            )
