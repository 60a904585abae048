"""A node over HTTP, of those that give play ether away: Anvil, Hardhat, geth's dev mode."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from eth_utils.address import to_checksum_address
from web3 import HTTPProvider, Web3

from visdm.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 60
ENDOWMENT = 10**18
"""Wei given to each account."""


class RemoteNode:
    """The node at `url`; `funded` addresses get ether from one that it holds the key of.

    Raises `ChainError` when it does not answer or has nothing to give away.
    """

    def __init__(self, url: str, funded: Sequence[str]) -> None:
        self.url = url
        self.web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": SECONDS}))
        try:
            (giver, *_) = self.web3.eth.accounts
            for address in funded:
                sent = self.web3.eth.send_transaction(
                    {"from": giver, "to": to_checksum_address(address), "value": ENDOWMENT}  # type: ignore[typeddict-item]  # an int is Wei
                )
                self.web3.eth.wait_for_transaction_receipt(sent)
        except Exception as error:  # noqa: BLE001  # every library fault stops at the port
            raise ChainError(
                f"{url}: no node that gives ether away ({type(error).__name__})",
                hint="start one, for example: anvil --hardfork prague",
            ) from None

    def travel(self, to: int) -> None:
        """Let the chain's clock reach `to` (seconds); does nothing when it is later already.

        A node that cannot be told the time is waited for.
        """
        if int(self.web3.eth.get_block("latest")["timestamp"]) >= to:
            return
        set_time = self.web3.provider.make_request("evm_setNextBlockTimestamp", [to])  # type: ignore[arg-type]  # not of the standard
        if "error" not in set_time:
            self.web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]  # as above
        while int(self.web3.eth.get_block("latest")["timestamp"]) < to:
            time.sleep(1)

    def close(self) -> None:
        """Hold nothing."""
