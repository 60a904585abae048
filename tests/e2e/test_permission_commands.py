"""What owners allow, as they type it, and what a consumer is told who asks for more."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from e2e.test_market_commands import AtMarket

if TYPE_CHECKING:
    from pathlib import Path

MODEL = 4
"""The demo's model asset, after three of its suppliers."""


@pytest.fixture
def at(finished: Path, tmp_path: Path) -> AtMarket:
    shutil.copytree(finished, tmp_path / "market")
    return AtMarket(tmp_path / "market")


def test_an_owner_narrows_what_it_allows_and_everybody_sees_it(at: AtMarket) -> None:
    private = ("private", "--epsilon", "4", "--budget", "20.5")
    told = at.json("asset", "allow", "1", *private, "--as", "supplier-1")
    assert told == {
        "asset": 1,
        "allows": "private",
        "epsilon": 4_000,
        "budget": 20_500,
        "spent": 0,
        "models": [],
    }
    said = at.ok("asset", "allow", "1", *private, "--as", "supplier-1")  # the same again
    assert "allows       private training, epsilon up to 4 a job and 20.5 in all\n" in said
    assert said.splitlines()[1] in at.ok("asset", "show", "1")
    shown = at.json("asset", "show", "1")
    assert (shown["allows"], shown["budget"]) == ("private", 20_500)
    listed = [row["allows"] for row in at.json("asset", "list")]
    assert listed == ["private", "loop", "loop", ""]
    assert at.json("asset", "show", str(MODEL))["regime"] == "loop"
    assert "trains by    loop\n" in at.ok("asset", "show", str(MODEL))


def test_a_consumer_is_told_who_does_not_allow_its_model_and_why(
    at: AtMarket, tmp_path: Path
) -> None:
    at.ok("asset", "allow", "1", "private", "--epsilon", "4", "--budget", "4", "--as", "supplier-1")
    at.ok("asset", "allow", "2", "listed", "--model", "bafyother", "--as", "supplier-2")
    told = at.refused("round", "open", "--assets", "1,2,3", "--seed", "9")
    assert "asset 1 allows private training only" in told
    assert f"hint: leave it out, as `visdm sample --model {MODEL}` does" in told
    kept = tmp_path / "dataset.json"
    why = at.ok("sample", "--model", str(MODEL), "-o", kept)
    assert "1: allows private training only" in why
    assert "2: does not list the model's package" in why
    assert "allows" in why
    rows = at.json("sample", "--model", str(MODEL), "--dry")["assets"]
    assert {row["asset"]: row["in"] for row in rows} == {1: False, 2: False, 3: True}
    assert rows[0]["permission"]["allows"] == "private"
    at.ok("round", "open", "--dataset", kept, "--seed", "9")
    opened = at.json("round", "open", "--seed", "10")
    assert opened["assets"] == [3]


def test_a_list_names_a_model_by_its_asset_or_by_its_package(at: AtMarket) -> None:
    package = at.json("asset", "show", str(MODEL))["package"]
    for model in (str(MODEL), package):
        told = at.json("asset", "allow", "2", "listed", "--model", model, "--as", "supplier-2")
        assert told["models"] == [package]
    opened = at.json("round", "open", "--seed", "11")
    assert opened["assets"] == [1, 2, 3]


def test_what_nobody_can_mean_is_refused_in_one_line_with_a_hint(at: AtMarket) -> None:
    for words, problem in {
        ("1", "private"): "an epsilon of 0 is not above 0 and up to 1000",
        ("1", "private", "--epsilon", "4"): "a budget of 0 is not one for jobs of up to 4 each",
        ("1", "private", "--epsilon", "x", "--budget", "1"): "'x' is no epsilon",
        ("1", "loop", "--epsilon", "4"): "epsilon and budget mean nothing where loop is allowed",
        ("1", "listed"): "a list names at least one model",
        ("1", "listed", "--model", "99"): "unknown model asset: 99",
        ("1", "listed", "--model", "2"): "unknown model asset: 2",
        ("2", "scripts"): "unknown asset: 2",
    }.items():
        told = at.refused("asset", "allow", *words, "--as", "supplier-1")
        assert problem in told
        assert "hint: " in told
    assert {row["allows"] for row in at.json("asset", "list")} == {"loop", ""}
    at.refused("asset", "allow", "1", "everything", "--as", "supplier-1", code=2)


def test_images_are_registered_with_what_they_may_be_used_for(
    at: AtMarket, few_images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    for name in ("0", "1"):
        (folder / name).mkdir(parents=True)
        for file in sorted((few_images / name).iterdir())[:3]:
            shutil.copy(file, folder / name)
    allow = ("--allow", "private", "--epsilon", "2", "--budget", "6")
    bad = at.refused("asset", "register", folder, *allow[:4], "--as", "supplier-1")
    assert "a budget of 0" in bad
    assert len(at.json("asset", "list")) == MODEL
    told = at.json("asset", "register", folder, *allow, "--as", "supplier-1")
    assert (told["allows"], told["epsilon"], told["budget"]) == ("private", 2_000, 6_000)
    assert at.json("asset", "show", str(told["asset"]))["budget"] == 6_000
