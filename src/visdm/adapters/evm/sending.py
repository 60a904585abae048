"""Sending a transaction once, whatever the node does meanwhile.

A transaction is signed with one nonce and keeps it: it is sent again when it was dropped, and
replaced by itself at a higher fee when it is stuck (EIP-1559 pools take a replacement at 10 %
more), and of all these at most one can ever be in a block. What another process of the same
account has under way is waited for, and taken the place of only when it is stuck.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from hexbytes import HexBytes
from web3.exceptions import TransactionNotFound

from visdm.adapters.evm.contracts import refusal
from visdm.errors import ChainError, RefusedError, VisdmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from eth_account.signers.local import LocalAccount
    from web3 import Web3
    from web3.types import TxParams, TxReceipt

GAS_MARGIN = 1.2
"""Headroom over the estimate: state may change between estimate and block."""

TIP = 10**9
MOST = 50
"""Times its first fee that a stuck transaction is given at most."""

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

AGAIN = "try again: what was done is found and not done twice"

KNOWN = ("already known", "already imported", "known transaction", "alreadyknown")
STALE = ("nonce too low", "nonce is too low", "oldnonce", "invalid transaction nonce")
TAKEN = ("underpriced", "gas price too low to replace")
CHEAP = ("less than block base fee", "feecap", "fee cap", "max fee per gas")
"""What nodes say of a transaction that they have, whose nonce is used, whose nonce another one
has that pays as much, and that pays too little for a block. There is no standard for it.
"""

_turns: defaultdict[str, Lock] = defaultdict(Lock)
"""One transaction of an account at a time, of all threads of this process."""


@dataclass(frozen=True)
class Patience:
    """How long a transaction is waited for, in seconds."""

    whole: float = 120.0
    """Until it is given up: it may still come into a block."""
    again: float = 12.0
    """Before it is sent again, or at a higher fee."""
    others: float = 30.0
    """For another transaction of the account, before its place is taken."""
    pause: float = 0.5
    """Between two looks at the chain; shorter at first."""
    depth: int = 0
    """Blocks that must follow its own."""


PATIENCE = Patience()


def transact(
    web3: Web3,
    key: LocalAccount,
    build: Callable[[TxParams], TxParams],
    operation: str,
    patience: Patience = PATIENCE,
) -> TxReceipt:
    """Sign and send what `build` makes; wait for its block.

    Raises `RefusedError` where it is certain that nothing was done, and `ChainError` where the
    chain is at fault: its message says whether it may be in a block all the same.
    """
    with _turns[f"{id(web3)} {key.address}"]:
        sending = _Sending(web3, key, build, operation, patience)
        receipt = sending.run()
    if receipt["status"] != 1:
        raise RefusedError(operation, "the transaction failed in its block", hint="try again")
    return receipt


class _Sending:
    """One transaction on its way: `hashes` are of all that was signed for its nonce."""

    def __init__(
        self,
        web3: Web3,
        key: LocalAccount,
        build: Callable[[TxParams], TxParams],
        operation: str,
        patience: Patience,
    ) -> None:
        self.web3, self.key, self.build = web3, key, build
        self.operation, self.patience = operation, patience
        self.begun = time.monotonic()
        self.until = self.begun + patience.whole
        self.hashes: list[HexBytes] = []
        self.sent = False
        """Whether a node may have it."""

    def run(self) -> TxReceipt:
        """Send, and see to it until it is in a block."""
        self.prepare()
        self.offer()
        looks, again = 0, time.monotonic() + self.patience.again
        while time.monotonic() < self.until:
            receipt = self.look()
            if receipt is not None:
                return receipt
            time.sleep(min(self.patience.pause, 0.02 * 1.5 ** min(looks, 20)))
            looks += 1
            if time.monotonic() > again:
                again = time.monotonic() + self.patience.again
                self.urge()
        raise self.lost(f"was sent ({self.named()}), and not seen in a block")

    def prepare(self) -> None:
        """Take a nonce and make the transaction. Raises `RefusedError`, `ChainError`."""
        while True:
            try:
                self._draft()
                self.sign()
            except Exception as error:  # noqa: BLE001  # every library fault stops at the port
                # Taken meanwhile: nodes look at the nonce when they estimate, too.
                if not _says(str(error).lower(), STALE) or time.monotonic() > self.until:
                    raise self._unsent(error) from None
                time.sleep(0.1)
            else:
                return

    def _draft(self) -> None:
        nonce, base_fee = self._free_nonce(), self._base_fee()
        self.fees = (2 * base_fee + TIP, TIP)
        self.most = MOST * self.fees[0]
        draft = self.build(
            {
                "from": self.key.address,
                "nonce": cast("Any", nonce),
                "maxFeePerGas": self.web3.to_wei(self.fees[0], "wei"),
                "maxPriorityFeePerGas": self.web3.to_wei(TIP, "wei"),
                "chainId": self.web3.eth.chain_id,
            }
        )
        self.draft = cast("dict[str, Any]", draft)
        self.draft["gas"] = int(int(self.draft["gas"]) * GAS_MARGIN)

    def sign(self) -> None:
        """Sign it at the fee of the hour."""
        self.draft |= {"maxFeePerGas": self.fees[0], "maxPriorityFeePerGas": self.fees[1]}
        signed = self.key.sign_transaction(self.draft)
        self.raw = HexBytes(signed.raw_transaction)
        self.hashes.append(HexBytes(signed.hash))

    def offer(self) -> None:
        """Hand it to the node for the first time, until it is taken.

        Raises `RefusedError`, `ChainError`.
        """
        while True:
            try:
                self.web3.eth.send_raw_transaction(self.raw)
            except ChainError:
                break  # it may have come through all the same
            except Exception as error:  # noqa: BLE001  # each node says it in its own way
                said = str(error).lower()
                if _says(said, KNOWN) or (_says(said, STALE) and self._is_mined()):
                    break  # who passes calls on may have said it twice
                if time.monotonic() > self.until or not self._mend(said):
                    raise self._unsent(error) from None
            else:
                break
        self.sent = True

    def _mend(self, said: str) -> bool:
        """Make another of what a node did not take, which is nowhere yet; return whether."""
        time.sleep(0.1)
        waited = time.monotonic() > self.begun + self.patience.others
        if _says(said, STALE) or (_says(said, TAKEN) and not waited):
            # Another process of the account was faster.
            self.hashes.clear()
            self.prepare()
            return True
        if _says(said, TAKEN + CHEAP) and self.raise_fee():
            self.sign()
            return True
        return False

    def look(self) -> TxReceipt | None:
        """Return its receipt, if one of what was signed is in a block, deep enough."""
        try:
            used = self.web3.eth.get_transaction_count(self.key.address)
            for hash_ in reversed(self.hashes):
                receipt = self._receipt(hash_)
                if receipt is not None:
                    if self._is_deep(receipt):
                        return receipt
                    # It is in a block: the blocks that must follow take the time they take.
                    self.until = max(self.until, time.monotonic() + self.patience.whole)
                    return None
        except ChainError:  # the node is gone, and may come back
            return None
        except Exception as error:  # noqa: BLE001  # every library fault stops at the port
            raise self.lost(f"was sent, and its block not read ({type(error).__name__})") from None
        self.foreign = self.foreign + 1 if used > self.draft["nonce"] else 0
        if self.foreign > 20:  # noqa: PLR2004  # looks in a row: a node may show its count first
            problem = "was not done: another transaction of this account took its place"
            raise ChainError(f"{self.operation} {problem}", hint="try again if it is still wanted")
        return None

    foreign = 0
    """Looks in a row at which the nonce was used, and by nothing that was signed here."""

    def urge(self) -> None:
        """Send again what may have been dropped, at a higher fee if it is stuck."""
        try:
            if self._is_mined():
                return
            stuck = self._base_fee() + self.fees[1] > self.fees[0] or self._is_pending()
            if stuck and self.raise_fee():
                self.sign()
            self.web3.eth.send_raw_transaction(self.raw)
        except Exception:  # noqa: BLE001, S110  # known already, in a block, no node: all are looked at
            pass

    def raise_fee(self) -> bool:
        """Take a fee that replaces the one before; return whether it is within bounds."""
        fee, tip = (paid + paid // 8 + 1 for paid in self.fees)
        self.fees = max(fee, 2 * self._base_fee() + tip), tip
        return self.fees[0] <= self.most

    def _is_mined(self) -> bool:
        return any(self._receipt(hash_) is not None for hash_ in self.hashes)

    def _is_pending(self) -> bool:
        try:
            self.web3.eth.get_transaction(self.hashes[-1])
        except TransactionNotFound:
            return False
        return True

    def _base_fee(self) -> int:
        return int(self.web3.eth.get_block("latest")["baseFeePerGas"])

    def _free_nonce(self) -> int:
        """Return the next nonce, once nothing else of the account is under way or that is stuck."""
        until = time.monotonic() + self.patience.others
        while True:
            used = int(self.web3.eth.get_transaction_count(self.key.address, "latest"))
            under_way = int(self.web3.eth.get_transaction_count(self.key.address, "pending"))
            if under_way <= used or time.monotonic() > until:
                return used
            time.sleep(self.patience.pause)

    def _receipt(self, hash_: HexBytes) -> TxReceipt | None:
        try:
            return self.web3.eth.get_transaction_receipt(hash_)
        except TransactionNotFound:
            return None

    def _is_deep(self, receipt: TxReceipt) -> bool:
        depth = self.patience.depth
        return not depth or self.web3.eth.block_number >= receipt["blockNumber"] + depth

    def named(self) -> str:
        """Name it as an explorer does."""
        return "0x" + self.hashes[-1].hex().removeprefix("0x")

    def lost(self, problem: str) -> ChainError:
        """Say that it may be in a block: who undoes what it stood for might undo what is."""
        return ChainError(f"{self.operation} {problem}; it may still come into one", hint=AGAIN)

    def _unsent(self, error: Exception) -> VisdmError:
        """Say that nothing was sent, and why."""
        if self.sent:
            return self.lost("was sent, and not seen in a block")
        if isinstance(error, VisdmError):
            return error
        return _penniless(self.web3, self.key, self.operation) or refused(self.operation, error)


def _says(said: str, words: tuple[str, ...]) -> bool:
    return any(word in said for word in words)


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
    if isinstance(error, VisdmError):
        return error
    try:
        reason = refusal(error)
    except VisdmError as fault:
        return fault
    return RefusedError(operation, reason, hint=HINTS.get(reason.partition("(")[0], ""))
