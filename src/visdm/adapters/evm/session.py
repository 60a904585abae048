"""One account's line to the contracts: signed transactions out, events in."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from eth_utils.crypto import keccak

from visdm.adapters.evm.codec import forgiving_codec
from visdm.adapters.evm.contracts import Market, artifact, signature
from visdm.adapters.evm.sending import Patience, refused, send_ether, transact
from visdm.errors import ChainError, InputError, VisdmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from eth_account.signers.local import LocalAccount
    from web3 import Web3
    from web3.contract import Contract
    from web3.types import TxParams, TxReceipt

__all__ = ["Event", "Ledger", "Session", "refused", "send_ether", "transact"]

LAG = 15.0
"""Seconds that a node is waited for which shows less than was seen; then it is believed."""

KEPT = 256
"""Heads remembered, to find how far back a chain was reorganised."""

TRIES = 5


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


class Head(NamedTuple):
    """A block: number, hash, its parent's hash, second."""

    number: int
    hash: bytes
    parent: bytes
    time: int


@contextmanager
def faults(operation: str) -> Iterator[None]:
    """Turn what libraries raise of a read into our errors."""
    try:
        yield
    except VisdmError:
        raise
    except Exception as error:  # noqa: BLE001  # every library fault stops at the port
        raise refused(operation, error) from None


class Ledger:
    """All events of a market's contracts, read once and followed; shared by all accounts.

    What was read is kept as long as its blocks are on the chain, which their hashes tell; after a
    reorganisation it is read again from the last block in common. A node that shows less than it
    did, or than a transaction's receipt said, is behind: it is waited for, and then believed.
    With `depth`, only blocks that so many others followed are read, and an account's own
    transactions are waited for as long.
    """

    def __init__(self, web3: Web3, market: Market, *, depth: int = 0, lag: float = LAG) -> None:
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
        self._read: list[Head] = []
        self._times: dict[int, int] = {}
        self._decoders = self._by_topic()
        self._lag = lag
        self._seen, self._own = 0, 0
        self.patience = Patience(depth=depth)

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
        """Return all events so far, oldest first. Raises `ChainError`."""
        with faults("read events"):
            for _ in range(TRIES):
                head = self._deep_head()
                if self._read and self._read[-1].hash == head.hash:
                    return self._events
                self._forget_what_is_gone(head)
                if head.number < self._next_block or self._take(head):
                    return self._events
        raise ChainError("the chain changes faster than it can be read", hint="try again")

    def _take(self, head: Head) -> bool:
        """Read on up to `head`; return whether it was the same chain from beginning to end."""
        addresses = [self.market.catalog, self.market.jobs]
        logs = self.web3.eth.get_logs(
            {
                "fromBlock": self._next_block,
                "toBlock": head.number,
                "address": addresses,  # type: ignore[typeddict-item]  # checked addresses
            }
        )
        if self._block(head.number).hash != head.hash:
            return False
        # Another list: who holds the one before goes on with it.
        self._events = [*self._events, *self.decode(logs)]
        self._next_block = head.number + 1
        self._read = [*self._read[1 - KEPT :], head]
        return True

    def _forget_what_is_gone(self, head: Head) -> None:
        """Let go of what was read in blocks that are not below `head`."""
        before = len(self._read)
        while self._read and not self._is_below(self._read[-1], head):
            self._read.pop()
        if len(self._read) < before:
            self._next_block = self._read[-1].number + 1 if self._read else 0
            self._events = [event for event in self._events if event.block < self._next_block]
            self._times = {n: t for n, t in self._times.items() if n < self._next_block}

    def _is_below(self, block: Head, head: Head) -> bool:
        if block.number > head.number:
            return False
        if block.number == head.number - 1:
            return block.hash == head.parent
        return (
            block.hash == (head if block.number == head.number else self._block(block.number)).hash
        )

    def head(self) -> Head:
        """Return the latest block, of a node that has caught up. Raises `ChainError`."""
        until = time.monotonic() + self._lag
        with faults("read the latest block"):
            while True:
                head = self._block("latest")
                if head.number >= max(self._seen, self._own) or time.monotonic() > until:
                    self._seen, self._own = head.number, 0
                    return head
                time.sleep(min(self._lag / 10, 0.5))

    def _deep_head(self) -> Head:
        head, depth = self.head(), self.patience.depth
        return self._block(max(0, head.number - depth)) if depth else head

    def _block(self, which: Any) -> Head:
        block = self.web3.eth.get_block(which)
        number, time_ = int(block["number"]), int(block["timestamp"])
        return Head(number, bytes(block["hash"]), bytes(block["parentHash"]), time_)

    def wrote(self, block: int) -> None:
        """Note that a transaction is in a block: what is read from now on is read after it."""
        self._own = max(self._own, block)

    def catch_up(self) -> None:
        """See that the node has the blocks that this process wrote into."""
        if self._own > self._seen:
            self.head()

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
            with faults("read a block"):
                self._times[block] = self._block(block).time
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
        return self._ledger.head().time

    def _call(self, contract: str, function: str, *args: Any) -> Any:
        bound = self._bound(contract, function, args)
        with faults(function):
            self._ledger.catch_up()
            return bound.call({"from": self._key.address})

    def _send(self, contract: str, function: str, *args: Any) -> list[Event]:
        """Send a transaction, wait for its block and return its events."""
        bound = self._bound(contract, function, args)
        receipt = self._transact(bound.build_transaction, function)
        return self._ledger.decode(receipt["logs"])

    def _transact(self, build: Callable[[TxParams], TxParams], operation: str) -> TxReceipt:
        """Send what `build` makes and wait for its block; see `transact`."""
        ledger = self._ledger
        ledger.catch_up()
        receipt = transact(ledger.web3, self._key, build, operation, ledger.patience)
        ledger.wrote(int(receipt["blockNumber"]))
        return receipt

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
