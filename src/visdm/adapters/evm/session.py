"""One account's line to the contracts: signed transactions out, events in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from eth_utils.crypto import keccak
from hexbytes import HexBytes

from visdm.adapters.evm.codec import forgiving_codec
from visdm.adapters.evm.contracts import Market, artifact, refusal, signature
from visdm.errors import ChainError, InputError, RefusedError, VisdmError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eth_account.signers.local import LocalAccount
    from web3 import Web3
    from web3.contract import Contract
    from web3.types import TxParams, TxReceipt

GAS_MARGIN = 1.2
"""Headroom over the estimate: state may change between estimate and block."""

TIP = 10**9
HINTS = {
    "SoughtTooLong": "name fewer classes or conditions",
    "VotingNotOver": "wait until the vote is over",
    "VotingOver": "the vote is over; ask the consumer to open another round",
    "FundingOver": "the round was not funded in time; open another",
    "BallotRefused": "an owner or its delegate may vote, until the owner has said its last word",
    "ModelUnavailable": "its provider must have described it, for the account that asks",
    "NotYourSeat": "join the DAO first, with assets in the round",
    "VoteNotOver": "wait until the DAO's vote is over",
    "VoteOver": "the DAO's vote is over",
    "NoQuorum": "too few members answered; they may still answer the round themselves",
    "TooLate": "the DAO's vote must end ten minutes before the round's; take a shorter period",
    "NotYetRefundable": "the provider may still deliver; try again after that second",
    "AssetUnavailable": "its owner retired it; open another round without it",
    "NothingToWithdraw": "nothing was earned since the last withdrawal",
    "ERC20InsufficientBalance": "the account holds too few tokens",
    "ERC20InsufficientAllowance": "allow the Jobs contract to draw the tokens first",
}


class Event(Protocol):
    """A decoded log of one of the contracts."""

    name: str
    args: Mapping[str, Any]
    block: int


class _Decoded:
    def __init__(self, name: str, args: Mapping[str, Any], block: int) -> None:
        self.name = name
        self.args = args
        self.block = block


class Ledger:
    """All events of a market's contracts, read once and followed; shared by all accounts."""

    def __init__(self, web3: Web3, market: Market) -> None:
        web3.codec = forgiving_codec()
        self.web3 = web3
        self.market = market
        self.contracts: dict[str, Contract] = {
            name: web3.eth.contract(address=address, abi=artifact(abi)["abi"])  # type: ignore[call-overload]  # checked addresses
            for name, abi, address in (
                ("catalog", "Catalog", market.catalog),
                ("jobs", "Jobs", market.jobs),
                ("token", "DevToken", market.token),
            )
        }
        self._events: list[Event] = []
        self._next_block = 0
        self._times: dict[int, int] = {}
        self._decoders = self._by_topic()

    def _by_topic(self) -> dict[tuple[str, bytes], tuple[str, Callable[[Any], Any]]]:
        decoders = {}
        for contract in ("catalog", "jobs"):
            bound = self.contracts[contract]
            for entry in bound.abi:
                if entry["type"] == "event":
                    name = str(entry["name"])
                    topic = keccak(text=signature(cast("Mapping[str, Any]", entry)))
                    decode = bound.events[name]().process_log
                    decoders[(str(bound.address), topic)] = (name, decode)
        return decoders

    def events(self) -> Sequence[Event]:
        """Return all events so far, oldest first."""
        head = self.web3.eth.block_number
        if head >= self._next_block:
            addresses = [self.market.catalog, self.market.jobs]
            logs = self.web3.eth.get_logs(
                {
                    "fromBlock": self._next_block,
                    "toBlock": head,
                    "address": addresses,  # type: ignore[typeddict-item]  # checked addresses
                }
            )
            self._events.extend(self.decode(logs))
            self._next_block = head + 1
        return self._events

    def decode(self, logs: Sequence[Any]) -> list[Event]:
        """Decode those of `logs` that are the contracts' own."""
        found: list[Event] = []
        for log in logs:
            known = self._decoders.get((log["address"], bytes(log["topics"][0])))
            if known is not None:
                name, decode = known
                found.append(_Decoded(name, decode(log)["args"], int(log["blockNumber"])))
        return found

    def time_of(self, block: int) -> int:
        """Return the second of a block; each is asked for once."""
        if block not in self._times:
            self._times[block] = int(self.web3.eth.get_block(block)["timestamp"])
        return self._times[block]

    def named(self, *names: str) -> list[Event]:
        """Return all events of these names, oldest first."""
        return [event for event in self.events() if event.name in names]


class Session:
    """What one account sends to the contracts. The key stays in here."""

    def __init__(self, ledger: Ledger, key: LocalAccount) -> None:
        self._ledger = ledger
        self._key = key

    @property
    def account(self) -> str:
        """The address that writes are signed by."""
        return str(self._key.address)

    def _now(self) -> int:
        return int(self._ledger.web3.eth.get_block("latest")["timestamp"])

    def _call(self, contract: str, function: str, *args: Any) -> Any:
        bound = self._bound(contract, function, args)
        try:
            return bound.call({"from": self._key.address})
        except VisdmError:
            raise
        except Exception as error:  # noqa: BLE001  # every library fault stops at the port
            raise refused(function, error) from None

    def _send(self, contract: str, function: str, *args: Any) -> list[Event]:
        """Send a transaction, wait for its block and return its events."""
        bound = self._bound(contract, function, args)
        receipt = transact(self._ledger.web3, self._key, bound.build_transaction, function)
        return self._ledger.decode(receipt["logs"])

    def _bound(self, contract: str, function: str, args: Sequence[Any]) -> Any:
        """Encode a call. Raises `InputError` where a value does not fit its parameter."""
        try:
            bound = self._ledger.contracts[contract].functions[function](*args)
            self._ledger.contracts[contract].encode_abi(function, args)
        except VisdmError:
            raise
        except Exception as error:  # noqa: BLE001  # every library fault stops at the port
            raise InputError(
                f"{function}: a value does not fit the contract ({type(error).__name__})",
                hint="check numbers, addresses and lengths",
            ) from None
        return bound


def transact(
    web3: Web3,
    key: LocalAccount,
    build: Callable[[TxParams], TxParams],
    operation: str,
) -> TxReceipt:
    """Sign and send what `build` makes; wait for its block.

    Raises `RefusedError` where it is certain that nothing was done, `ChainError` where it is not.
    """
    try:
        base_fee = int(web3.eth.get_block("latest")["baseFeePerGas"])
        draft = build(
            {
                "from": key.address,
                "nonce": web3.eth.get_transaction_count(key.address),
                "maxFeePerGas": web3.to_wei(2 * base_fee + TIP, "wei"),
                "maxPriorityFeePerGas": web3.to_wei(TIP, "wei"),
                "chainId": web3.eth.chain_id,
            }
        )
        draft["gas"] = int(int(draft["gas"]) * GAS_MARGIN)
        signed = key.sign_transaction(cast("dict[str, Any]", draft))
        sent = web3.eth.send_raw_transaction(HexBytes(signed.raw_transaction))
    except Exception as error:  # noqa: BLE001  # every library fault stops at the port
        raise _penniless(web3, key, operation) or refused(operation, error) from None
    try:
        receipt = web3.eth.wait_for_transaction_receipt(sent)
    except Exception as error:  # noqa: BLE001  # every library fault stops at the port
        # Sent is not refused: whoever undoes what it stood for would undo what may be in a block.
        raise ChainError(
            f"{operation} was sent, and not seen in a block ({type(error).__name__})",
            hint="try again: what was done is found and not done twice",
        ) from None
    if receipt["status"] != 1:
        raise RefusedError(operation, "the transaction failed in its block", hint="try again")
    return receipt


def _penniless(web3: Web3, key: LocalAccount, operation: str) -> RefusedError | None:
    """Say that an account cannot pay for gas, where it is so: each node says it in its own way."""
    try:
        if web3.eth.get_balance(key.address):
            return None
    except Exception:  # noqa: BLE001  # then the node's first answer says more
        return None
    hint = "send it some; on a devnet: visdm devnet endow ACCOUNT"
    return RefusedError(operation, f"{key.address} has no ether to pay for gas", hint=hint)


def send_ether(web3: Web3, key: LocalAccount, to: str, wei: int) -> None:
    """Send ether, for the gas of an account that has none. Raises `RefusedError`."""

    def build(draft: TxParams) -> TxParams:
        return {**draft, "to": to, "value": wei, "gas": 21_000, "data": b""}  # type: ignore[typeddict-item]  # a checked address, and web3's own Wei

    transact(web3, key, build, "send ether")


def refused(operation: str, error: Exception) -> VisdmError:
    """Return what a library's error about a call means."""
    try:
        reason = refusal(error)
    except VisdmError as fault:
        return fault
    return RefusedError(operation, reason, hint=HINTS.get(reason.partition("(")[0], ""))
