"""Signatures that this process made, known again without computing who made them.

In pure Python a signer is found out in 5 ms, and the embedded chain asks two or three times for
every transaction, which is a third of what it takes. Who signed is remembered when it is signed;
any other signature, and any altered one, is computed as ever. Contracts on a second node
(`contracts/test_real_node.py`) and commands in processes of their own go without this.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from eth_keys.backends.native import ecdsa, main

if TYPE_CHECKING:
    Vrs = tuple[int, int, int]

_KEPT = 1 << 16


def remember() -> None:
    """From here on, remember; where eth-keys has a library in C it is not asked."""
    public_key = lru_cache(_KEPT)(ecdsa.private_key_to_public_key)
    signers: dict[tuple[bytes, Vrs], bytes] = {}

    def remembered_sign(msg_hash: bytes, private_key_bytes: bytes) -> Vrs:
        signature = ecdsa.ecdsa_raw_sign(msg_hash, private_key_bytes)
        signers[bytes(msg_hash), signature] = public_key(bytes(private_key_bytes))
        return signature

    def remembered_recover(msg_hash: bytes, vrs: Vrs) -> bytes:
        known = (bytes(msg_hash), vrs)
        if known not in signers:
            signers[known] = ecdsa.ecdsa_raw_recover(msg_hash, vrs)
        return signers[known]

    made = {
        "ecdsa_raw_sign": remembered_sign,
        "ecdsa_raw_recover": remembered_recover,
        "private_key_to_public_key": public_key,
    }
    for name, function in made.items():
        assert hasattr(main, name), "eth-keys has changed"
        setattr(main, name, function)
