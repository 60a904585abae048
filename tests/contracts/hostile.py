"""A market in which the token is evil and owners are made of code: the stage of the attacks.

The token and the account that does as it is told are in contracts/test/EvilTokens.sol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hexbytes import HexBytes

from contracts.scene import (
    DUE,
    FEE,
    KEYS,
    SHARES,
    WHO,
    EvmWorld,
)
from visdm.adapters.evm.contracts import Market, selectors
from visdm.adapters.evm.session import transact

if TYPE_CHECKING:
    from pathlib import Path

    Made = dict[str, dict[str, Any]]

NO_TRICK, KEEP_PART, SAY_FALSE, CALL_PARTIES = range(4)


class Stage(EvmWorld):
    """The priced round of the scene, in a market that takes the evil token."""

    def __init__(self, path: Path, stage: Path, made: Made, market: Market, puppet: str) -> None:
        self.made, self.puppet = made, puppet
        super().__init__(path, stage, market)

    def do(self, contract: str, function: str, *args: object) -> None:
        """Call the token or the puppet."""
        place = self.market.token if contract == "EvilToken" else self.puppet
        web3 = self.node.web3
        bound = web3.eth.contract(address=place, abi=self.made[contract]["abi"])  # type: ignore[call-overload]  # a checked address
        build = bound.functions[function](*args).build_transaction
        transact(web3, KEYS["stranger"], build, function)

    def call(self, contract: str, function: str, *args: object) -> tuple[str, bytes]:
        """Return the address and the data of a call to one of the market's contracts."""
        bound = self.ledger.contracts[contract]
        return str(bound.address), bytes(HexBytes(bound.encode_abi(function, args=args)))

    def act(self, contract: str, function: str, *args: object) -> None:
        """Let the puppet call now."""
        self.do("Puppet", "act", *self.call(contract, function, *args))

    def prepare(self, contract: str, function: str, *args: object, after: int = 0) -> None:
        """Let the puppet call when the token calls it, the `after`-th time."""
        self.do("Puppet", "prepare", *self.call(contract, function, *args), after)

    def outcomes(self) -> list[str]:
        """Return what became of the prepared calls: '' or the refusal's error."""
        web3 = self.node.web3
        bound = web3.eth.contract(address=self.puppet, abi=self.made["Puppet"]["abi"])  # type: ignore[call-overload]  # a checked address
        errors = {selector: str(entry["name"]) for selector, _, entry in selectors("error")}
        found = bound.functions.outcomes().call({"from": WHO["stranger"]})
        return ["" if done else errors[bytes(answer[:4])] for done, answer in found]

    def give(self, asset: int, owner: str) -> None:
        """Let the puppet own an asset."""
        self.send(owner, "catalog", "transferFrom", WHO[owner], self.puppet, asset)

    def trade(self) -> None:
        """Fund and settle the round of the scene."""
        self["consumer"].fund(self.round, DUE)
        self["provider"].settle(self.round, SHARES, FEE, "result", "report")


def deploy(world: EvmWorld, made: dict[str, Any], *args: str) -> str:
    contract = world.node.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    build = contract.constructor(*args).build_transaction
    return str(transact(world.node.web3, KEYS["stranger"], build, "deploy")["contractAddress"])
