"""Ethereum keystores: Web3 Secret Storage, version 3, through eth-account.

https://ethereum.org/en/developers/docs/data-structures-and-encoding/web3-secret-storage/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from eth_account import Account
from eth_utils.address import is_address, to_checksum_address

from visdm.adapters.keys.files import LIMIT
from visdm.domain.documents import parse
from visdm.errors import KeyFileError

if TYPE_CHECKING:
    from pathlib import Path

    from eth_account.signers.local import LocalAccount

_MEMORY = 1 << 30
"""Bytes that a keystore may make scrypt use; the usual is a quarter of it."""
_MOST = {"n": 1 << 23, "r": 64, "p": 16, "c": 10_000_000, "dklen": 64}
"""What it may ask of scrypt and PBKDF2; the usual `c` is 262,144."""
_RESTORE = "restore it from a copy"


def sealed(key: LocalAccount, password: str, work: int) -> bytes:
    """Encrypt a key with scrypt of cost `work`."""
    return json.dumps(Account.encrypt(key.key, password, kdf="scrypt", iterations=work)).encode()


def opened(keystore: bytes, password: str, name: str) -> LocalAccount:
    """Decrypt a keystore; `name` is what an error calls it. Raises `KeyFileError`."""
    parsed = _parsed(keystore, name)
    try:
        key: LocalAccount = Account.from_key(Account.decrypt(parsed, password))
    except Exception as error:  # noqa: BLE001 - malformed ones make it raise whatever there is
        # Not chained: what it says may hold what it was given.
        if "MAC mismatch" in str(error):
            problem = f"the password of {name} is wrong, or the file is damaged"
            raise KeyFileError(problem, hint="try again") from None
        raise _unreadable(name) from None
    if "address" in parsed and _address(parsed) != str(key.address):
        raise KeyFileError(f"{name} names an address that is not its key's", hint=_RESTORE)
    return key


def address_in(keystore: bytes, name: str) -> str:
    """Return the address that a keystore names. Raises `KeyFileError`."""
    address = _address(_parsed(keystore, name))
    if not address:
        raise _unreadable(name)
    return address


def read_foreign(path: Path, password: str) -> LocalAccount:
    """Decrypt a keystore that another tool wrote. Raises `KeyFileError`."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT)
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror})"
        raise KeyFileError(problem, hint="check the path") from None
    return opened(content, password, path.name)


def _parsed(keystore: bytes, name: str) -> dict[str, Any]:
    try:
        parsed = {key.lower(): value for key, value in parse(keystore).items()}
        if parsed["version"] != 3:  # noqa: PLR2004 - of the format
            raise _unreadable(name)
        _require_bearable(parsed["crypto"]["kdfparams"], name)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _unreadable(name) from None
    return parsed


def _require_bearable(params: dict[str, Any], name: str) -> None:
    """Refuse what would keep this machine busy for hours, or use up its memory."""
    asked = {key: params.get(key, 1) for key in _MOST}
    if not all(type(number) is int and number > 0 for number in asked.values()):
        raise TypeError
    memory = 128 * asked["n"] * asked["r"]
    if memory > _MEMORY or any(asked[key] > most for key, most in _MOST.items()):
        hint = "save it with its own tool at a usual cost"
        raise KeyFileError(f"{name} takes too much work to open", hint=hint)


def _address(parsed: dict[str, Any]) -> str:
    address = parsed.get("address", "")
    return to_checksum_address(address) if is_address(address) else ""


def _unreadable(name: str) -> KeyFileError:
    return KeyFileError(f"{name} is no Ethereum keystore of version 3", hint=_RESTORE)
