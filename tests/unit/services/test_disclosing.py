"""What of an asset's metadata the whole market may read, by its owner's choice."""

from __future__ import annotations

import io
import json
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
import pytest

from visdm.compute.copies import read_prints
from visdm.compute.images import HASHES, HISTOGRAMS, decode, fingerprint, measure
from visdm.compute.looks import look
from visdm.domain.assets import State
from visdm.domain.metadata import Metadata
from visdm.domain.packages import DISCLOSURE_KEY, Disclosure
from visdm.domain.summaries import MIN_GROUP
from visdm.ports import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.wiring import World

AGGREGATE = Disclosure.AGGREGATE


@pytest.fixture(scope="session")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of ten pictures of one class and two of another."""
    from visdm.demo.images import write_digits  # noqa: PLC0415 - scikit-learn is slow to load

    everything, folder = tmp_path_factory.mktemp("digits"), tmp_path_factory.mktemp("twelve")
    write_digits(everything)
    for label, number in (("7", 10), ("8", 2)):
        (folder / label).mkdir()
        for file in sorted((everything / label).iterdir())[:number]:
            shutil.copyfile(file, folder / label / file.name)
    return folder


def described(
    world: World, folder: Path, disclosure: Disclosure, *, by: str = "supplier-1"
) -> tuple[Asset, Metadata]:
    offered = world.supplier(by).offer(folder, name="mine", provider=1, disclosure=disclosure)
    assert offered.summary.disclosure is disclosure
    world.provider("provider-1", Limits()).describe_waiting()
    asset = world.chain("operator").assets()[offered.asset - 1]
    assert asset.state is State.DESCRIBED
    return asset, Metadata.from_bytes(world.store.read(asset.metadata), cid=asset.metadata)


def public_blobs(world: World) -> Iterator[bytes]:
    """Yield all that anybody can fetch: what is kept, and each block by itself."""
    folder = world.folder / "blobs"
    for block in (folder / "blocks").rglob("*"):
        if block.is_file():
            yield block.read_bytes()
    for pin in (folder / "pins").iterdir():
        yield world.store.read(pin.name, limit=1 << 30)


def readable(blob: bytes) -> Iterator[Any]:
    """Yield what a blob says to whoever has no key: as text, as JSON, as a table's rows."""
    yield blob.decode("latin-1")
    with suppress(ValueError):
        yield json.loads(blob)
    with suppress(Exception):  # most blobs are no table; pyarrow raises anything then
        yield pq.read_table(io.BytesIO(blob)).to_pylist()


def values(said: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON of any shape
    """Yield everything that stands in a document, the whole first."""
    yield said
    for part in said.values() if isinstance(said, dict) else said if isinstance(said, list) else ():
        yield from values(part)


def found_of_single_images(world: World, folder: Path) -> set[str]:
    """Return the kinds of per-image values that are readable somewhere in the market."""
    images = [decode(file.read_bytes()) for file in sorted(folder.rglob("*.png"))]
    measures = measure(images)
    hashes = {getattr(each, name) for each in measures for name in HASHES}
    prints = {fingerprint(image) for image in images}
    # A colour hash of grey images is a handful of zeros, which any ciphertext may hold.
    telling = {text for text in hashes if len(text) >= 16 and len(set(text)) > 2}
    assert len(telling) > len(images)
    wanted = re.compile("|".join(sorted(telling | prints)))
    lists = {
        tuple(getattr(each, name)) for each in measures for name in (*HISTOGRAMS, "projection")
    }
    found: set[str] = set()
    for blob in public_blobs(world):
        for said in readable(blob):
            for value in values(said):
                if isinstance(value, str) and wanted.search(value):
                    found.add("hash")
                elif isinstance(value, list):
                    with suppress(TypeError):
                        found |= {"numbers"} if tuple(value) in lists else set()
                    if len(value) == len(images) and isinstance(value[0], dict):
                        found.add("rows")
    return found


def test_a_full_asset_is_public_row_by_row(world: World, twelve: Path) -> None:
    """Without which the next test would find nothing whatever was published."""
    _, metadata = described(world, twelve, Disclosure.FULL)
    assert metadata.disclosure is Disclosure.FULL
    assert found_of_single_images(world, twelve) == {"hash", "numbers", "rows"}


def test_nothing_of_a_single_image_of_an_aggregate_asset_is_readable_in_the_market(
    world: World, twelve: Path
) -> None:
    _, metadata = described(world, twelve, AGGREGATE)
    assert (metadata.disclosure, metadata.images) == (AGGREGATE, "")
    assert found_of_single_images(world, twelve) == set()
    assert metadata.summary["class_counts"] == {"7": 10, "8": 2}
    assert metadata.quality("brightness") is not None
    assert "deciles" not in metadata.summary["quality"]["brightness"]


def test_a_class_that_a_subtraction_would_leave_alone_takes_another_with_it(
    world: World, twelve: Path
) -> None:
    """Ten of twelve images told by class, and all told together, would tell of the other two."""
    _, metadata = described(world, twelve, AGGREGATE)
    assert metadata.summary["by_class"] == {}


def test_an_aggregate_asset_of_few_images_tells_its_counts_alone(
    world: World, parts: dict[str, Path]
) -> None:
    _, metadata = described(world, parts["a"], AGGREGATE)
    assert metadata.samples == 8 < MIN_GROUP
    assert set(metadata.summary) == {
        *("name", "samples", "classes", "class_counts", "duplicates", "disclosure"),
        *("near_duplicates", "uncompared"),
    }


def test_the_hashes_of_an_aggregate_asset_stay_sealed_with_its_provider(
    world: World, twelve: Path, tmp_path: Path
) -> None:
    _, metadata = described(world, twelve, AGGREGATE)
    provider = world.provider("provider-1", Limits())
    kept = tmp_path / "prints"
    kept.write_bytes(provider.vault.unseal(world.store.read(metadata.prints)))
    hashes, digests = read_prints(kept)
    images = [decode(file.read_bytes()) for file in sorted(twelve.rglob("*.png"))]
    assert hashes is not None
    assert (hashes.bits == look(images).bits).all()
    assert [each.hex() for each in digests] == [fingerprint(image) for image in images]


def test_a_copy_of_an_aggregate_asset_is_noticed_by_its_provider(
    world: World, twelve: Path
) -> None:
    described(world, twelve, AGGREGATE)
    _, copy = described(world, twelve, Disclosure.FULL, by="supplier-2")
    assert copy.copies == {1: 12}


def test_nobody_can_ask_an_aggregate_asset_whether_it_holds_an_image(
    world: World, twelve: Path, tmp_path: Path
) -> None:
    """By registering that image, and nine more of anything."""
    described(world, twelve, AGGREGATE)
    asked = tmp_path / "asked"
    shutil.copytree(twelve, asked)
    for file in sorted(asked.rglob("*.png"))[:3]:
        file.unlink()
    _, probe = described(world, asked, Disclosure.FULL, by="supplier-2")
    assert probe.copies == {}


def test_a_provider_has_no_setting_that_discloses_more_than_the_owner_did(
    world: World, twelve: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = world.provider("provider-1", Limits())
    run, asked = type(provider.sandbox).run, list[set[str]]()

    def eager(self: Any, computation: Any, *rest: Any) -> Any:  # noqa: ANN401 - the sandbox's own
        asked.append(set(computation.settings))
        settings = {**computation.settings, "disclosure": "full", DISCLOSURE_KEY: "full"}
        return run(self, replace(computation, settings=settings), *rest)

    monkeypatch.setattr(type(provider.sandbox), "run", eager)
    _, metadata = described(world, twelve, AGGREGATE)
    assert asked == [{"workers", "assets", "seconds"}]
    assert (metadata.disclosure, metadata.images) == (AGGREGATE, "")
    assert found_of_single_images(world, twelve) == set()


@pytest.mark.parametrize("answer", ["none", "", "FULL", None, ["full"], 1])
def test_a_disclosure_that_the_sandbox_cannot_have_read_publishes_nothing(
    world: World, twelve: Path, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = world.provider("provider-1", Limits())
    run = type(provider.sandbox).run

    def odd(self: Any, *given: Any) -> Any:  # noqa: ANN401 - the sandbox's own
        return {**run(self, *given), "disclosure": answer}

    monkeypatch.setattr(type(provider.sandbox), "run", odd)
    world.supplier("supplier-1").offer(twelve, name="mine", provider=1, disclosure=AGGREGATE)
    before = sorted((world.folder / "blobs" / "pins").iterdir())
    assert provider.describe_waiting() == {}
    asset = world.chain("operator").assets()[0]
    assert (asset.state, asset.refusal) == (State.REFUSED, "its answer is not of the agreed shape")
    assert sorted((world.folder / "blobs" / "pins").iterdir()) == before
