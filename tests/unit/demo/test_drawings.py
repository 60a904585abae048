"""The page's pictures: well-formed, told in words, and true to the figures."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.demo.trades import pictures, trade, words_of
from visdm.demo.drawings import MAX_POINTS, thin
from visdm.demo.lanes import lanes_picture
from visdm.demo.page import page
from visdm.demo.summary import Point
from visdm.drawing.markup import SVG


@pytest.mark.parametrize("suppliers", [2, 5, 8])
def test_every_picture_is_well_formed_and_told_in_words(suppliers: int) -> None:
    text = page(trade(suppliers))
    drawn = pictures(text)
    assert len(drawn) == text.count("<svg ") >= 4 + suppliers
    for picture in drawn:
        said = {child.get("id"): child.text for child in picture if child.text}
        named = (picture.get("aria-labelledby") or "").split()
        assert len(named) == 2
        assert all(said[key] for key in named)
        assert [child.tag for child in picture][:2] == [f"{{{SVG}}}title", f"{{{SVG}}}desc"]


@pytest.mark.parametrize("suppliers", [2, 5, 8])
def test_each_supplier_has_a_bar_and_a_lane(suppliers: int) -> None:
    drawn = {picture.get("id"): picture for picture in pictures(page(trade(suppliers)))}
    for key in ("bars", "lane-names"):
        shown = [element.text for element in drawn[key].iter(f"{{{SVG}}}text")]
        assert [t for t in shown if (t or "").startswith("supplier-")] == [
            f"supplier-{k + 1}" for k in range(suppliers)
        ]


def test_bars_are_as_long_as_values() -> None:
    summary = trade()
    bars = next(p for p in pictures(page(summary)) if p.get("id") == "bars")
    lengths = [
        float(box.get("width", "0"))
        for box in bars.iter(f"{{{SVG}}}rect")
        if box.get("class") != "track"
    ]
    longest = max(line.value for line in summary.assets)
    assert lengths == pytest.approx(
        [line.value / longest * max(lengths) for line in summary.assets], abs=0.1
    )


def test_each_transaction_has_a_mark_in_its_actors_lane_and_later_ones_are_further_right() -> None:
    summary = trade()
    both = [ET.fromstring(p) for p in re.findall(r"<svg .*?</svg>", lanes_picture(summary))]  # noqa: S314  # our own text
    names, lanes = both
    heights = {t.text: float(t.get("y", "0")) - 4 for t in names.iter(f"{{{SVG}}}text")}
    found = []
    for group in lanes.iter(f"{{{SVG}}}g"):
        title, shape = group[0].text or "", group[1]
        if shape.tag != f"{{{SVG}}}path":
            continue
        dots = [float(n) for n in re.findall(r"-?\d+\.\d", shape.get("d", ""))]
        found.append((title.split(" · ")[1], dots[0], dots[1]))
    assert [actor for actor, _, _ in found] == [m.actor for m in summary.timeline]
    for actor, _, y in found:
        assert abs(y - heights[actor]) < 17
    assert all(after[1] > before[1] - 20 for before, after in pairwise(found))


def test_waiting_is_a_band_with_its_length() -> None:
    summary = trade()
    assert words_of(page(summary)).count("wait 1:00:12") == 1
    steady = tuple(replace(m, time=12 * k) for k, m in enumerate(summary.timeline))
    assert "wait 1" not in words_of(page(replace(summary, timeline=steady)))


def test_transactions_of_one_block_and_actor_do_not_hide_each_other() -> None:
    summary = trade()
    packed = tuple(replace(m, block=1, time=0) for m in summary.timeline)
    paths = re.findall(
        r'<path d="([^"]+)" class="move', lanes_picture(replace(summary, timeline=packed))
    )
    assert len(paths) == len(set(paths)) == len(packed)


def test_many_points_are_thinned_evenly_and_the_page_says_so() -> None:
    summary = trade(images=9_000)
    text = page(summary)
    kept = thin(summary.points)
    assert f"{len(kept):,} of 9,000 images are drawn" in words_of(text)
    assert MAX_POINTS - 5 <= len(kept) <= MAX_POINTS
    assert len(text) < 400_000
    assert "images are drawn" not in words_of(page(trade()))


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=6),
    st.integers(1, 300),
)
def test_thinning_keeps_something_of_every_asset_and_no_point_twice(
    sizes: list[int], limit: int
) -> None:
    given_points = [Point(a, "x", float(k), 0.0) for a, n in enumerate(sizes) for k in range(n)]
    kept = thin(given_points, limit)
    assert len(set(kept)) == len(kept) <= max(limit, 0) + len(sizes)
    assert {p.asset for p in kept} == set(range(len(sizes)))
    assert set(kept) <= set(given_points)


def test_points_that_are_nowhere_are_left_out() -> None:
    summary = trade(images=60)
    lost = Point(1, "3", float("nan"), float("inf"))
    text = page(replace(summary, points=(*summary.points, lost)))
    assert not re.search(r"\b(nan|inf)\b", text)


def test_points_in_one_place_and_of_an_unknown_asset_are_drawn() -> None:
    text = page(trade(points=(Point(99, "a", 1.0, 1.0), Point(99, "a", 1.0, 1.0))))
    assert "asset 99, class a: 2 drawn" in text
