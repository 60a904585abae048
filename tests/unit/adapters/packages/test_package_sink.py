"""A package is poured into a sink, and not past the first fault."""

from __future__ import annotations

import gc
import hashlib
from typing import TYPE_CHECKING

import pytest

from memory.pictures import PETS, fill, picture
from visdm.adapters.packages import rows
from visdm.errors import FolderError, ImageError, OutputError, VaultError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Buffer

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)


class Kept:
    """Keeps what it is given, `most` bytes at a time."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.most = most
        self.content = b""

    def write(self, content: Buffer, /) -> int:
        taken = bytes(memoryview(content)[: self.most])
        self.content += taken
        return len(taken)


class Failing(Kept):
    """Raises once it was given so many bytes."""

    def __init__(self, after: int, error: BaseException) -> None:
        super().__init__()
        self.after = after
        self.error = error

    def write(self, content: Buffer, /) -> int:
        if len(self.content) >= self.after:
            raise self.error
        return super().write(content)


def test_a_sink_gets_the_package_and_nothing_else(packages: Packages, pets: Path) -> None:
    sink = Kept()
    summary = packages.build_data(pets, sink, name="pets")
    assert summary.size == len(sink.content)
    assert summary.digest == hashlib.sha256(sink.content).hexdigest()
    assert sorted(path.name for path in pets.parent.iterdir()) == ["pets"]


def test_a_sink_that_takes_little_at_a_time_gets_all(packages: Packages, pets: Path) -> None:
    whole, little = Kept(), Kept(7)
    packages.build_data(pets, whole, name="pets")
    packages.build_data(pets, little, name="pets")
    assert little.content == whole.content


def test_a_sink_that_takes_nothing_is_given_up(packages: Packages, pets: Path) -> None:
    with pytest.raises(OutputError, match="takes nothing"):
        packages.build_data(pets, Kept(0), name="pets")


def _places(packages: Packages, pets: Path) -> list[int]:
    """Return places in a package: its magic, its first image, within it, just before its end."""
    whole = Kept()
    packages.build_data(pets, whole, name="pets")
    return [0, 1, len(whole.content) // 2, len(whole.content) - 4]


def test_what_a_sink_raises_comes_out_as_it_is(packages: Packages, pets: Path) -> None:
    for place in _places(packages, pets):
        sink = Failing(place, VaultError("the key is gone"))
        with pytest.raises(VaultError) as caught:
            packages.build_data(pets, sink, name="pets")
        assert caught.value is sink.error
        _is_let_go(sink)


def test_a_full_disk_behind_the_sink_is_said_in_a_line(packages: Packages, pets: Path) -> None:
    for place in _places(packages, pets):
        sink = Failing(place, OSError(28, "No space left on device"))
        with pytest.raises(OutputError, match=r"^pets: cannot be written \(No space left"):
            packages.build_data(pets, sink, name="pets")
        _is_let_go(sink)


def _is_let_go(sink: Failing) -> None:
    """Check that nothing arrives any more, though the sink would take it again."""
    before, sink.after = sink.content, 1 << 30
    gc.collect()
    assert sink.content == before


def _stop(done: int, total: int) -> None:
    if done == total - 1:
        raise KeyboardInterrupt


def test_an_interrupted_package_never_gets_its_footer(packages: Packages, pets: Path) -> None:
    sink = Kept()
    with pytest.raises(KeyboardInterrupt):
        packages.build_data(pets, sink, name="pets", progress=_stop)
    gc.collect()
    assert sink.content == b"PAR1"


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each image be written before the next is read."""
    monkeypatch.setattr(rows, "GROUP_ROWS", 1)


@pytest.mark.usefixtures("one_by_one")
def test_nothing_is_written_past_the_first_bad_image(packages: Packages, pets: Path) -> None:
    whole, sink = Kept(), Kept()
    packages.build_data(pets, whole, name="pets")
    fill(pets, {"cats/c.png": b"words"})
    with pytest.raises(ImageError):
        packages.build_data(pets, sink, name="pets")
    gc.collect()
    assert whole.content.startswith(sink.content)
    assert PETS["cats/a.webp"] in sink.content
    assert PETS["dogs/1.png"] not in sink.content


def test_nothing_is_written_where_a_name_gives_the_fault_away(
    packages: Packages, pets: Path
) -> None:
    sink = Kept()
    fill(pets, {"dogs/notes.txt": b"notes", "dogs/a.png": b"words"})
    with pytest.raises(ImageError) as caught:
        packages.build_data(pets, sink, name="pets")
    assert [name for name, _ in caught.value.bad] == ["dogs/notes.txt", "dogs/a.png"]
    assert sink.content == b""


def test_a_folder_that_changes_while_it_is_packed_is_refused(
    packages: Packages, pets: Path
) -> None:
    def _meddle(done: int, _total: int) -> None:
        if done == 1:
            fill(pets, {"dogs/late.png": picture()})

    with pytest.raises(FolderError, match="changed while it was packed"):
        packages.build_data(pets, Kept(), name="pets", progress=_meddle)
