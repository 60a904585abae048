"""What only the vault with real cryptography can promise, and attacks on what it made."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from memory.disk import full_disk
from ports.vault.payloads import decrypt, encrypt
from visdm.adapters.vault import AgeVault
from visdm.errors import OutputError, VaultError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
    vault = AgeVault.read(identity)
    key = encrypt(vault, plain, plain.with_name("cipher"))
    decrypt(vault, plain.with_name("cipher"), plain.with_name("opened"), key)
    assert stat.S_IMODE(plain.with_name("opened").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_an_identity_open_to_others_is_refused(identity: Path, mode: int) -> None:
    identity.chmod(mode)
    with pytest.raises(VaultError, match="can be read by others") as caught:
        AgeVault.read(identity)
    assert caught.value.hint == f"chmod 600 {identity}"


def test_an_identity_that_is_missing_is_not_made_by_opening(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be read"):
        AgeVault.read(tmp_path / "identity")
    assert list(tmp_path.iterdir()) == []


def test_create_never_replaces_an_identity(identity: Path) -> None:
    before = identity.read_bytes()
    assert AgeVault.create(identity).recipient == AgeVault.read(identity).recipient
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
    assert recipients == {AgeVault.read(tmp_path / "identity").recipient + "\n"}
    assert [path.name for path in tmp_path.iterdir()] == ["identity"]


def test_no_secret_is_shown_or_logged(
    identity: Path, plain: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vault = AgeVault.read(identity)
    key = encrypt(vault, plain, plain.with_name("cipher"))
    told = f"{vault!r} {vault} {vars(vault)} {caplog.text}"
    assert secret_of(identity) not in told
    assert key not in told
    assert vault.recipient in repr(vault)


def test_an_identity_with_comments_as_age_keygen_writes_it_is_read(identity: Path) -> None:
    recipient = AgeVault.read(identity).recipient
    lines = f"# created: 2024-01-01T00:00:00Z\n# public key: {recipient}\n{secret_of(identity)}\n"
    identity.write_text(lines)
    assert AgeVault.read(identity).recipient == recipient


def test_a_full_disk_is_not_called_a_damaged_payload(
    identity: Path, plain: Path, work: Path
) -> None:
    vault = AgeVault.read(identity)
    key = encrypt(vault, plain, work / "cipher")
    with full_disk(), pytest.raises(OutputError, match="could not be written whole"):
        decrypt(vault, work / "cipher", work / "opened", key)
    assert [path.name for path in work.iterdir()] == ["cipher"]


def test_a_process_killed_while_it_decrypts_leaves_no_final_name(
    identity: Path, tmp_path: Path, work: Path
) -> None:
    size = 64 << 20
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    key = encrypt(AgeVault.read(identity), tmp_path / "large", work / "cipher")
    program = (
        "import sys, pathlib; from visdm.adapters.vault import AgeVault;"
        "a, b, c = map(pathlib.Path, sys.argv[1:]);"
        "vault = AgeVault.read(a); key = sys.stdin.read();"
        "source = b.open('rb'); print('ready', flush=True); vault.decrypt(source, c, key)"
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
