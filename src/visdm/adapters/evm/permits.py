"""Allowances that are signed instead of sent (ERC-2612)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visdm.adapters.evm.sending import refused
from visdm.errors import VisdmError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from web3.types import TxParams

    from visdm.adapters.evm.session import Ledger

PERMIT_SECONDS = 3600
"""How long a signed allowance holds: it is used in the next transaction, or not at all."""

PERMIT_TYPES = {
    "Permit": [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}
NAME, VERSION, CHAIN, CONTRACT = 1, 2, 3, 4
"""Places in what `eip712Domain` answers (ERC-5267)."""


def permit_of(
    ledger: Ledger, key: LocalAccount, spender: str, value: int, deadline: int
) -> tuple[int, int, int, bytes, bytes] | None:
    """Return value, deadline, v, r and s of an allowance; None where the token knows no such thing.

    A token says by ERC-5267 what domain it checks signatures in; one that does not is asked for
    an ordinary allowance, since guessing its domain would only make a signature that fails.
    """
    token = ledger.contracts["token"]
    try:
        asker: TxParams = {"from": key.address}
        nonce = token.functions.nonces(key.address).call(asker)
        domain: tuple[Any, ...] = token.functions.eip712Domain().call(asker)
    except (VisdmError, OSError) as error:  # no node in reach, which says nothing of the token
        raise refused("nonces", error) from None
    except Exception:  # noqa: BLE001  # each node words its own way that a token lacks a function
        return None
    signed = key.sign_typed_data(
        {
            "name": domain[NAME],
            "version": domain[VERSION],
            "chainId": domain[CHAIN],
            "verifyingContract": domain[CONTRACT],
        },
        PERMIT_TYPES,
        {
            "owner": key.address,
            "spender": spender,
            "value": value,
            "nonce": nonce,
            "deadline": deadline,
        },
    )
    r, s = signed.r.to_bytes(32), signed.s.to_bytes(32)
    return value, deadline, signed.v, r, s
