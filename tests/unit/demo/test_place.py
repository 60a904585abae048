from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.demo import place
from visdm.demo.summary import money
from visdm.errors import OutputError, TermsError, UnknownError

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = place.Settings(5, (), (50_000, 100_000), 7)


@given(st.lists(st.integers(1, place.MAX_PRICE), min_size=1, max_size=20, unique=True))
def test_a_ladder_that_was_written_out_reads_back(prices: list[int]) -> None:
    ladder = sorted(prices)
    text = ",".join(f"{price // 10**6}.{price % 10**6:06d}" for price in ladder)
    assert place.parse_ladder(text) == tuple(ladder)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("0", "0 is out of range"),
        ("-1", "'-1'"),
        ("1e3", "'1e3'"),
        ("0.0000001", "'0.0000001'"),
        ("0.2, 0.1", "0.2 comes before 0.1"),
        ("1,1", "1 comes before 1"),
        ("\u0661", "'\u0661'"),
    ],
)
def test_a_ladder_that_is_none_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(TermsError) as refusal:
        place.parse_ladder(text)
    assert named in refusal.value.message
    assert refusal.value.hint


@given(st.integers(0, 10**18))
def test_money_is_written_without_losing_a_unit(amount: int) -> None:
    digits = money(amount).removesuffix(" PLAY").replace(",", "")
    whole, _, part = digits.partition(".")
    assert int(whole) * 10**6 + int(part.ljust(6, "0")) == amount


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"first", b"second"):
        place.write_whole(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        place.write_whole(tmp_path / "folder", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_unfinished_demo_is_taken_up(tmp_path: Path) -> None:
    world, resumed = place.prepare(tmp_path / "out", SETTINGS)
    assert (world.is_dir(), resumed) == (True, False)
    assert place.prepare(tmp_path / "out", SETTINGS) == (world, True)
    assert place.recorded(tmp_path / "out") == SETTINGS


def test_an_unfinished_demo_of_other_settings_is_not_touched(tmp_path: Path) -> None:
    place.prepare(tmp_path, SETTINGS)
    with pytest.raises(OutputError, match="other settings"):
        place.prepare(tmp_path, place.Settings(5, (), (50_000,), 8))
    assert place.recorded(tmp_path) == SETTINGS


@pytest.mark.parametrize("finished", ["summary.json", "world/ended"])
def test_a_finished_demo_is_replaced(tmp_path: Path, finished: str) -> None:
    world, _ = place.prepare(tmp_path, SETTINGS)
    (world / "chain.sqlite").write_text("old")
    (tmp_path / finished).write_text("{}")
    other = place.Settings(3, (), (1,), 1)
    assert place.prepare(tmp_path, other) == (world, False)
    assert not (world / "chain.sqlite").exists()
    assert not (tmp_path / finished).exists()


def test_a_folder_that_is_not_a_demo_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "mine").write_text("mine")
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(OutputError, match="is not of a demo"):
        place.prepare(tmp_path, SETTINGS)
    assert (tmp_path / "world" / "mine").exists()


@pytest.mark.parametrize(
    "record", ["", "[]", "{}", '{"format": 1, "nonsense": 2}', '{"format": 9}']
)
def test_a_record_that_cannot_be_read_is_no_market(tmp_path: Path, record: str) -> None:
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "demo.json").write_text(record)
    with pytest.raises(UnknownError):
        place.recorded(tmp_path)
