"""A node over HTTP: the server of an embedded chain, or Anvil, Hardhat, geth and their like."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from eth_utils.address import to_checksum_address
from web3 import Web3

from visdm.adapters.evm.calls import SECONDS, HttpCalls
from visdm.errors import ChainError, VisdmError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ENDOWMENT = 10**20
"""Wei given to an account that has none: play money, enough to endow others with."""


class RemoteNode:
    """The node at `url`; `moved` says where it is by now, should it be started again.

    Raises `InputError` where `url` is no address of a node.
    """

    def __init__(
        self, url: str, seconds: float = SECONDS, moved: Callable[[], str] = lambda: ""
    ) -> None:
        self.calls = HttpCalls(url, seconds, moved)
        self.web3 = Web3(self.calls)

    def answers(self) -> bool:
        """Whether something there speaks JSON-RPC."""
        try:
            return self.web3.eth.chain_id > 0
        except Exception:  # noqa: BLE001  # whatever it is, it is no answer
            return False

    def endow(self, accounts: Sequence[str]) -> None:
        """Give ether to those of `accounts` that have none, from an account that the node holds.

        Raises `ChainError` when it does not answer or has nothing to give away.
        """
        try:
            poor = [a for a in map(to_checksum_address, accounts) if not self._balance(a)]
            giver = self.web3.eth.accounts[0] if poor else None
            for address in poor:
                sent = self.web3.eth.send_transaction(
                    {"from": giver, "to": address, "value": ENDOWMENT}  # type: ignore[typeddict-item]  # an int is Wei
                )
                self.web3.eth.wait_for_transaction_receipt(sent)
        except Exception as error:  # noqa: BLE001  # every library fault stops at the port
            raise ChainError(
                f"{self.calls.name}: no node that gives ether away ({type(error).__name__})",
                hint="start one, for example: anvil --hardfork prague",
            ) from None

    def _balance(self, address: Any) -> int:
        return int(self.web3.eth.get_balance(address))

    def travel(self, to: int) -> None:
        """Let the chain's clock reach `to` (seconds); does nothing when it is later already.

        A node that cannot be told the time is waited for. Raises `ChainError`.
        """
        if self._now() >= to:
            return
        if "error" not in self._ask("evm_setNextBlockTimestamp", [to]):
            self._ask("evm_mine", [])
        while self._now() < to:
            time.sleep(1)

    def _now(self) -> int:
        try:
            return int(self.web3.eth.get_block("latest")["timestamp"])
        except VisdmError:
            raise
        except Exception as error:  # noqa: BLE001  # every library fault stops at the port
            problem = f"{self.calls.name}: no latest block ({type(error).__name__})"
            raise ChainError(problem, hint="is it a node of Ethereum?") from None

    def _ask(self, method: Any, given: list[int]) -> Any:
        return self.calls.make_request(method, given)

    def close(self) -> None:
        """Close the connections to it."""
        self.calls.close()
