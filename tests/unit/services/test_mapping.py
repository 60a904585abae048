"""Maps of a real market: described assets, public tables, programs in the test's process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from memory.hanging import Hanging
from memory.sandbox import InProcess
from visdm.domain import tables
from visdm.domain.metadata import Metadata
from visdm.domain.tables import BREAKING
from visdm.errors import InputError, JobError, UnknownError
from visdm.services import budgets, mapping
from visdm.services.budgets import UNTRIED
from visdm.services.mapping import map_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.ports import Computation, Progress
    from visdm.services.consumer import Consumer
    from visdm.wiring import World

PCA = ("pca",)


@pytest.fixture
def consumer(market: World) -> Consumer:
    return market.consumer("consumer-1")


def metadata_of(consumer: Consumer, number: int) -> Metadata:
    asset = next(a for a in consumer.chain.assets() if a.asset == number)
    return Metadata.from_bytes(consumer.store.read(asset.metadata), cid=asset.metadata)


class Telling:
    """A market's chain, but for an asset whose metadata is another document."""

    def __init__(self, consumer: Consumer, number: int, cid: str, samples: int = 8) -> None:
        self._chain, self._number = consumer.chain, number
        self._said: dict[str, Any] = {"metadata": cid, "samples": samples}

    def assets(self) -> list[Any]:
        return [
            replace(a, **self._said) if a.asset == self._number else a for a in self._chain.assets()
        ]


def told(consumer: Consumer, number: int, **changes: object) -> Consumer:
    """Return the consumer in a market in which the metadata of an asset says something else."""
    changed = replace(metadata_of(consumer, number), **changes)  # type: ignore[arg-type]  # its fields
    cid = consumer.store.write(changed.to_bytes())
    chain: Any = Telling(consumer, number, cid, changed.samples)
    return replace(consumer, chain=chain)


def test_all_data_assets_on_offer_are_on_the_map(consumer: Consumer) -> None:
    found = map_of(consumer, methods=PCA)
    assert found.assets == (1, 2, 3)
    assert set(found.classes) == {"0", "1"}
    assert len(found.points) == 24
    assert {one.row for one in found.points if one.asset == 1} == set(range(8))
    assert found == map_of(consumer, methods=PCA)


def test_named_assets_alone_are_drawn_and_no_more_than_asked(consumer: Consumer) -> None:
    found = map_of(consumer, [3, 1, 3], methods=PCA, most=5)
    assert found.assets == (1, 3)
    assert len(found.points) == 5


@pytest.mark.parametrize("number", [4, 99])  # a model, and nothing
def test_an_asset_that_is_not_on_offer_is_named(consumer: Consumer, number: int) -> None:
    with pytest.raises(UnknownError) as caught:
        map_of(consumer, [1, number])
    assert str(number) in caught.value.message


def test_a_retired_asset_is_not_on_offer(market: World, consumer: Consumer) -> None:
    market.supplier("supplier-2").retire(2)
    assert map_of(consumer, methods=PCA).assets == (1, 3)


def test_an_asset_whose_metadata_or_table_cannot_be_had_is_left_out(consumer: Consumer) -> None:
    nonsense = consumer.store.write(b"{}")
    lost = told(consumer, 2, images=nonsense[:-1] + ("a" if nonsense[-1] != "a" else "b"))
    found = map_of(lost, methods=PCA)
    assert (found.assets, found.left_out) == ((1, 3), {2: tables.UNFETCHED})
    chain: Any = Telling(consumer, 2, nonsense)
    found = map_of(replace(consumer, chain=chain), methods=PCA)
    assert (found.assets, found.left_out) == ((1, 3), {2: tables.UNREAD})


def test_a_table_that_is_none_is_left_out_with_the_reason(consumer: Consumer) -> None:
    false = told(consumer, 3, images=consumer.store.write(b"PAR1, or not"))
    found = map_of(false, methods=PCA)
    assert found.assets == (1, 2)
    assert "Parquet" in found.left_out[3]


def test_an_owner_who_discloses_groups_alone_is_drawn_by_them_or_not_at_all(
    consumer: Consumer,
) -> None:
    summary = {**metadata_of(consumer, 2).summary, "class_counts": {"0": 10, "1": 10}}
    quality = {name: measure["mean"] for name, measure in summary["quality"].items()}
    group = {"samples": 10, "projection": summary["projection"], "quality": quality}
    with_group = {**summary, "by_class": {"0": group}}
    groups = told(consumer, 2, samples=20, images="", summary=with_group)
    found = map_of(groups, methods=PCA)
    (centre,) = found.centres
    assert (centre.asset, centre.label, centre.samples) == (2, "0", 10)
    assert {one.asset for one in found.points} == {1, 3}
    nothing = told(consumer, 2, samples=20, images="", summary={**summary, "by_class": {}})
    assert map_of(nothing, methods=PCA).left_out == {2: mapping.UNTOLD}
    with pytest.raises(InputError, match="no asset"):
        map_of(nothing, [2], methods=PCA)


class Brittle(InProcess):
    """A sandbox whose program dies of one asset's table, as of a parser's fault."""

    def __init__(self, *deadly: str) -> None:
        self._deadly = set(deadly)

    def run(
        self, computation: Computation, output: Path, progress: Progress = lambda *_: None
    ) -> Mapping[str, Any]:
        if self._deadly & set(computation.inputs):
            raise JobError("it was killed")
        return super().run(computation, output, progress)


def test_a_table_that_kills_its_reader_keeps_no_other_off_the_map(consumer: Consumer) -> None:
    found = map_of(replace(consumer, sandbox=Brittle("table-2")), methods=PCA)
    assert (found.assets, found.left_out) == ((1, 3), {2: tables.BREAKING})
    with pytest.raises(JobError):
        map_of(replace(consumer, sandbox=Brittle("table-1", "table-2", "table-3")), methods=PCA)


def test_tables_that_hang_their_reader_are_found_within_the_time_of_all_runs(
    consumer: Consumer,
) -> None:
    sandbox = Hanging("table-2", "table-3")
    found = map_of(replace(consumer, sandbox=sandbox, clock=sandbox), methods=PCA)
    broken = {2: BREAKING, 3: BREAKING}
    assert (found.assets, found.left_out) == ((1,), broken)
    assert sandbox.runs[:-1] == [budgets.SECONDS // 2, *[mapping.LOOK] * 3]
    assert sandbox.seconds() + sandbox.runs[-1] <= 1001 + budgets.SECONDS


def test_tables_that_no_time_was_left_for_are_told(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "SECONDS", 300)
    sandbox = Hanging("table-2")
    found = map_of(replace(consumer, sandbox=sandbox, clock=sandbox), methods=PCA)
    assert found.assets == (1,)
    assert found.left_out == {2: BREAKING, 3: UNTRIED}
    assert sandbox.runs[-1] >= mapping.LOOK


def test_a_time_that_suffices_for_no_map_is_an_error_that_says_so(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "SECONDS", 2 * budgets.LEAST - 1)
    sandbox = Hanging()
    with pytest.raises(JobError, match="time was used up"):
        map_of(replace(consumer, sandbox=sandbox, clock=sandbox), methods=PCA)
    assert sandbox.runs == []
