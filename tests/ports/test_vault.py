"""The port `Vault`: one suite over memory and age, and attacks on what they made."""

from __future__ import annotations

import logging
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.vault import MemoryVault
from visdm.adapters.vault import AgeVault
from visdm.errors import OutputError, VaultError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.ports import Vault

CHUNK = (1 << 16) + 16
"""Bytes of one encrypted chunk of the age format, its tag included."""

PLAIN = bytes(range(256)) * 600
"""Three chunks, the last one short."""


class NewVault(Protocol):
    """Makes the vault of another account."""

    def __call__(self, name: str) -> Vault: ...


@pytest.fixture(params=["memory", "age"])
def vaults(request: pytest.FixtureRequest, tmp_path: Path) -> NewVault:
    if request.param == "memory":
        return MemoryVault
    return lambda name: AgeVault.create(tmp_path / f"{name}.identity")


@pytest.fixture
def vault(vaults: NewVault) -> Vault:
    return vaults("alice")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain"
    path.write_bytes(PLAIN)
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Make a folder of its own for what is written."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def refuse(vault: Vault, cipher: Path, key: str) -> VaultError:
    """Check that decrypting fails and leaves nothing; return the error."""
    before = sorted(cipher.parent.iterdir())
    with pytest.raises(VaultError) as caught:
        vault.decrypt(cipher, cipher.parent / "opened", key)
    assert sorted(cipher.parent.iterdir()) == before
    return caught.value


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 16])
def test_what_was_encrypted_comes_back(vault: Vault, work: Path, size: int) -> None:
    content = (PLAIN * 2)[:size]
    (work / "plain").write_bytes(content)
    key = vault.encrypt(work / "plain", work / "cipher")
    vault.decrypt(work / "cipher", work / "opened", key)
    assert (work / "opened").read_bytes() == content
    assert sorted(path.name for path in work.iterdir()) == ["cipher", "opened", "plain"]


def test_the_plaintext_is_not_in_the_ciphertext(vault: Vault, plain: Path, work: Path) -> None:
    key = vault.encrypt(plain, work / "cipher")
    cipher = (work / "cipher").read_bytes()
    assert PLAIN[:32] not in cipher
    assert key.encode() not in cipher


def test_every_payload_has_a_key_of_its_own(vault: Vault, plain: Path, work: Path) -> None:
    first = vault.encrypt(plain, work / "first")
    second = vault.encrypt(plain, work / "second")
    assert first != second
    assert (work / "first").read_bytes() != (work / "second").read_bytes()
    refuse(vault, work / "first", second)


def test_a_swapped_payload_does_not_open(vault: Vault, plain: Path, work: Path) -> None:
    key = vault.encrypt(plain, work / "cipher")
    vault.encrypt(plain, work / "other")
    (work / "other").replace(work / "cipher")
    refuse(vault, work / "cipher", key)


def test_a_changed_payload_does_not_open(vault: Vault, plain: Path, work: Path) -> None:
    key = vault.encrypt(plain, work / "cipher")
    whole = (work / "cipher").read_bytes()
    for place in (0, 40, len(whole) // 2, len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 1
        (work / "cipher").write_bytes(changed)
        refuse(vault, work / "cipher", key)


def test_a_payload_that_goes_on_after_its_end_does_not_open(
    vault: Vault, plain: Path, work: Path
) -> None:
    key = vault.encrypt(plain, work / "cipher")
    with (work / "cipher").open("ab") as file:
        file.write(b"more")
    refuse(vault, work / "cipher", key)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 1 << 20))
def test_a_payload_cut_anywhere_does_not_open(
    vault: Vault, plain: Path, work: Path, place: int
) -> None:
    key = vault.encrypt(plain, work / "cipher")
    whole = (work / "cipher").read_bytes()
    (work / "cipher").write_bytes(whole[: place % len(whole)])
    refuse(vault, work / "cipher", key)


def test_a_failed_decryption_leaves_an_older_file_alone(
    vault: Vault, plain: Path, work: Path
) -> None:
    key = vault.encrypt(plain, work / "cipher")
    (work / "cipher").write_bytes((work / "cipher").read_bytes()[:-1])
    (work / "opened").write_bytes(b"older")
    with pytest.raises(VaultError):
        vault.decrypt(work / "cipher", work / "opened", key)
    assert (work / "opened").read_bytes() == b"older"


def test_a_key_that_is_none_is_refused_without_repeating_it(
    vault: Vault, plain: Path, work: Path
) -> None:
    vault.encrypt(plain, work / "cipher")
    for key in ("", "hunter2", "AGE-SECRET-KEY-1HUNTER2", "\N{SNOWMAN}\x00"):
        error = refuse(vault, work / "cipher", key)
        assert "hunter2" not in f"{error} {error.hint}".lower()


def test_errors_name_files_without_the_folders_of_this_machine(
    vault: Vault, plain: Path, work: Path
) -> None:
    key = vault.encrypt(plain, work / "cipher")
    other = vault.encrypt(plain, work / "other")
    for error in (refuse(vault, work / "cipher", other), refuse(vault, work / "missing", key)):
        assert str(work) not in error.message
        assert key not in error.message + error.hint


def test_a_missing_source_is_named(vault: Vault, work: Path) -> None:
    with pytest.raises(VaultError, match="gone cannot be read"):
        vault.encrypt(work / "gone", work / "cipher")
    assert list(work.iterdir()) == []


def test_a_target_that_cannot_be_written_is_named(vault: Vault, plain: Path, work: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        vault.encrypt(plain, work / "nowhere" / "cipher")
    key = vault.encrypt(plain, work / "cipher")
    with pytest.raises(OutputError, match="nowhere"):
        vault.decrypt(work / "cipher", work / "nowhere" / "opened", key)


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


# From here on what only the vault with real cryptography can promise.


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    AgeVault.create(tmp_path / "identity")
    return tmp_path / "identity"


def secret_of(identity: Path) -> str:
    return identity.read_text().splitlines()[-1]


@pytest.fixture
def old_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("old_umask")
def test_a_new_identity_is_readable_by_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    AgeVault.create(tmp_path / "identity")
    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["identity"]


@pytest.mark.usefixtures("old_umask")
def test_an_opened_payload_is_readable_by_its_owner_alone(identity: Path, plain: Path) -> None:
    vault = AgeVault(identity)
    key = vault.encrypt(plain, plain.with_name("cipher"))
    vault.decrypt(plain.with_name("cipher"), plain.with_name("opened"), key)
    assert stat.S_IMODE(plain.with_name("opened").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_an_identity_open_to_others_is_refused(identity: Path, mode: int) -> None:
    identity.chmod(mode)
    with pytest.raises(VaultError, match="can be read by others") as caught:
        AgeVault(identity)
    assert caught.value.hint == f"chmod 600 {identity}"


def test_an_identity_that_is_missing_is_not_made_by_opening(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be read"):
        AgeVault(tmp_path / "identity")
    assert list(tmp_path.iterdir()) == []


def test_create_never_replaces_an_identity(identity: Path) -> None:
    before = identity.read_bytes()
    assert AgeVault.create(identity).recipient == AgeVault(identity).recipient
    assert identity.read_bytes() == before


def test_create_never_replaces_what_it_cannot_read(identity: Path) -> None:
    for content in (b"", b"\xff\xfe", b"AGE-SECRET-KEY-1HUNTER2\n", identity.read_bytes() * 2):
        identity.write_bytes(content)
        with pytest.raises(VaultError, match="does not hold") as caught:
            AgeVault.create(identity)
        assert identity.read_bytes() == content
        assert "HUNTER2" not in f"{caught.value} {caught.value.hint}"


def test_two_processes_that_create_at_once_agree(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from visdm.adapters.vault import AgeVault; sys.stdin.read(1);"
        "print(AgeVault.create(pathlib.Path(sys.argv[1])).recipient)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "identity")]
    starters = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("x")
        starter.stdin.flush()
    recipients = {starter.communicate(timeout=60)[0] for starter in starters}
    assert recipients == {AgeVault(tmp_path / "identity").recipient + "\n"}
    assert [path.name for path in tmp_path.iterdir()] == ["identity"]


def test_no_secret_is_shown_or_logged(
    identity: Path, plain: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vault = AgeVault(identity)
    key = vault.encrypt(plain, plain.with_name("cipher"))
    told = f"{vault!r} {vault} {vars(vault)} {caplog.text}"
    assert secret_of(identity) not in told
    assert key not in told
    assert vault.recipient in repr(vault)


def test_an_identity_with_comments_as_age_keygen_writes_it_is_read(identity: Path) -> None:
    recipient = AgeVault(identity).recipient
    lines = f"# created: 2024-01-01T00:00:00Z\n# public key: {recipient}\n{secret_of(identity)}\n"
    identity.write_text(lines)
    assert AgeVault(identity).recipient == recipient


def test_reordered_or_repeated_chunks_do_not_open(identity: Path, plain: Path, work: Path) -> None:
    vault = AgeVault(identity)
    key = vault.encrypt(plain, work / "cipher")
    whole = (work / "cipher").read_bytes()
    start = len(whole) - len(PLAIN) - 16 * 3
    first, second = whole[start : start + CHUNK], whole[start + CHUNK : start + 2 * CHUNK]
    last = whole[start + 2 * CHUNK :]
    for body in (second + first + last, first + first + last, first + last, last, first + second):
        (work / "cipher").write_bytes(whole[:start] + body)
        refuse(vault, work / "cipher", key)
    (work / "cipher").write_bytes(whole[:start] + first + second + last)
    vault.decrypt(work / "cipher", work / "opened", key)
    assert (work / "opened").read_bytes() == PLAIN


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow above 4 KiB: how a full disk looks to a program."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_is_not_called_a_damaged_payload(
    identity: Path, plain: Path, work: Path, request: pytest.FixtureRequest
) -> None:
    vault = AgeVault(identity)
    key = vault.encrypt(plain, work / "cipher")
    request.getfixturevalue("small_disk")
    with pytest.raises(OutputError, match="could not be written whole"):
        vault.decrypt(work / "cipher", work / "opened", key)
    with pytest.raises(OutputError, match="could not be written whole"):
        vault.encrypt(plain, work / "again")
    assert [path.name for path in work.iterdir()] == ["cipher"]


def test_a_process_killed_while_it_decrypts_leaves_no_final_name(
    identity: Path, tmp_path: Path, work: Path
) -> None:
    size = 64 << 20
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    key = AgeVault(identity).encrypt(tmp_path / "large", work / "cipher")
    program = (
        "import sys, pathlib; from visdm.adapters.vault import AgeVault;"
        "a, b, c = map(pathlib.Path, sys.argv[1:]); vault = AgeVault(a); key = sys.stdin.read();"
        "print('ready', flush=True); vault.decrypt(b, c, key)"
    )
    command = [sys.executable, "-c", program, str(identity), str(work / "cipher")]
    for delay in (0.0, 0.005, 0.01, 0.02, 0.04):
        victim = subprocess.Popen(
            [*command, str(work / "opened")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert victim.stdin is not None
        assert victim.stdout is not None
        victim.stdin.write(key.encode())
        victim.stdin.close()
        assert victim.stdout.readline() == b"ready\n"
        time.sleep(delay)
        victim.kill()
        victim.wait()
        victim.stdout.close()
        opened = work / "opened"
        assert not opened.exists() or opened.stat().st_size == size
        opened.unlink(missing_ok=True)
