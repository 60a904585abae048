"""Throughput, growth and sampling in small, their ratios by hand, and all parts gathered."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest

from e2e.typed import Typed
from memory.pictures import picture
from visdm.cli.experiments.metadata import metadata, part
from visdm.errors import FolderError, InputError
from visdm.experiments.metadata import growth, sampling, throughput
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

    from visdm.ports import Progress

visdm = Typed()
MIB = 1 << 20


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder laid out as the data is, of 24 images and 3 photographs."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "cifar10").mkdir()
    (folder / "photos").mkdir()
    images = [picture(seed=seed, size=(32, 32)) for seed in range(24)]
    table = pa.table({"image": images, "class_name": ["cat", "dog"] * 12})
    for name in growth.FILES:
        pq.write_table(table, folder / "cifar10" / name)
    for number in range(3):
        photograph = picture("JPEG", number, (64, 48))
        (folder / "photos" / f"n{number}_thing.JPEG").write_bytes(photograph)
    return folder


@pytest.fixture
def any_core() -> Iterator[None]:
    """Give this process its cores back, which a turn takes all but one of."""
    cores = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, cores)


def test_speeds_and_ratios_are_medians_with_the_loop_above() -> None:
    rounds = [
        throughput.Round(loop=8.0, clock=10.0, ours=2.0, full=16.0, several=1.0),
        throughput.Round(loop=9.0, clock=12.0, ours=3.0, full=18.0, several=2.0),
        throughput.Round(loop=10.0, clock=14.0, ours=1.0, full=5.0, several=4.0),
    ]
    found = throughput.speed("photographs", 18, rounds)
    assert (found.baseline, found.ours, found.several, found.full) == (2.0, 9.0, 9.0, 1.125)
    assert (found.one_ratio, found.several_ratio, found.full_ratio) == (4.0, 6.0, 0.5)
    assert found.targets == (3.0, 5.0)


def test_throughput_measures_both_sets(data: Path) -> None:
    pytest.importorskip("cv2", reason="the loop to compare with needs it")
    steps: list[tuple[int, int]] = []
    found = throughput.measure_throughput(data, lambda *step: steps.append(step))
    assert [(one.name, one.images) for one in found.speeds] == [
        ("photographs", 3),
        ("CIFAR-10", 24),
    ]
    assert steps == [(0, 2), (1, 2), (2, 2)]
    for one in found.to_json()["speeds"]:
        assert min(one["baseline"], one["ours"], one["several"], one["full"]) > 0
        assert one["full"] < one["ours"], "all columns take longer than some"


@pytest.mark.usefixtures("any_core")
def test_columns_that_are_not_the_loops_are_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2", reason="the loop to compare with needs it")
    batches = [[path.read_bytes() for path in sorted((data / "photos").iterdir())]]
    assert min(throughput._turns(batches)) > 0
    right = throughput.ours
    monkeypatch.setattr(throughput, "ours", lambda files: right(files)[::-1])
    with pytest.raises(InputError, match="different columns"):
        throughput._turns(batches)


def test_growth_is_of_further_images_and_of_memory_less_the_constant() -> None:
    found = growth.Growth(
        (
            growth.Size(100, 9.0, 3.0, 100 * MIB),
            growth.Size(200, 9.0, 4.0, 500 * MIB),
            growth.Size(400, 9.0, 8.0, 142 * MIB),
        )
    )
    assert found.further == (0.01, 0.02)
    told = found.to_json()
    assert (told["time_ratio"], told["memory_ratio"]) == (2.0, 1.1)


def test_growth_runs_the_command_for_each_size(data: Path) -> None:
    found = growth.measure(data, (5, 20, 40), 1)
    assert [size.images for size in found.sizes] == [5, 20, 40]
    for size in found.sizes:
        assert size.processor > 0.1
        assert size.seconds > 0.1
        assert 20 * MIB < size.memory < 4096 * MIB


@pytest.mark.parametrize("sizes", [(5, 20), (5, 20, 20), (20, 5, 40), (5, 20, 49)])
def test_sizes_that_tell_no_growth_are_refused_before_any_run(
    data: Path, sizes: tuple[int, ...]
) -> None:
    steps: list[int] = []
    with pytest.raises(InputError):
        growth.measure(data, sizes, 1, lambda done, _: steps.append(done))
    assert not steps


@pytest.mark.parametrize("last", ["60001", "20"])
def test_the_command_refuses_sizes_that_are_not_there_or_said_twice(data: Path, last: str) -> None:
    sizes = [word for size in ("5", "20", "40", last) for word in ("--size", size)]
    said = visdm.refused("experiment", "metadata", "growth", "--data", data, *sizes, code=2)
    assert "--size" in said


def test_sampling_measures_tables_of_every_asset(data: Path) -> None:
    found = sampling.measure(data, silent, rows=100, assets=5, threads=1)
    assert (found.rows, found.assets) == (100, 5)
    assert min(found.survey, found.centres, found.loop) > 0
    assert 0 <= found.chosen <= 5


@pytest.mark.parametrize(("survey", "choice", "met"), [(0.6, 0.3, True), (0.6, 0.5, False)])
def test_survey_and_choice_meet_the_target_together(
    survey: float,
    choice: float,
    met: bool,  # noqa: FBT001 - what is expected
) -> None:
    times = {"first": 30.0, "survey": survey, "centres": 9.0, "loop": 9.0, "choice": choice}
    found = sampling.Sampled(rows=10, assets=1, threads=1, chosen=1, **times)
    assert found.to_json()["met"] is met


def test_fewer_rows_than_assets_are_refused(data: Path, tmp_path: Path) -> None:
    said = visdm.refused(
        *("experiment", "metadata", "sampling", "--data", data),
        *("--rows", "1000", "--assets", "1001"),
    )
    assert "error: 1000 rows are too few for 1001 assets" in said.splitlines()
    with pytest.raises(FolderError, match=r"test\.parquet"):
        sampling.measure(tmp_path, silent, rows=10, assets=2, threads=1)


class Counted:
    """What a part of this test measured."""

    def __init__(self, **told: int | str) -> None:
        self.told = told

    def to_json(self) -> dict[str, Any]:
        return self.told


def _show(console: Console, found: Counted) -> None:
    console.print(f"shown {found.told}")


def _first(data: Path, progress: Progress) -> Counted:
    progress(1, 1)
    return Counted(files=len(list(data.iterdir())))


def _second(data: Path, progress: Progress) -> Counted:
    progress(1, 1)
    return Counted(name=data.name)


@pytest.fixture
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"first": part("first", "First", _show)(_first)}
    made["second"] = part("second", "Second", _show)(_second)
    monkeypatch.setattr(metadata, "commands", made)


@pytest.mark.usefixtures("_parts")
def test_all_parts_are_measured_and_gathered_into_one_document(data: Path) -> None:
    told = visdm.json("experiment", "metadata", "--data", data)
    assert told == {"first": {"files": 2}, "second": {"name": data.name}}
    shown = visdm.ok("experiment", "metadata", "--data", data)
    assert shown.count("shown") == 2


@pytest.mark.usefixtures("_parts")
def test_a_part_alone_is_a_document_of_its_own(data: Path) -> None:
    told = visdm.ok("experiment", "metadata", "first", "--data", data, "--json")
    assert json.loads(told) == {"files": 2}
    said = visdm.refused("experiment", "metadata", "first", "--data", data / "none")
    assert "there is no such folder" in said
