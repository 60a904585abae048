from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unit.pictures.maps import scene
from visdm.errors import InputError, OutputError
from visdm.pictures import folder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_map_is_a_picture_and_a_page_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    picture, leaf = folder.write_map(scene(), out)
    assert {path.name for path in out.iterdir()} == {"map.png", "map.html"}
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "map.png" in leaf.read_text()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("here first")
    with pytest.raises(OutputError) as caught:
        folder.write_map(scene(), taken)
    assert str(taken) in caught.value.message
    assert taken.read_text() == "here first"


def test_a_missing_extra_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "NEEDED", ("matplotlib", "no_such_library"))
    with pytest.raises(InputError) as caught:
        folder.require_extra()
    assert "no_such_library" in caught.value.message
    assert "visdm[metadata]" in caught.value.hint
