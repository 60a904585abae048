"""Deploying a market: a token and the jobs, which bring their catalog along. Nobody then has a
say in it, the deployer neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import rlp  # type: ignore[import-untyped]  # it ships no types
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from visdm.adapters.evm.contracts import Market, artifact
from visdm.adapters.evm.session import transact

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from web3 import Web3


def market_of(deployer: str) -> Market:
    """Return where the market of `deployer` is or will be: its first two contracts and the
    catalog, which is the first that the jobs contract makes.
    """
    jobs = _created(deployer, 1)
    return Market(token=_created(deployer, 0), catalog=_created(jobs, 1), jobs=jobs)


def _created(maker: str, nonce: int) -> str:
    address = keccak(rlp.encode([to_canonical_address(maker), nonce]))[12:]
    return str(to_checksum_address(address))


def deploy(web3: Web3, key: LocalAccount, supply: int) -> Market:
    """Deploy what is not there yet; `supply` of play money goes to the deployer.

    The deployer's account must be used for nothing else before. Takes up where an earlier,
    interrupted call left off.
    """
    market = market_of(key.address)
    steps = (
        ("DevToken", market.token, (supply,)),
        ("Jobs", market.jobs, (market.token,)),
    )
    for name, address, args in steps:
        if not web3.eth.get_code(to_checksum_address(address)):
            made = artifact(name)
            contract = web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
            transact(web3, key, contract.constructor(*args).build_transaction, f"deploy {name}")
    return market
