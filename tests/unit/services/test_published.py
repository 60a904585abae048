"""What a provider publishes, held against the chain: it is a stranger."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from visdm.domain import copies
from visdm.domain.assets import State
from visdm.errors import BlobError, JobError
from visdm.ports import Limits
from visdm.services import compared
from visdm.services.published import fetch_table, metadata_of

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.domain.assets import Asset
    from visdm.domain.metadata import Metadata
    from visdm.services.consumer import Consumer
    from visdm.wiring import World


@pytest.fixture
def consumer(market: World) -> Consumer:
    return market.consumer("consumer-1")


def asset(consumer: Consumer, number: int) -> Asset:
    return next(each for each in consumer.chain.assets() if each.asset == number)


def test_an_honest_description_is_taken(consumer: Consumer) -> None:
    for number in (1, 2, 3, 4):
        assert metadata_of(consumer.store, asset(consumer, number)).asset == number


@pytest.mark.parametrize(
    "lie",
    [
        {"asset": 7},
        {"kind": "model"},
        {"samples": 2**32 - 1},
        {"samples": 0},
        {"classes": ["0"]},
        {"classes": ["0", "1", "\x1bc"]},
        {"name": ""},
        {"class_counts": {"0": 2**32 - 1, "1": 4}},
        {"class_counts": {"0": 8, "2": 0}},
        {"class_counts": {}},
        {"by_class": "more than there are"},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_true_is_no_description(
    consumer: Consumer, lie: dict[str, Any]
) -> None:
    one = asset(consumer, 1)
    said = json.loads(consumer.store.read(one.metadata))
    for field, value in lie.items():
        if field == "by_class":
            group = {"samples": 10, "projection": said["summary"]["projection"], "quality": {}}
            said["summary"]["by_class"] = {"0": group}
        elif field == "class_counts":
            said["summary"][field] = value
        else:
            said[field] = value
    told = replace(one, metadata=consumer.store.write(json.dumps(said).encode()))
    with pytest.raises(BlobError, match=r"cannot be so|not a metadata document"):
        metadata_of(consumer.store, told)


def test_a_table_larger_than_its_images_can_fill_is_not_fetched(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "TABLE_BASE", 0)
    monkeypatch.setattr(copies, "ROW_LIMIT", 1_000)
    one = asset(consumer, 1)
    metadata = metadata_of(consumer.store, one)
    with (
        consumer.scratch.folder() as private,
        pytest.raises(BlobError, match="larger than 8000 bytes"),
    ):
        fetch_table(consumer.store, consumer.scratch, metadata, one, private / "table")


def test_the_number_of_samples_that_a_stranger_registers_moves_no_limit() -> None:
    assert copies.table_limit(2**32 - 1) == copies.TABLE_LIMIT


# What an asset is compared with.


def offered_again(market: World, parts: dict[str, Path]) -> tuple[Metadata | None, Asset]:
    """Offer the images of asset 1 once more and describe them."""
    number = market.supplier("supplier-2").offer(parts["a"], name="again", provider=1).asset
    provider = market.provider("provider-1", Limits())
    found = next(each for each in provider.chain.assets() if each.asset == number)
    metadata = provider.describe(found)
    return metadata, next(each for each in provider.chain.assets() if each.asset == number)


def test_a_program_that_others_tables_bring_down_refuses_no_asset(
    market: World, parts: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = type(market.sandbox)
    run = sandbox.run

    def brought_down(self: Any, computation: Any, *rest: Any) -> Any:  # noqa: ANN401 - the sandbox's own
        if any(name.startswith("table-") for name in computation.inputs):
            raise JobError("used more than 4294967296 bytes of memory")
        return run(self, computation, *rest)

    monkeypatch.setattr(sandbox, "run", brought_down)
    metadata, found = offered_again(market, parts)
    assert found.state is State.DESCRIBED
    assert metadata is not None
    assert (metadata.copies, metadata.summary["uncompared"]) == ({}, [1, 2, 3])


@pytest.mark.parametrize(("room", "times"), [(compared.SHELF, 1), (0, 3)])
def test_tables_are_fetched_once_for_all_assets_that_wait(
    market: World, parts: dict[str, Path], monkeypatch: pytest.MonkeyPatch, room: int, times: int
) -> None:
    monkeypatch.setattr(compared, "SHELF", room)
    for name in ("first", "second", "third"):
        shutil.copytree(parts["a"], market.folder / name)
        parts = {"a": market.folder / name}
        next((parts["a"] / "1").iterdir()).unlink()  # or its table would be that of another
        market.supplier("supplier-2").offer(parts["a"], name=name, provider=1)
    provider = market.provider("provider-1", Limits())
    tables = {metadata_of(provider.store, one).images for one in provider.chain.assets()[:3]}
    opened: Counter[str] = Counter()
    store = type(provider.store)
    open_ = store.open

    def counting(self: Any, cid: str) -> Any:  # noqa: ANN401 - any store's
        opened[cid] += 1
        return open_(self, cid)

    monkeypatch.setattr(store, "open", counting)
    assert provider.describe_waiting() == {}
    assert {opened[cid] for cid in tables} == {times}
    found = [metadata_of(provider.store, one) for one in provider.chain.assets()[4:]]
    assert [one.copies for one in found] == [{1: 7}, {1: 6}, {1: 5}]
    assert [one.summary["uncompared"] for one in found] == [[], [], []]


def test_more_rows_than_a_provider_compares_with_are_told_as_uncompared(
    market: World, parts: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compared, "ROWS_COMPARED", 16)
    metadata, _ = offered_again(market, parts)
    assert metadata is not None
    assert (metadata.copies, metadata.summary["uncompared"]) == ({1: 8}, [3])
