"""Accounts of one's own in a market: keys under a password, as their user types it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from e2e.typed import Typed

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "correct horse"  # noqa: S105  # a test's


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the keys of an account `ann` of one's own, and its password."""
    folder = tmp_path_factory.mktemp("account")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    keys = ("--keys", folder / "keys", "--password-file", secret)
    Typed(*keys).ok("account", "create", "ann")
    return folder


@pytest.fixture
def at(finished: Path, account: Path, tmp_path: Path) -> Typed:
    """A market's copy, and a copy of the account."""
    shutil.copytree(finished, tmp_path / "market")
    shutil.copytree(account, tmp_path, dirs_exist_ok=True)
    keys = ("--keys", tmp_path / "keys", "--password-file", tmp_path / "password")
    return Typed("--home", tmp_path / "market", *keys)


@pytest.fixture
def images(few_images: Path, tmp_path: Path) -> Path:
    """Images that nobody registered: the market's, turned on their heads."""
    from PIL import Image, ImageOps  # noqa: PLC0415  # here alone

    for file in few_images.rglob("*.png"):
        target = tmp_path / "images" / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as image:
            ImageOps.invert(ImageOps.flip(image.convert("L"))).save(target)
    return tmp_path / "images"


def test_an_account_of_ones_own_brings_images_that_the_provider_opens(
    at: Typed, images: Path
) -> None:
    told = at.refused("asset", "register", images, "--as", "ann")
    assert "has no ether to pay for gas" in told
    assert "visdm devnet endow" in told
    at.ok("devnet", "endow", "ann")
    offered = at.json("asset", "register", images, "--reserve", "0.05", "--as", "ann")
    at.ok("provider", "run", "--once", "--as", "provider-1")
    shown = at.json("asset", "show", offered["asset"])
    assert (shown["owner"], shown["state"], shown["refusal"]) == ("ann", "described", "")
    assert at.json("asset", "grant", offered["asset"], "--to", "supplier-1", "--as", "ann")[
        "granted to"
    ] == ["ann", "provider-1", "supplier-1"]
    at.ok("asset", "retire", offered["asset"], "--as", "ann")
    assert at.json("asset", "show", offered["asset"])["state"] == "retired"


def test_nothing_of_the_secrets_is_in_the_market(at: Typed, tmp_path: Path, images: Path) -> None:
    at.ok("devnet", "endow", "ann")
    at.ok("asset", "register", images, "--as", "ann")
    for file in (tmp_path / "market").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert PASSWORD.encode() not in content
    assert not list((tmp_path / "market" / "world" / "accounts").glob("ann/*.txt"))


def test_a_wrong_password_registers_nothing(at: Typed, tmp_path: Path, images: Path) -> None:
    at.ok("devnet", "endow", "ann")
    before = at.json("asset", "list")
    (tmp_path / "password").write_text("another password")
    told = at.refused("asset", "register", images, "--as", "ann")
    assert "another password" not in told
    assert "password" in told
    assert at.json("asset", "list") == before


def test_looking_at_a_market_asks_for_no_password(at: Typed, tmp_path: Path) -> None:
    (tmp_path / "password").unlink()
    assert at.json("earnings", "show", "ann")["balance"] == 0
    assert at.json("asset", "list")


def test_an_account_whose_files_are_damaged_keeps_nobody_from_looking(
    at: Typed, tmp_path: Path
) -> None:
    (tmp_path / "keys" / "ann.pub").write_text("nonsense")
    assert at.json("asset", "list")


def test_a_name_that_the_market_has_too_is_refused(at: Typed, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    for suffix in ("json", "age", "pub"):
        (keys / f"ann.{suffix}").rename(keys / f"supplier-1.{suffix}")
    told = at.refused("asset", "retire", "1", "--as", "supplier-1")
    assert "is an account of this market, and one of your own" in told


def test_an_address_may_be_written_in_any_case(at: Typed) -> None:
    at.ok("devnet", "endow", "0x" + "ab" * 20, "--tokens", "2000.5")
    told = at.refused("devnet", "endow", "ann", "--tokens", "5,6", code=2)
    assert "is no amount" in told
