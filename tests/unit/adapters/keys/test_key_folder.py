"""Accounts' keys on the disk: what opens them, and what does not."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pyrage  # type: ignore[import-untyped]  # pyrage ships no types
import pytest
from eth_account import Account

from unit.adapters.keys import quick_age
from unit.adapters.keys.conftest import PASSWORD, WORK, Place
from visdm.adapters.keys import KeyFolder, read_secret
from visdm.adapters.vault import AgeVault
from visdm.errors import InputError, KeyFileError, UnknownError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def old_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("old_umask")
def test_new_keys_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    made = KeyFolder(tmp_path / "keys", work=WORK).create("ann", PASSWORD)
    folder = tmp_path / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {"ann.json", "ann.age", "ann.pub"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert made.address in (folder / "ann.pub").read_text()


def test_an_opened_account_signs_and_decrypts_as_its_public_facts_say(place: Place) -> None:
    public = place.keys.show("ann")
    opened = place.keys.open("ann", PASSWORD)
    assert opened.public == public
    assert opened.key.address == public.address
    vault = AgeVault(opened.identity)
    assert vault.recipient == public.recipient
    assert vault.unseal(vault.seal(b"a document", public.recipient)) == b"a document"
    assert place.keys.names() == ["ann", "bob"]


def test_other_programs_open_the_files(place: Place) -> None:
    keystore = json.loads((place.folder / "ann.json").read_bytes())
    opened = place.keys.open("ann", PASSWORD)
    assert Account.decrypt(keystore, PASSWORD) == opened.key.key
    assert (keystore["version"], keystore["crypto"]["kdf"]) == (3, "scrypt")
    lines = pyrage.passphrase.decrypt((place.folder / "ann.age").read_bytes(), PASSWORD)
    assert lines.decode().splitlines()[-1] == str(opened.identity)


@pytest.mark.usefixtures("as_shipped")
def test_a_real_account_costs_what_those_of_geth_and_age_do(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path / "keys")
    made = keys.create("ann", PASSWORD)
    assert keys.open("ann", PASSWORD).public == made
    kdf = json.loads((tmp_path / "keys" / "ann.json").read_bytes())["crypto"]["kdfparams"]
    assert (kdf["n"], kdf["r"], kdf["p"]) == (262_144, 8, 1)
    cost = (tmp_path / "keys" / "ann.age").read_bytes().split(b"\n")[1].split()[-1]
    assert int(cost) >= 12  # pyrage measures the machine for what takes a second


def test_no_secret_is_in_a_repr_or_a_public_file(place: Place) -> None:
    opened = place.keys.open("ann", PASSWORD)
    told = f"{opened!r} {opened} {place.keys!r} {opened.public!r}"
    told += "".join(repr(content) for content in place.files().values())
    for secret in (str(opened.identity), opened.key.key.hex(), PASSWORD):
        assert secret not in told


def test_a_wrong_password_is_told_without_repeating_it(place: Place) -> None:
    with pytest.raises(KeyFileError, match=r"the password of ann\.json is wrong") as caught:
        place.keys.open("ann", "hunter2hunter2")
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["ann.json", "ann.age"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_keys_open_to_others_are_refused(place: Place, name: str, mode: int) -> None:
    (place.folder / name).chmod(mode)
    with pytest.raises(KeyFileError, match="is open to others") as caught:
        place.keys.open("ann", PASSWORD)
    assert caught.value.hint == f"chmod 600 {place.folder / name}"


def test_a_folder_open_to_others_is_refused(place: Place) -> None:
    place.folder.chmod(0o750)
    for attempt in (
        lambda: place.keys.open("ann", PASSWORD),
        lambda: place.keys.show("ann"),
        lambda: place.keys.create("eve", PASSWORD),
    ):
        with pytest.raises(KeyFileError, match="is open to others") as caught:
            attempt()
        assert caught.value.hint == f"chmod 700 {place.folder}"


def test_a_recipient_that_others_may_write_is_refused(place: Place) -> None:
    (place.folder / "ann.pub").chmod(0o666)
    with pytest.raises(KeyFileError, match="is open to others"):
        place.keys.show("ann")


def test_another_users_keys_are_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(KeyFileError, match="belongs to another user"):
        place.keys.open("ann", PASSWORD)


@pytest.mark.parametrize("suffix", ["json", "age", "pub"])
def test_a_file_of_another_account_is_refused(place: Place, suffix: str) -> None:
    (place.folder / f"bob.{suffix}").replace(place.folder / f"ann.{suffix}")
    with pytest.raises(KeyFileError, match="belongs to another account"):
        place.keys.open("ann", PASSWORD)


@pytest.mark.parametrize("suffix", ["json", "pub"])
def test_showing_notices_a_public_file_of_another_account(place: Place, suffix: str) -> None:
    (place.folder / f"bob.{suffix}").replace(place.folder / f"ann.{suffix}")
    if suffix == "json":
        place.folder.joinpath("bob.json").write_bytes(b"{}")
    with pytest.raises(KeyFileError, match="belongs to another account"):
        place.keys.show("ann")


def test_a_planted_recipient_is_refused_on_opening(place: Place) -> None:
    eve = str(pyrage.x25519.Identity.generate().to_public())
    public = place.keys.show("ann")
    (place.folder / "ann.pub").write_text(f"# account: {public.address}\n{eve}\n")
    with pytest.raises(KeyFileError, match=r"ann\.pub belongs to another account"):
        place.keys.open("ann", PASSWORD)


def test_a_planted_identity_of_another_password_is_refused(place: Place) -> None:
    planted = quick_age.encrypt(b"anything", "another password")
    (place.folder / "ann.age").write_bytes(planted)
    with pytest.raises(KeyFileError, match=r"ann\.age is damaged or has another password"):
        place.keys.open("ann", PASSWORD)


def test_a_keystore_that_names_another_address_is_refused(place: Place) -> None:
    keystore = json.loads((place.folder / "ann.json").read_bytes())
    for address in (place.keys.show("bob").address, "", 7, None):
        keystore["address"] = address
        (place.folder / "ann.json").write_text(json.dumps(keystore))
        with pytest.raises(KeyFileError, match="not its key's"):
            place.keys.open("ann", PASSWORD)


@pytest.mark.parametrize("name", ["ann.json", "ann.age", "ann.pub"])
def test_a_truncated_file_is_refused(place: Place, name: str) -> None:
    whole = (place.folder / name).read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        (place.folder / name).write_bytes(whole[:length])
        with pytest.raises(KeyFileError, match=r"ann\.(json|age|pub)"):
            place.keys.open("ann", PASSWORD)


@pytest.mark.parametrize("name", ["ann.json", "ann.age", "ann.pub"])
def test_a_missing_file_or_a_pipe_is_told(place: Place, name: str) -> None:
    (place.folder / name).unlink()
    with pytest.raises((KeyFileError, UnknownError), match="ann"):
        place.keys.open("ann", PASSWORD)
    os.mkfifo(place.folder / name, 0o600)
    with pytest.raises(KeyFileError, match="is not a file"):
        place.keys.open("ann", PASSWORD)


def test_an_account_is_never_overwritten(place: Place, tmp_path: Path) -> None:
    before = place.files()
    with pytest.raises(KeyFileError, match="already an account ann"):
        place.keys.create("ann", PASSWORD)
    (tmp_path / "keystore").write_bytes(before["bob.json"])
    with pytest.raises(KeyFileError, match="already an account ann"):
        place.keys.import_keystore(tmp_path / "keystore", "ann", PASSWORD)
    assert place.files() == before


@pytest.mark.parametrize("name", ["", "Ann", "../ann", "a/b", ".ann", "-a", "a" * 33, "a\n", "ä"])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be an account's name"):
        KeyFolder(tmp_path / "keys").create(name, PASSWORD)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("password", ["", "hunter2", "hunter2\x00more", "hunter2\udcffmore"])
def test_a_short_or_untypable_password_is_refused_without_repeating_it(
    place: Place, password: str
) -> None:
    before = place.files()
    for attempt in (
        lambda: place.keys.create("eve", password),
        lambda: place.keys.change_password("ann", PASSWORD, password),
    ):
        with pytest.raises(InputError, match="the password") as caught:
            attempt()
        assert "hunter" not in f"{caught.value} {caught.value.hint}"
    assert place.files() == before


def test_an_unknown_account_is_told_with_those_that_are_known(place: Place, tmp_path: Path) -> None:
    for attempt in (
        lambda: place.keys.open("eve", PASSWORD),
        lambda: place.keys.show("../keys/ann"),
        lambda: place.keys.change_password("eve", PASSWORD, PASSWORD),
    ):
        with pytest.raises(UnknownError) as caught:
            attempt()
        assert caught.value.hint == "known here: ann, bob"
    with pytest.raises(UnknownError):
        KeyFolder(tmp_path / "none").show("ann")
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyFileError, match="cannot be made"):
        KeyFolder(tmp_path / "file" / "keys", work=WORK).create("ann", PASSWORD)


def test_a_changed_password_opens_the_same_keys_and_the_old_one_nothing(place: Place) -> None:
    before = place.keys.open("ann", PASSWORD)
    place.keys.change_password("ann", PASSWORD, "another password")
    after = place.keys.open("ann", "another password")
    assert after.key.key == before.key.key
    assert str(after.identity) == str(before.identity)
    with pytest.raises(KeyFileError, match="is wrong"):
        place.keys.open("ann", PASSWORD)
    assert {path.name for path in place.folder.glob("ann.*")} == {"ann.json", "ann.age", "ann.pub"}


def test_a_password_is_not_changed_by_whoever_lacks_the_old_one(place: Place) -> None:
    before = place.files()
    with pytest.raises(KeyFileError, match="is wrong"):
        place.keys.change_password("ann", "not the password", "another password")
    assert place.files() == before


def test_a_password_file_is_checked_like_keys(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b"secret")
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="is open to others"):
        read_secret(path)
    path.chmod(0o600)
    assert read_secret(path) == b"secret"
