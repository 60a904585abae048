"""The page of a map: whole, closed, and safe from what strangers call their classes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from unit.pictures.maps import DOLLARS, NASTY, scene
from visdm.pictures.page import page

if TYPE_CHECKING:
    from pathlib import Path


class Read(HTMLParser):
    """The elements of a page, with the text inside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.elements[-1] if self.elements else ("", {})
        if tag in {"script", "style"} and data.strip():
            self.inside.append((attributes, data))

    def facts(self) -> dict[str, Any]:
        """Return what the script draws."""
        (text,) = [data for attributes, data in self.inside if attributes.get("id") == "data"]
        found: dict[str, Any] = json.loads(text)
        return found


def test_the_page_loads_nothing_and_its_policy_names_its_style_and_its_script() -> None:
    read = Read(page(scene()))
    for tag, attributes in read.elements:
        assert "src" not in attributes, tag
        assert "href" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert "style" not in attributes, tag
    (policy,) = [a["content"] for _, a in read.elements if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    ours = [data for attributes, data in read.inside if attributes.get("id") != "data"]
    assert len(ours) == 2
    for text in ours:
        assert b64encode(sha256(text.encode()).digest()).decode() in policy


@pytest.mark.parametrize("name", [NASTY, "<img src=x onerror=alert(1)>", DOLLARS, '"&<>\u2028'])
def test_strangers_names_reach_the_page_as_text_alone(name: str) -> None:
    plain = Read(page(scene()))
    told = replace(scene(classes=(name, "dog")), names={1: name})
    read = Read(page(told))
    assert [tag for tag, _ in read.elements] == [tag for tag, _ in plain.elements]
    facts = read.facts()
    assert facts["names"]["class"] == told.entries("class")


def test_every_point_is_on_the_page_with_its_asset_class_and_row() -> None:
    made = scene()
    facts = Read(page(made)).facts()
    told = {
        (facts["names"]["asset"][a], facts["names"]["class"][c], row, *facts["places"]["pca"][k])
        for k, (a, c, row) in enumerate(
            zip(facts["asset"], facts["class"], facts["row"], strict=True)
        )
    }
    assert told == {
        (made.name(p.asset), p.label, p.row, *(round(at, 3) for at in p.places["pca"]))
        for p in made.map.points
    }
    assert len(facts["centres"]) == 1


def test_the_page_says_what_is_not_on_it() -> None:
    text = page(scene())
    assert "30 images of 2,000" in text
    assert "Asset 99 is left out: its table is damaged." in text
    assert "middles of classes" in text
    assert "40% of the variance: noise, -entropy" in text


def test_every_id_and_choice_that_the_script_asks_for_is_there() -> None:
    script = files("visdm.pictures").joinpath("map.js").read_text("utf-8")
    read = Read(page(scene()))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    asked = set(re.findall(r'getElementById\("(\w+)"\)', script))
    assert asked
    assert asked <= set(ids)
    radios = {a["name"] for _, a in read.elements if a.get("type") == "radio"}
    assert set(re.findall(r'picked\("(\w+)"\)', script)) == radios == {"method", "colour"}


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is missing")
def test_the_script_is_sound_and_never_writes_markup(tmp_path: Path) -> None:
    script = files("visdm.pictures").joinpath("map.js").read_text("utf-8")
    copy = tmp_path / "map.js"
    copy.write_text(script)
    node = shutil.which("node") or "node"
    subprocess.run([node, "--check", str(copy)], check=True, capture_output=True)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)
