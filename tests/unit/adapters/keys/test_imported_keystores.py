"""Keystores that other tools wrote, good and hostile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account

from unit.adapters.keys.conftest import PASSWORD, WORK
from visdm.adapters.keys import KeyFolder
from visdm.errors import KeyFileError

if TYPE_CHECKING:
    from pathlib import Path

KEY = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
ADDRESS = "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b"
PBKDF2: dict[str, Any] = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
SCRYPT: dict[str, Any] = {
    **PBKDF2,
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
}
"""The specification's own vectors, of the password `testpassword`."""


def keystore(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "UTC--2024-01-01--keystore"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("content", [PBKDF2, SCRYPT], ids=["pbkdf2", "scrypt"])
def test_the_vectors_of_the_specification_are_imported(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    keys = KeyFolder(tmp_path / "keys", work=WORK)
    made = keys.import_keystore(keystore(tmp_path, content), "ann", "testpassword")
    assert made.address == ADDRESS
    opened = keys.open("ann", "testpassword")
    assert opened.public == made
    assert opened.key.key.hex().removeprefix("0x") == KEY
    ours = json.loads((tmp_path / "keys" / "ann.json").read_bytes())
    assert (ours["crypto"]["kdf"], ours["crypto"]["kdfparams"]["n"]) == ("scrypt", WORK)


def test_a_keystore_with_capitals_and_an_address_as_geth_writes_it_is_imported(
    tmp_path: Path,
) -> None:
    key = Account.create()
    written = Account.encrypt(key.key, PASSWORD, kdf="pbkdf2", iterations=100)
    content = {
        "Version": 3,
        "Crypto": written["crypto"],
        "address": str(key.address).lower().removeprefix("0x"),
        "x-ethers": {"client": "ethers.js"},
    }
    keys = KeyFolder(tmp_path / "keys", work=WORK)
    made = keys.import_keystore(keystore(tmp_path, content), "ann", PASSWORD)
    assert made.address == key.address


def test_a_wrong_password_leaves_nothing(tmp_path: Path) -> None:
    path = keystore(tmp_path, PBKDF2)
    with pytest.raises(KeyFileError, match=r"the password of UTC--.* is wrong"):
        KeyFolder(tmp_path / "keys").import_keystore(path, "ann", "hunter2hunter2")
    assert list(tmp_path.iterdir()) == [path]


def changed(**params: object) -> dict[str, Any]:
    crypto = PBKDF2["crypto"] | {"kdfparams": PBKDF2["crypto"]["kdfparams"] | params}
    return PBKDF2 | {"crypto": crypto}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[" * 100_000,
        "\udcff",
        [],
        {},
        {"version": 3},
        PBKDF2 | {"version": 1},
        PBKDF2 | {"version": "3"},
        PBKDF2 | {"crypto": []},
        PBKDF2 | {"crypto": PBKDF2["crypto"] | {"kdf": "none"}},
        PBKDF2 | {"crypto": PBKDF2["crypto"] | {"cipherparams": {}}},
        PBKDF2 | {"crypto": PBKDF2["crypto"] | {"ciphertext": "zz"}},
        changed(c="262144"),
        changed(c=float("inf")),
        changed(c=-1),
        changed(salt="salt"),
    ],
    ids=lambda content: str(content)[:30].encode("ascii", "replace").decode(),
)
def test_what_is_no_keystore_is_told_and_leaves_nothing(tmp_path: Path, content: object) -> None:
    if content == "\udcff":
        path = tmp_path / "binary"
        path.write_bytes(b"\xff\xfe")
    else:
        path = keystore(tmp_path, content)
    with pytest.raises(KeyFileError, match="is no Ethereum keystore of version 3"):
        KeyFolder(tmp_path / "keys").import_keystore(path, "ann", "testpassword")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        changed(c=10**12),
        changed(dklen=1 << 40),
        changed(n=1 << 30, r=8, p=1),
        changed(n=1 << 18, r=1 << 20),
        changed(p=1 << 20),
    ],
    ids=["rounds", "length", "memory", "width", "lanes"],
)
def test_a_keystore_that_would_keep_the_machine_busy_is_refused(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    with pytest.raises(KeyFileError, match="takes too much work"):
        KeyFolder(tmp_path / "keys").import_keystore(
            keystore(tmp_path, content), "ann", "testpassword"
        )


def test_a_keystore_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        KeyFolder(tmp_path / "keys").import_keystore(tmp_path / "none", "ann", PASSWORD)
