"""The demo's page: whole in itself, safe against its inputs, and saying what happened."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.demo.trades import GAS, SECONDS, trade, tree_of, words_of
from visdm.demo.ledgers import ANSWERS
from visdm.demo.page import page
from visdm.demo.summary import money
from visdm.domain import paper
from visdm.drawing.markup import SVG, Markup, clean, tag

ATTACK = "<script>alert('gone')</script>"


def test_the_headline_says_who_rented_what_for_how_much_and_what_was_reached() -> None:
    told = words_of(page(trade()))
    assert "rented 1,437 images from 5 suppliers for 143.70 PLAY" in told
    assert "names 96.1% of 180 held-out images correctly" in told
    assert "supplier-5 earned 8.74 PLAY" in told
    assert "40% of its labels are wrong" in told


def test_images_whose_owner_asked_for_more_than_the_price_are_not_counted_as_rented() -> None:
    summary = trade()
    dear = replace(summary.assets[0], least=summary.unit_price + 1, value=0.0, reward=0)
    told = words_of(page(replace(summary, assets=(dear, *summary.assets[1:]))))
    assert "rented 1,149 images from 4 suppliers" in told
    assert "equal share 25.0%" in told


def test_a_model_that_was_not_measured_is_not_praised() -> None:
    told = words_of(page(trade(accuracy=0.0, measured_on=0)))
    assert "was not measured" in told
    assert "correctly" not in told
    assert "held-out accuracy not measured" in told


def test_rewards_and_totals_are_exact() -> None:
    summary = trade()
    told = words_of(page(summary))
    for line in summary.assets:
        assert money(line.reward) in told
        assert ANSWERS[line.answer] in told
    total = f"together 1,437 100.00% {money(summary.price)}"
    assert total in told
    assert f"together {sum(SECONDS.values()):.1f} s" in told


def test_a_trade_that_adds_up_shows_a_tick() -> None:
    text = page(trade())
    assert "✓ What came in" in text
    assert "✗" not in text


@pytest.mark.parametrize(("drift", "which"), [(-1_500_000, "missing"), (1_500_000, "too much")])
def test_a_trade_that_does_not_add_up_shows_a_cross_and_the_gap(drift: int, which: str) -> None:
    summary = trade()
    told = words_of(page(replace(summary, paid_out=summary.paid_out + drift)))
    assert f"✗ The sums differ: 1.50 PLAY {which}." in told
    assert "✗ it does not" in told
    assert "✓ What came in" not in told


def test_problems_found_by_verification_are_listed() -> None:
    told = words_of(page(trade(problems=("the rewards are not the shares' <b>", "no seed"))))
    assert "✗ Verification found 2 problems." in told
    assert "the rewards are not the shares' <b> no seed" in told
    assert "the report agrees" not in told.lower()


def test_every_operation_is_beside_the_papers_figure() -> None:
    told = words_of(page(trade()))
    for operation, gas in GAS.items():
        assert f"{gas:,}" in told
        if operation in paper.GAS:
            sign = "▲" if gas > paper.GAS[operation] else "▼"
            assert f"{paper.GAS[operation]:,} {sign} {gas / paper.GAS[operation]:.0%}" in told


def test_an_operation_without_a_name_of_its_own_is_still_readable() -> None:
    told = words_of(page(trade(gas={"change_the_rule": 7})))
    assert "Change the rule 7" in told


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = page(trade()).replace(f'xmlns="{SVG}"', "")
    for foreign in ("://", "url(", "@import", "<script", "<link", " src=", " href=", " style="):
        assert foreign not in text
    for element in tree_of(page(trade())).iter():
        assert not [name for name in element.attrib if name.startswith("on")]


def test_the_policy_allows_the_pages_own_style_sheet_and_nothing_else() -> None:
    head = tree_of(page(trade())).find("head")
    assert head is not None
    metas = head.findall("meta")
    policy = next(m.get("content") for m in metas if m.get("http-equiv"))
    style = head.findtext("style")
    assert style is not None
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


class Tags(HTMLParser):
    """Collects the elements that a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.found.update(name for name, _ in attrs if name.startswith("on"))


@pytest.mark.parametrize("attack", [ATTACK, '"><img src=x onerror=alert(1)>', "</title></svg><b>"])
def test_markup_in_names_labels_and_problems_is_shown_not_obeyed(attack: str) -> None:
    summary = trade(images=60)
    lines = tuple(
        replace(line, supplier=attack, note=attack, answer=attack) for line in summary.assets
    )
    hostile = replace(
        summary,
        round=attack,
        assets=lines,
        gas={attack: 1},
        seconds={attack: 1.0},
        problems=(attack,),
        timeline=tuple(replace(m, actor=attack, operation=attack) for m in summary.timeline),
        points=tuple(replace(p, label=attack) for p in summary.points),
    )
    assert Tags(page(hostile)).found == Tags(page(replace(summary, problems=("x",)))).found
    assert attack in words_of(page(hostile))


def test_characters_that_no_document_may_hold_are_replaced() -> None:
    summary = trade(images=60)
    bad = "a\x00b\udcffc\u202ed\x1b"
    named = replace(summary.assets[0], supplier=bad)
    marked = tuple(replace(p, label=bad) for p in summary.points)
    text = page(replace(summary, assets=(named, *summary.assets[1:]), points=marked))
    assert "a�b�c�d�" in words_of(text)
    text.encode()


@given(st.text(), st.text())
def test_any_text_survives_as_text(inner: str, value: str) -> None:
    element = ET.fromstring(tag("p", inner, data_x=value))  # noqa: S314  # our own text
    assert (element.text or "") == clean(inner)
    assert element.get("data-x") == clean(value)
    assert not list(element)


def test_only_markup_goes_in_unescaped() -> None:
    assert tag("p", tag("b", "x"), Markup("<i>y</i>"), "<u>") == "<p><b>x</b><i>y</i>&lt;u&gt;</p>"


@pytest.mark.parametrize("suppliers", [2, 5, 8])
def test_no_id_is_used_twice(suppliers: int) -> None:
    ids = [element.get("id") for element in tree_of(page(trade(suppliers))).iter()]
    used = [key for key in ids if key]
    assert len(used) == len(set(used))


def test_a_trade_without_points_timeline_or_assets_still_makes_a_page() -> None:
    told = words_of(page(trade(points=(), timeline=(), assets=(), gas={}, seconds={}, price=0)))
    assert "no map" in told
    assert "No transaction was recorded" in told


def test_a_trade_on_a_single_image_is_told_in_the_singular() -> None:
    summary = trade(2, images=2)
    lines = (replace(summary.assets[0], samples=1), replace(summary.assets[1], answer="reject"))
    told = words_of(page(replace(summary, assets=lines, points=summary.points[:1])))
    assert "rented 1 image from 1 supplier for" in told


def test_assets_of_one_supplier_are_told_apart() -> None:
    summary = trade()
    lines = tuple(replace(line, supplier="supplier-1") for line in summary.assets)
    told = words_of(page(replace(summary, assets=lines)))
    assert "from 1 supplier for" in told
    assert "supplier-1, asset 5" in told


def test_the_same_summary_gives_the_same_page() -> None:
    assert page(trade()) == page(trade())
    assert page(trade()) != page(trade(accuracy=0.5))
