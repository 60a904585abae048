"""What every transaction of a market was and cost, read back from the chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hexbytes import HexBytes

from visdm.adapters.evm.contracts import Market, selectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from web3 import Web3

OPERATIONS = {
    ("catalog", "announce"): "announce_provider",
    ("catalog", "publishKey"): "publish_key",
    ("catalog", "registerData"): "register_data_asset",
    ("catalog", "registerModel"): "register_model_asset",
    ("catalog", "describe"): "register_metadata",
    ("catalog", "refuse"): "refuse_asset",
    ("catalog", "setReserve"): "set_reserve",
    ("catalog", "retire"): "retire_asset",
    ("catalog", "delegate"): "delegate",
    ("rounds", "open"): "open_round",
    ("rounds", "vote"): "vote_direct",
    ("rounds", "submit"): "submit_ballots",
    ("rounds", "close"): "close_round",
    ("token", "transfer"): "transfer_tokens",
    ("token", "approve"): "allow_tokens",
    ("jobs", "fund"): "fund_job",
    ("jobs", "settle"): "settle_job",
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
        for transaction in block["transactions"]:
            receipt = web3.eth.get_transaction_receipt(transaction["hash"])  # type: ignore[index]  # full transactions
            contract = places.get(str(transaction.get("to")), "")  # type: ignore[union-attr]  # as above
            created = places.get(str(receipt.get("contractAddress")), "")
            if not contract and not created:
                continue
            # Nodes call it `input`; the embedded one calls it `data`.
            sent = transaction.get("input") or transaction.get("data")  # type: ignore[union-attr]  # as above
            selector = bytes(HexBytes(sent or b"")[:4])
            function = functions.get((contract, selector), "")
            yield Entry(
                operation=f"deploy_{created}"
                if created
                else OPERATIONS.get((contract, function), function or "unknown"),
                sender=str(transaction["from"]),  # type: ignore[index]  # as above
                gas=int(receipt["gasUsed"]),
                block=number,
                time=int(block["timestamp"]),
                succeeded=receipt["status"] == 1,
            )
