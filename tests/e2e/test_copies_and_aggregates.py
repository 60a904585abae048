"""What commands say of images that another has already, and of an asset that tells no rows."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from e2e.test_market_commands import AtMarket
from visdm.demo.images import write_digits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CLASSES = ("0", "1", "7")
ORIGINAL, COPY, CLOSED = 5, 6, 7
"""Assets that come to the demo's market, after three of its suppliers and its model."""

EACH, TAKEN, REPEATED = 12, 8, 2
"""Images per class of the original; what the copy takes of a class, and repeats of its own."""


def part(digits: Path, target: Path, pieces: Mapping[str, Sequence[int]], level: int = 9) -> None:
    """Write images of every class; at another `level`, other files with the same pixels."""
    for name, chosen in pieces.items():
        for label in CLASSES:
            (target / label).mkdir(parents=True, exist_ok=True)
            files = sorted((digits / label).iterdir())
            for number in chosen:
                with Image.open(files[number]) as image:
                    file = target / label / f"{name}-{number:03}.png"
                    image.save(file, compress_level=level)


@pytest.fixture(scope="module")
def stocked(traded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return a market with an original, a copy of most of it, and an asset that tells no rows;
    and what was said as the last was registered.
    """
    folder = tmp_path_factory.mktemp("copied")
    digits = folder / "digits"
    write_digits(digits)
    home = folder / "market"
    shutil.copytree(traded, home)
    at = AtMarket(home)
    original = range(20, 20 + EACH)
    own = range(60, 60 + REPEATED)
    part(digits, folder / "original", {"a": original})
    part(digits, folder / "copy", {"b": original[:TAKEN], "c": own, "d": own}, level=0)
    part(digits, folder / "closed", {"e": range(80, 80 + EACH)})
    asked = ("--reserve", "0.01", "--as")
    at.ok("asset", "register", folder / "original", *asked, "supplier-1")
    at.ok("asset", "register", folder / "copy", *asked, "supplier-2")
    closed = ("asset", "register", folder / "closed", "--metadata", "aggregate")
    told = at.json(*closed, *asked, "supplier-2")
    told["printed"] = at.ok(*closed, *asked, "supplier-2")  # the same again: nothing is sent
    at.ok("provider", "run", "--once", "--as", "provider-1")
    return home, told


@pytest.fixture
def at(stocked: tuple[Path, dict[str, Any]], tmp_path: Path) -> AtMarket:
    shutil.copytree(stocked[0], tmp_path / "market")
    return AtMarket(tmp_path / "market")


def listed(at: AtMarket, number: int) -> dict[str, Any]:
    (found,) = (each for each in at.json("asset", "list") if each["asset"] == number)
    return dict(found)


def settled(at: AtMarket) -> str:
    """Trade the original and its copy by their owners' reserves; return the round."""
    chosen = f"{ORIGINAL},{COPY}"
    round_ = at.open(5, "--assets", chosen, "--ladder", "0.01", "--method", "equal")
    at.ok("devnet", "advance", "1h")
    at.ok("job", "fund", round_)
    at.ok("provider", "run", "--once", "--as", "provider-1")
    return round_


def test_registering_and_showing_say_what_becomes_public(
    stocked: tuple[Path, dict[str, Any]], at: AtMarket
) -> None:
    _, told = stocked
    nothing = "no row of a single one"
    assert (told["asset"], told["disclosure"]) == (CLOSED, "aggregate")
    assert nothing in told["will be public"]
    assert "disclosure   aggregate\n" in told["printed"]
    assert nothing in told["printed"]
    closed, full = (at.json("asset", "show", str(number)) for number in (CLOSED, ORIGINAL))
    assert nothing in closed["public"]
    assert closed["description"]["disclosure"] == "aggregate"
    assert closed["description"]["images"] == ""
    assert "of every image its size" in full["public"]
    assert nothing in at.ok("asset", "show", str(CLOSED))


def test_an_asset_with_images_of_an_earlier_one_is_marked_wherever_it_is_shown(
    at: AtMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = f"{TAKEN * len(CLASSES)} of asset {ORIGINAL}"
    assert [listed(at, number)["copies"] for number in (ORIGINAL, COPY, CLOSED)] == ["", copied, ""]
    assert at.json("asset", "show", str(COPY))["copies"] == copied
    assert f"copies       {copied}\n" in at.ok("asset", "show", str(COPY))
    monkeypatch.setenv("COLUMNS", "120")
    assert copied in at.ok("asset", "list")

    kept = tmp_path / "dataset.json"
    answer = at.json("sample", "-o", kept)
    rows = {row["asset"]: row for row in answer["assets"]}
    assert rows[COPY]["copies"] == {str(ORIGINAL): TAKEN * len(CLASSES)}
    assert not rows[COPY]["in"]
    assert rows[ORIGINAL]["in"]
    assert "copies" in rows[COPY]["why"]
    assert COPY not in [member["asset"] for member in json.loads(kept.read_text())["assets"]]
    assert COPY in at.json("sample", "--max-copied", "1", "--dry")["dataset"]


def test_a_settled_job_says_which_images_were_left_out_and_whose_they_are(at: AtMarket) -> None:
    round_ = settled(at)
    status = at.json("job", "status", round_)
    assert status["state"] == "settled"
    many = len(CLASSES)
    used = status["images"][str(COPY)]
    assert f"{TAKEN * many} of asset {ORIGINAL}" in used
    assert f"{REPEATED * many} repeated" in used
    assert used.startswith(f"{REPEATED * many} used, left out: ")
    assert status["images"][str(ORIGINAL)] == f"{EACH * many} used"
    assert used in at.ok("job", "status", round_)
    assert at.json("job", "verify", round_)["holds"]

    blobs = at.home / "world" / "blobs"
    shutil.rmtree(blobs)
    blobs.mkdir()
    without = at.json("job", "status", round_)
    assert without.pop("images") == "its report is out of reach"
    assert without == {name: value for name, value in status.items() if name != "images"}
    printed = at.ok("job", "status", round_)
    assert "images       its report is out of reach" in printed
    assert "state        settled" in printed


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # mlcroissant's own, of rdflib
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_described_asset_is_a_valid_croissant_document(at: AtMarket, tmp_path: Path) -> None:
    import mlcroissant  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and without types

    for number, tables in ((ORIGINAL, 1), (CLOSED, 0)):
        path = tmp_path / f"{number}.json"
        path.write_text(at.ok("asset", "show", str(number), "--croissant"))
        document = json.loads(path.read_text())
        assert len(document.get("distribution", [])) == tables
        assert not mlcroissant.Dataset(jsonld=str(path)).metadata.ctx.issues.errors
    model = next(each for each in at.json("asset", "list") if each["kind"] == "model")
    said = at.refused("asset", "show", str(model["asset"]), "--croissant")
    assert "Croissant describes data" in said
