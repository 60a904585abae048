"""Stores by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from visdm.adapters.blocks import BlockFolder, Gateway, Kubo, store_at
from visdm.adapters.blocks.http import is_loopback
from visdm.errors import InputError, OutputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("kubo:http://127.0.0.1:5001", Kubo),
        ("kubo:https://me:secret@node.example/rpc", Kubo),
        ("https://gateway.example", Gateway),
        ("http://127.0.0.1:8080/", Gateway),
    ],
)
def test_a_url_is_a_node_or_a_gateway(place: str, kind: type) -> None:
    assert type(store_at(place)) is kind


@pytest.mark.parametrize("name", ["{}/store", "store", "./a:b", "deep/in/it"])
def test_a_path_is_a_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = store_at(name.format(tmp_path))
    assert isinstance(store, BlockFolder)
    assert store.read(store.write(b"hello")) == b"hello"


@pytest.mark.parametrize(
    "place",
    ["", "kubo:", "kubo:127.0.0.1:5001", "127.0.0.1:5001", "ipfs://s3cret", "http://"],
)
def test_what_is_no_place_makes_no_folder(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        store_at(place)
    assert caught.value.hint
    assert "s3cret" not in caught.value.message + caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file/store"):
        store_at(f"{tmp_path}/file/store")


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("cid.ipfs.localhost", True),
        ("localhost.example", False),
        ("10.0.0.1", False),
        ("node.example", False),
    ],
)
def test_this_machine_is_known(host: str, *, here: bool) -> None:
    assert is_loopback(host) is here
