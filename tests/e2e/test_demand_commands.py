"""`visdm demand`: what a market's consumers sought and paid, from the chain alone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_market_commands import AtMarket

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def at(finished: Path, tmp_path: Path) -> AtMarket:
    shutil.copytree(finished, tmp_path / "market")
    return AtMarket(tmp_path / "market")


def by_class(rows: list[dict[str, Any]]) -> dict[str | None, dict[str, Any]]:
    return {row["class"]: row for row in rows}


def test_demand_shows_what_was_sought_asked_and_paid(at: AtMarket) -> None:
    job = at.json("job", "list")[0]
    before = by_class(at.json("demand"))
    assert set(before) == {"0", "1", "7"}
    assert sum(row["amount"] for row in before.values()) == job["price"] > 0
    assert {(row["rounds"], row["consumers"], row["paid"]) for row in before.values()} == {
        (1, 1, 1)
    }
    assets = [a for a in at.json("asset", "list") if a["kind"] == "data"]
    assert sum(row["samples"] for row in before.values()) == sum(a["samples"] for a in assets)
    assert sum(row["on_offer"] for row in before.values()) == sum(a["samples"] for a in assets)

    ask = ("demand", "ask", "--classes", "7,Puffin", "--samples", "1000", "--price", "0.05")
    said = at.json(*ask, "--condition", "sharpness >= 20")
    assert said["sought"] == (
        '{"classes":["7","puffin"],"conditions":["sharpness >= 20"],'
        '"price":50000,"samples":1000,"task":"train"}'
    )
    at.ok(*ask, "--condition", "sharpness >= 20")  # said already: nothing is sent again
    at.ok("demand", "ask", "--classes", "puffin", "--as", "supplier-1")
    at.ok("round", "open", "--ladder", "0.05")
    after = by_class(at.json("demand"))
    assert (after["puffin"]["searches"], after["puffin"]["seekers"]) == (2, 2)
    assert (after["puffin"]["wanted"], after["puffin"]["bid"]) == (500, 50_000)
    assert (after["puffin"]["on_offer"], after["puffin"]["supply"]) == (0, "none")
    assert (after["7"]["seekers"], after["7"]["supply"]) == (1, "thin")
    assert (after["7"]["rounds"], after["7"]["consumers"], after["7"]["paid"]) == (2, 1, 1)
    assert after["7"]["amount"] == before["7"]["amount"]
    assert at.json("demand")[-1]["class"] == "puffin"


def test_what_is_longer_ago_is_left_out(at: AtMarket) -> None:
    at.ok("devnet", "advance", "2d")
    assert at.json("demand", "--since", "1d") == []
    at.ok("demand", "ask", "--classes", "owl")
    assert [row["class"] for row in at.json("demand", "--since", "1d")] == ["owl"]
    assert len(at.json("demand", "--since", "30d")) == 4
    assert [row["class"] for row in at.json("demand", "--top", "1")] != ["owl"]


def test_demand_is_readable_and_a_bad_search_is_one_line(at: AtMarket) -> None:
    at.ok("demand", "ask", "--classes", "owl", "--samples", "7")
    shown = at.ok("demand")
    assert "owl" in shown
    assert "none" in shown
    refused = at.refused(
        "demand", "ask", "--classes", ",".join(f"{n:02}" + "x" * 55 for n in range(30))
    )
    assert refused.startswith("error: the search has ")
    assert "hint: name fewer classes" in refused
    assert at.refused("demand", "ask", "--classes", "").startswith("error: a search names 1 to")
    assert "no duration" in at.refused("demand", "--since", "soon", code=2)


def test_options_before_ask_are_refused_for_it_would_not_get_them(
    at: AtMarket, tmp_path: Path
) -> None:
    ask = ("ask", "--classes", "owl")
    for before, told in (
        (("--home", tmp_path / "nowhere"), "put --home after ask"),
        (("--json",), "put --json after ask"),
        (("--keys", tmp_path), "put --keys after ask"),
        (("--since", "1d"), "--since is no option of ask"),
        (("--top", "30"), "--top is no option of ask"),
    ):
        said = at.refused("demand", *before, *ask, code=2)
        assert told in said
        assert "visdm demand [OPTIONS]" in said
    assert "owl" not in by_class(at.json("demand"))
    at.ok("demand", *ask)
    assert "owl" in by_class(at.json("demand"))


def test_classes_out_of_reach_are_unknown_and_the_money_is_counted_all_the_same(
    at: AtMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid = at.json("job", "list")[0]["price"]
    blobs = at.home / "world" / "blobs"
    shutil.rmtree(blobs)
    blobs.mkdir()
    (row,) = at.json("demand")
    assert (row["class"], row["amount"], row["rounds"], row["paid"]) == (None, paid, 1, 1)
    monkeypatch.setenv("COLUMNS", "120")
    assert "(unknown)" in at.ok("demand")


def test_a_model_is_shown_as_owners_see_it(at: AtMarket) -> None:
    model = next(a["asset"] for a in at.json("asset", "list") if a["kind"] == "model")
    shown = at.ok("asset", "show", str(model))
    for word in ("GFLOPs an image", "memory, training", "Conv2d", "BF16", "epsilon"):
        assert word in shown
    described = at.json("asset", "show", str(model))["description"]["summary"]
    assert described["epsilon"] is None
    assert described["memory"]["training"] > described["memory"]["inference"] > 0
