"""The port `Vault`: one suite over memory and age."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ports.vault.payloads import PLAIN, decrypt, encrypt, refuse
from visdm.errors import OutputError, VaultError

if TYPE_CHECKING:
    from pathlib import Path

    from ports.vault.payloads import NewVault
    from visdm.ports import Vault


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 16])
def test_what_was_encrypted_comes_back(vault: Vault, work: Path, size: int) -> None:
    content = (PLAIN * 2)[:size]
    (work / "plain").write_bytes(content)
    key = encrypt(vault, work / "plain", work / "cipher")
    digest = decrypt(vault, work / "cipher", work / "opened", key)
    assert digest == sha256(content).hexdigest()
    assert (work / "opened").read_bytes() == content
    assert sorted(path.name for path in work.iterdir()) == ["cipher", "opened", "plain"]


def test_the_plaintext_is_not_in_the_ciphertext(vault: Vault, plain: Path, work: Path) -> None:
    key = encrypt(vault, plain, work / "cipher")
    cipher = (work / "cipher").read_bytes()
    assert PLAIN[:32] not in cipher
    assert key.encode() not in cipher


def test_every_payload_has_a_key_of_its_own(vault: Vault, plain: Path, work: Path) -> None:
    first = encrypt(vault, plain, work / "first")
    second = encrypt(vault, plain, work / "second")
    assert first != second
    assert (work / "first").read_bytes() != (work / "second").read_bytes()
    refuse(vault, work / "first", second)


def test_a_swapped_payload_does_not_open(vault: Vault, plain: Path, work: Path) -> None:
    key = encrypt(vault, plain, work / "cipher")
    encrypt(vault, plain, work / "other")
    (work / "other").replace(work / "cipher")
    refuse(vault, work / "cipher", key)


def test_a_failed_decryption_leaves_an_older_file_alone(
    vault: Vault, plain: Path, work: Path
) -> None:
    key = encrypt(vault, plain, work / "cipher")
    (work / "cipher").write_bytes((work / "cipher").read_bytes()[:-1])
    (work / "opened").write_bytes(b"older")
    with pytest.raises(VaultError):
        decrypt(vault, work / "cipher", work / "opened", key)
    assert (work / "opened").read_bytes() == b"older"


def test_a_key_that_is_none_is_refused_without_repeating_it(
    vault: Vault, plain: Path, work: Path
) -> None:
    encrypt(vault, plain, work / "cipher")
    for key in ("", "hunter2", "AGE-SECRET-KEY-1HUNTER2", "\N{SNOWMAN}\x00"):
        error = refuse(vault, work / "cipher", key)
        assert "hunter2" not in f"{error} {error.hint}".lower()


def test_errors_name_files_without_the_folders_of_this_machine(
    vault: Vault, plain: Path, work: Path
) -> None:
    key = encrypt(vault, plain, work / "cipher")
    other = encrypt(vault, plain, work / "other")
    error = refuse(vault, work / "cipher", other)
    assert "opened" in error.message
    assert str(work) not in error.message
    assert key not in error.message + error.hint


def test_a_target_that_cannot_be_written_is_named(vault: Vault, plain: Path, work: Path) -> None:
    key = encrypt(vault, plain, work / "cipher")
    with pytest.raises(OutputError, match="nowhere"):
        decrypt(vault, work / "cipher", work / "nowhere" / "opened", key)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=st.binary(max_size=2000))
def test_a_sealed_document_opens_for_its_recipient_alone(vaults: NewVault, document: bytes) -> None:
    sender, reader, other = vaults("alice"), vaults("bob"), vaults("carol")
    sealed = sender.seal(document, reader.recipient)
    assert reader.unseal(sealed) == document
    for stranger in (sender, other):
        with pytest.raises(VaultError):
            stranger.unseal(sealed)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 1 << 20), flip=st.integers(0, 255))
def test_a_changed_or_cut_sealed_document_does_not_open(
    vault: Vault, place: int, flip: int
) -> None:
    sealed = bytearray(vault.seal(b"a document", vault.recipient))
    place %= len(sealed)
    if flip:
        sealed[place] ^= flip
    else:
        del sealed[place:]
    with pytest.raises(VaultError):
        vault.unseal(bytes(sealed))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sealed=st.binary(max_size=300))
def test_bytes_that_were_never_sealed_do_not_open(vault: Vault, sealed: bytes) -> None:
    with pytest.raises(VaultError):
        vault.unseal(sealed)


@pytest.mark.parametrize("recipient", ["", "bob", "age1bob", "\x00", "age1" + "q" * 58])
def test_a_recipient_that_is_no_key_is_refused(vault: Vault, recipient: str) -> None:
    with pytest.raises(VaultError, match="is not an encryption key"):
        vault.seal(b"a document", recipient)


def test_the_same_account_keeps_its_recipient(vaults: NewVault) -> None:
    assert vaults("alice").recipient == vaults("alice").recipient
    assert vaults("alice").recipient != vaults("bob").recipient
    sealed = vaults("alice").seal(b"a document", vaults("alice").recipient)
    assert vaults("alice").unseal(sealed) == b"a document"
