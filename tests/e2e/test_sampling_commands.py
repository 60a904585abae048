"""Sampling a real market by its public metadata, and opening a round on what was chosen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageFilter, ImageOps

from e2e.test_market_commands import AtMarket
from memory.sandbox import InProcess
from visdm.demo.images import write_digits
from visdm.errors import JobError
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from visdm.ports import Computation, Progress

SHARP, UNEVEN, CLOSED, BLURRED, FREE = 5, 6, 7, 8, 9
"""Assets that come to the demo's market, after three of its suppliers and its model."""


class Failing(InProcess):
    """A sandbox in which no computation ends well."""

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        del computation, output, progress
        raise JobError("took longer than 1 s")


def part(
    digits: Path,
    target: Path,
    counts: Mapping[str, slice],
    *,
    blur: float = 0,
    negative: bool = False,
) -> Path:
    for label, chosen in counts.items():
        (target / label).mkdir(parents=True)
        for file in sorted((digits / label).iterdir())[chosen]:
            with Image.open(file) as image:
                large = image.convert("L").resize((32, 32), Image.Resampling.NEAREST)
                large = ImageOps.invert(large) if negative else large
                large.filter(ImageFilter.GaussianBlur(blur)).save(target / label / file.name)
    return target


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("all-digits")
    write_digits(folder)
    return folder


@pytest.fixture(scope="module")
def stocked(traded: Path, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a demo's market with five more assets, of different worth."""
    folder = tmp_path_factory.mktemp("stocked")
    home = folder / "market"
    shutil.copytree(traded, home)
    at = AtMarket(home)
    even = {label: slice(20, 32) for label in ("0", "1", "7")}
    uneven = {"0": slice(40, 70), "1": slice(40, 43)}
    closed = {label: slice(80, 92) for label in ("0", "1", "7")}
    blurred = {label: slice(100, 112) for label in ("0", "1", "7")}
    free = {label: slice(120, 132) for label in ("0", "1", "7")}
    for name, counts, blur, more in (
        ("sharp", even, 0, ("--reserve", "0.04")),
        ("uneven", uneven, 0, ("--reserve", "0.01")),
        ("closed", closed, 0, ("--reserve", "0.05", "--metadata", "aggregate")),
        ("blurred", blurred, 3, ("--reserve", "0.02")),
        ("free", free, 0, ()),
    ):
        source = part(digits, folder / name, counts, blur=blur, negative=name == "free")
        at.ok("asset", "register", source, *more, "--as", "supplier-1")
    at.ok("provider", "run", "--once", "--as", "provider-1")
    return home


@pytest.fixture(scope="module")
def chosen(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the dataset file of a consumer who sampled all that fit."""
    folder = tmp_path_factory.mktemp("chosen")
    shutil.copytree(stocked, folder / "market")
    AtMarket(folder / "market").ok("sample", "-o", folder / "dataset.json")
    return (folder / "dataset.json").read_text()


@pytest.fixture
def at(stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AtMarket:
    shutil.copytree(stocked, tmp_path / "market")
    monkeypatch.chdir(tmp_path)
    return AtMarket(tmp_path / "market")


def row(answer: dict[str, Any], asset: int) -> dict[str, Any]:
    (found,) = (each for each in answer["assets"] if each["asset"] == asset)
    return dict(found)


def test_all_that_fit_are_chosen_and_kept_in_a_file(at: AtMarket) -> None:
    answer = at.json("sample")
    assert answer["dataset"] == [1, 2, 3, SHARP, UNEVEN, CLOSED, BLURRED, FREE]
    assert answer["guarantee"] == "all that fit"
    assert answer["cost"] is None
    kept = json.loads(Path("dataset.json").read_text())
    assert [member["asset"] for member in kept["assets"]] == answer["dataset"]
    assert row(answer, CLOSED)["disclosure"] == "aggregate"
    assert row(answer, SHARP)["table_read"] is False


def test_conditions_read_the_tables_and_guess_where_there_is_none(at: AtMarket) -> None:
    answer = at.json("sample", "--where", "sharpness>=1000", "--where", "width>=32", "--dry")
    assert not Path("dataset.json").exists()
    sharp, blurred, closed = (row(answer, asset) for asset in (SHARP, BLURRED, CLOSED))
    assert sharp["in"]
    assert sharp["table_read"]
    assert sharp["fitting"] == [1, 1, 1]
    assert not blurred["in"]
    assert blurred["why"] == "0% of its images meet the conditions"
    least, likely, most = closed["fitting"]
    assert least < likely <= most
    assert closed["table_read"] is False
    assert row(answer, 1)["why"].startswith("0% of its images")


def test_a_budget_is_kept_whatever_owners_ask_and_the_round_cannot_leave_it(at: AtMarket) -> None:
    answer = at.json("sample", "--rank", "quality", "--budget", "3", "-o", "few.json")
    assert 0 < answer["cost"] <= 3_000_000
    assert "offer a price" in row(answer, FREE)["why"]
    assert "offer a price" in row(answer, 1)["why"]
    error = at.refused("round", "open", "--dataset", "few.json", "--ladder", "0.05,9")
    assert "beyond the dataset's budget" in error
    round_ = at.json("round", "open", "--dataset", "few.json")
    assert round_["assets"] == answer["dataset"]
    shown = at.json("round", "show", round_["round"])
    assert shown["ladder"] == [answer["price"]]
    # Every owner has a reserve, so all are in as it stands, and it costs what was said.
    assert shown["price"] + round_["fee_cap"] == answer["cost"]


def test_an_offered_price_takes_in_owners_without_a_reserve(at: AtMarket) -> None:
    answer = at.json("sample", "--budget", "100", "--at", "0.04", "--rank", "balance", "--dry")
    assert row(answer, FREE)["in"]
    assert "asks 0.05 PLAY a sample, above 0.04 PLAY" in row(answer, CLOSED)["why"]
    assert answer["price"] == 40_000


def test_assets_like_the_examples_come_first(at: AtMarket, digits: Path, tmp_path: Path) -> None:
    """The examples are a folder of images without classes: negatives, as one asset's are."""
    whole = part(digits, tmp_path / "examples", {"7": slice(140, 146)}, negative=True)
    answer = at.json("sample", "--like", whole / "7", "--rank", "like", "--most", "1")
    assert answer["dataset"] == [FREE]
    distances = {each["asset"]: each["distance"] for each in answer["assets"]}
    assert distances.pop(FREE) * 2 < min(distances.values())
    assert distances[CLOSED] == pytest.approx(distances[SHARP], rel=0.2)


def test_the_table_says_what_is_in_and_why(at: AtMarket) -> None:
    said = at.ok("sample", "--class", "7", "--min-balance", "0.9", "--samples", "40")
    for words in ("aggregate", "full", "copies", "asks", "kept in dataset.json"):
        assert words in said
    # The demo's own asset 1 has no reserve, so that what all cost is not known.
    assert "cost: not known" in said
    assert "cost: at most" not in said


def test_nothing_that_fits_says_why_and_leaves_no_file(at: AtMarket) -> None:
    code, out, err = at.run(("sample", "--class", "9"))
    assert code == 1
    assert "1: has none of the classes" in out
    assert "no asset on the market fits" in err
    assert not Path("dataset.json").exists()


def test_an_asset_that_was_retired_since_stops_the_round(at: AtMarket, chosen: str) -> None:
    Path("dataset.json").write_text(chosen)
    at.ok("asset", "retire", str(SHARP), "--as", "supplier-1")
    error = at.refused("round", "open", "--dataset", "dataset.json")
    assert f"asset {SHARP} was retired by its owner since" in error
    assert "visdm sample" in error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda kept: kept.update(format=9), "another format than 1"),
        (lambda kept: kept.update(market="0x1"), "of another market"),
        (lambda kept: kept["assets"][0].update(metadata="bafy"), "has other metadata"),
        (lambda kept: kept["assets"].reverse(), "not a dataset"),
        (lambda kept: kept.update(cost=1), "not a dataset"),
        (lambda kept: kept.update(fee=kept["fee"] + 1), "the fee of provider 1 has changed"),
        (lambda kept: kept.update(provider=7), "unknown provider: 7"),
    ],
)
def test_a_file_that_is_not_true_is_refused(
    at: AtMarket,
    chosen: str,
    change: Any,  # noqa: ANN401  # a function
    said: str,
) -> None:
    before = at.json("round", "list")
    kept = json.loads(chosen)
    change(kept)
    Path("dataset.json").write_text(json.dumps(kept))
    assert said in at.refused("round", "open", "--dataset", "dataset.json")
    assert at.json("round", "list") == before


def test_a_dataset_that_costs_nothing_a_sample_is_never_opened_at_another_price(
    at: AtMarket,
) -> None:
    """As where every owner's reserve is 0: it was told to cost at most the fee."""
    at.ok("sample", "--at", "0.04")
    before = at.json("round", "list")
    kept = json.loads(Path("dataset.json").read_text())
    kept.update(price=0, cost=kept["fee"])
    Path("dataset.json").write_text(json.dumps(kept))
    said = at.refused("round", "open", "--dataset", "dataset.json")
    assert "the dataset's price is 0" in said
    assert "--ladder" in said
    assert at.json("round", "list") == before
    at.ok("round", "open", "--dataset", "dataset.json", "--ladder", "0.000001")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--map", "/proc/nope", "-o", "old.json"), "/proc/nope: cannot be written"),
        (("--map", "map", "-o", "a-folder"), "a-folder: cannot be written"),
        (("-o", "."), ".: cannot be written"),
    ],
)
def test_what_cannot_be_written_is_told_after_the_verdicts_and_leaves_nothing(
    at: AtMarket, words: tuple[str, ...], error: str
) -> None:
    Path("old.json").write_text("older")
    Path("a-folder").mkdir()
    drawn = {"map"} if "map" in words else set()
    code, out, err = at.run(("sample", "--most", "2", *words))
    assert code == 1
    assert f"error: {error}" in err
    assert "picked as number 1" in out
    assert ("map: map/map.png" in out) == bool(drawn)
    assert "kept in" not in out
    assert Path("old.json").read_text() == "older"
    assert {path.name for path in Path().iterdir()} == {"a-folder", "market", "old.json"} | drawn
    assert list(Path("a-folder").iterdir()) == []


def test_a_map_that_cannot_be_drawn_does_not_hide_the_verdicts(
    at: AtMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visdm.wiring.SANDBOXES", {"bubblewrap": Failing})
    code, out, err = at.run(("sample", "--map", "map", "--json"))
    assert (code, "took longer than 1 s" in err) == (3, True)
    answer = json.loads(out)
    assert (answer["file"], answer["map"]) == (None, [])
    assert row(answer, SHARP)["in"]
    assert {path.name for path in Path().iterdir()} == {"market"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--where", "beauty>=9"), "names no column"),
        (("--where", "sharpness"), "is no condition"),
        (("--where", "sharpness>=high"), "is no number"),
        (("--where", "class>=cat"), "compares words"),
        (("--rank", "beauty"), "unknown rank"),
        (("--rank", "quality=much"), "is no weight"),
        (("--at", "cheap"), "is not a price"),
        (("--like", "nowhere"), "nowhere"),
        (("-o", "no/such/folder.json"), "cannot be written"),
    ],
)
def test_a_slip_is_named(at: AtMarket, words: tuple[str, ...], said: str) -> None:
    assert said in at.refused("sample", *words)


def test_options_that_exclude_each_other_are_usage(at: AtMarket) -> None:
    both = ("--assets", "1", "--dataset", "dataset.json")
    assert "exclude each other" in at.refused("round", "open", *both, code=2)
    assert "--like FOLDER" in at.refused("sample", "--rank", "like", code=2)
    assert "is no amount" in at.refused("sample", "--budget", "much", code=2)
