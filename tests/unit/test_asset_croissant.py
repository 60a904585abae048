"""A market's asset as a Croissant document: its table by CID, or what is true of all images."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from memory.blobs import MemoryBlobs
from visdm.cli.croissant import croissant_of
from visdm.domain.assets import NO_RESERVE, Asset, Kind, State
from visdm.domain.metadata import Metadata
from visdm.domain.packages import Disclosure
from visdm.errors import BlobError, InputError

if TYPE_CHECKING:
    from pathlib import Path

TABLE = b"a table" * 1000
SUMMARY: dict[str, Any] = {
    "class_counts": {"cats": 12, "dogs": 14},
    "quality": {"noise": {"mean": 1.5, "std": 0.5}},
}
ASSET = Asset(
    asset=3,
    kind=Kind.DATA,
    state=State.DESCRIBED,
    owner="0x" + "ab" * 20,
    provider=1,
    samples=26,
    reserve=NO_RESERVE,
    package="",
    grants="",
)


def described(store: MemoryBlobs, disclosure: Disclosure) -> Asset:
    images = store.write(TABLE) if disclosure is Disclosure.FULL else ""
    metadata = Metadata(
        3, Kind.DATA, "pets", 26, ("cats", "dogs"), SUMMARY, images, disclosure=disclosure
    )
    return replace(ASSET, metadata=store.write(metadata.to_bytes()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # mlcroissant's own, of rdflib
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("disclosure", Disclosure)
def test_the_document_of_an_asset_is_valid(tmp_path: Path, disclosure: Disclosure) -> None:
    import mlcroissant  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and without types

    store = MemoryBlobs()
    path = tmp_path / "croissant.json"
    path.write_text(json.dumps(croissant_of(described(store, disclosure), store)))
    assert not mlcroissant.Dataset(jsonld=str(path)).metadata.ctx.issues.errors


def test_the_table_is_named_by_its_cid_with_the_digest_of_its_bytes() -> None:
    store = MemoryBlobs()
    asset = described(store, Disclosure.FULL)
    (file,) = croissant_of(asset, store)["distribution"]
    assert file["contentUrl"] == f"ipfs://{store.write(TABLE)}"
    assert file["sha256"] == hashlib.sha256(TABLE).hexdigest()
    assert file["contentSize"] == f"{len(TABLE)} B"


def test_an_aggregate_asset_has_no_file_and_says_what_is_true_of_all_its_images() -> None:
    store = MemoryBlobs()
    written = croissant_of(described(store, Disclosure.AGGREGATE), store)
    assert "distribution" not in written
    assert "recordSet" not in written
    assert {one["name"]: one["value"] for one in written["variableMeasured"]} == {
        "images of class cats": 12,
        "images of class dogs": 14,
        "mean noise": 1.5,
    }


def test_a_model_and_an_asset_that_waits_for_its_provider_are_refused() -> None:
    store = MemoryBlobs()
    with pytest.raises(InputError, match="model"):
        croissant_of(replace(ASSET, kind=Kind.MODEL), store)
    with pytest.raises(InputError, match="not described yet"):
        croissant_of(ASSET, store)


def test_a_table_that_is_not_there_is_named() -> None:
    store = MemoryBlobs()
    asset = described(store, Disclosure.FULL)
    store.drop(store.write(TABLE))
    with pytest.raises(BlobError):
        croissant_of(asset, store)
