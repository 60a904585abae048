"""CSV files that list images and their labels."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow ships no types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.building import build
from memory.disk import full_disk
from memory.pictures import PETS, fill, picture
from visdm.adapters.packages import order
from visdm.adapters.packages.order import Place
from visdm.errors import FolderError, ImageError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)

GOOD = "path,label\n" + "".join(f"{path},{path.split('/')[0]}\n" for path in PETS)


def listed(folder: Path, content: str | bytes = GOOD) -> Path:
    path = folder / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def faults(packages: Packages, source: Path, target: Path) -> dict[str, str]:
    with pytest.raises(ImageError) as caught:
        build(packages, source, target)
    assert list(target.parent.iterdir()) == []
    assert caught.value.hint
    return dict(caught.value.bad)


def fault(packages: Packages, source: Path, target: Path) -> str:
    with pytest.raises(FolderError) as caught:
        build(packages, source, target)
    assert list(target.parent.iterdir()) == []
    assert caught.value.hint
    assert caught.value.path == str(source)
    return caught.value.problem


def test_a_list_gives_the_package_of_the_tree_that_it_lists(
    packages: Packages, pets: Path, tmp_path: Path, target: Path
) -> None:
    tree = build(packages, pets, target)
    assert build(packages, listed(pets), tmp_path / "second") == tree
    assert (tmp_path / "second").read_bytes() == target.read_bytes()


def test_the_order_of_lines_and_the_place_of_the_folder_change_nothing(
    packages: Packages, pets: Path, tmp_path: Path, target: Path
) -> None:
    first = build(packages, listed(pets), target)
    header, *lines = GOOD.splitlines()
    other = fill(tmp_path / "else" / "where", PETS)
    turned = "\r\n".join([header, *reversed(lines)])
    assert build(packages, listed(other, "\ufeff" + turned), target) == first


def test_labels_are_words_whatever_the_folders_are_called(
    packages: Packages, pets: Path, target: Path
) -> None:
    content = 'file_name,note,class\ndogs/1.png,"one, two",10\ncats/b.jpeg,,9\n\ncats/a.webp,,10\n'
    summary = build(packages, listed(pets, content), target)
    assert summary.classes == ("10", "9")
    rows = pq.read_table(target).to_pylist()
    assert [row["label"] for row in rows] == [0, 0, 1]
    order_ = ["cats/a.webp", "dogs/1.png", "cats/b.jpeg"]
    assert [row["image"]["bytes"] for row in rows] == [PETS[name] for name in order_]


@pytest.mark.parametrize(
    "header", ["path,label", "Image , Class", "label,filename", '"file_name",label']
)
def test_any_known_pair_of_columns_is_taken(
    packages: Packages, pets: Path, target: Path, header: str
) -> None:
    line = "cats,cats/b.jpeg" if header.startswith("label") else "cats/b.jpeg, cats"
    assert build(packages, listed(pets, f"{header}\n{line}\n"), target).classes == ("cats",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "has no column called path or file_name or image or filename"),
        ("cats/b.jpeg,cats\n", "has no column called path or file_name or image or filename"),
        ("path;label\ncats/b.jpeg;cats\n", "has no column called path or"),
        ("path,species\ncats/b.jpeg,cats\n", "has no column called label or class"),
        ("path,image,label\na,b,c\n", "has more than one column called path or"),
        ("path,label\n", "holds no images"),
        ('path,label\ncats/b.jpeg,"cats\n', "line 2 is not CSV"),
        ('path,label\n\ncats/b.jpeg,"cats"?\n', "line 3 is not CSV"),
        ("path,label\n" + "x" * 200_000, "line 2 is not CSV"),
        ("path,label\n" + "x" * (1 << 20), "line 2 is longer than a line of CSV"),
        ("path,label\ncats/b.jpeg,cats\0\n", "line 2"),
        ("path,label\n".encode("utf-16").decode("latin-1"), "has no column called path or"),
    ],
)
def test_a_file_that_is_no_such_list_is_refused(
    packages: Packages, pets: Path, target: Path, content: str, problem: str
) -> None:
    if "\0\n" in content and content.startswith("path"):
        assert "line 2" in str(faults(packages, listed(pets, content), target))
    else:
        assert fault(packages, listed(pets, content), target).startswith(problem)


def test_every_bad_row_is_named_by_its_line_in_one_go(
    packages: Packages, pets: Path, tmp_path: Path, target: Path
) -> None:
    fill(tmp_path, {"secret.png": picture()})
    fill(pets, {"cats/bad.png": b"words", "cats/cut.jpg": picture("JPEG")[:-100]})
    (pets / "link.png").symlink_to("../secret.png")
    (pets / "loop.png").symlink_to("loop.png")
    (pets / "hop").symlink_to("..")
    os.mkfifo(pets / "pipe.png")
    rows = [
        "cats/a.webp,cats",
        "cats/gone.png,cats",
        "cats/bad.png,cats",
        '"cats/cut.jpg","cats"',
        "dogs/1.png,",
        ",dogs",
        "dogs/1.png",
        "../secret.png,dogs",
        f"{tmp_path}/secret.png,dogs",
        "link.png,dogs",
        "hop/secret.png,dogs",
        "loop.png,dogs",
        "pipe.png,dogs",
        "./cats//a.webp,cats",
        "dogs/../cats/a.webp,dogs",
        "dogs/2.JPG,\x1b[2J",
        "cats,cats",
        "dogs/1.png,dogs",
    ]
    found = faults(packages, listed(pets, "path,label\n" + "\n".join(rows)), target)
    out = "leads out of the folder that the list is in"
    assert found == {
        "line 3 (cats/gone.png)": "does not exist",
        "line 4 (cats/bad.png)": "is not an image",
        "line 5 (cats/cut.jpg)": "is truncated",
        "line 6 (dogs/1.png)": "has no label",
        "line 7": "has no path",
        "line 8": "has not as many cells as the first line",
        "line 9 (../secret.png)": out,
        f"line 10 ({tmp_path}/secret.png)": "starts at the root: paths start at the folder "
        "that the list is in",
        "line 11 (link.png)": out,
        "line 12 (hop/secret.png)": out,
        "line 13 (loop.png)": "cannot be read (Too many levels of symbolic links)",
        "line 14 (pipe.png)": "is not a regular file",
        "line 15 (cats/a.webp)": "stands in line 2 already",
        "line 16 (cats/a.webp)": "stands in line 2 already",
        "line 17 (dogs/2.JPG)": "has a label that cannot be the name of a class",
        "line 18 (cats)": "is not a regular file",
    }


def test_rows_over_several_lines_are_named_by_their_first(
    packages: Packages, pets: Path, target: Path
) -> None:
    content = 'note,path,label\n"one\ntwo\n",cats/a.webp,cats\n"a\nb",gone.png,cats\n'
    assert faults(packages, listed(pets, content), target) == {
        "line 5 (gone.png)": "does not exist"
    }


def test_a_name_that_is_no_text_is_found(packages: Packages, pets: Path, target: Path) -> None:
    name = b"cats/\xff.png"
    fill(pets, {os.fsdecode(name): picture()})
    assert build(packages, listed(pets, b"path,label\n" + name + b",cats\n"), target).samples == 1


def test_a_link_that_stays_inside_is_followed(packages: Packages, pets: Path, target: Path) -> None:
    (pets / "link.png").symlink_to("dogs/1.png")
    assert build(packages, listed(pets, "path,label\nlink.png,dogs\n"), target).samples == 1


def test_more_classes_than_there_may_be_are_refused(
    packages: Packages, pets: Path, target: Path
) -> None:
    lines = "".join(f"{number}.png,class {number}\n" for number in range(10_001))
    problem = fault(packages, listed(pets, "path,label\n" + lines), target)
    assert problem == "holds more than 10000 classes"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("gone.csv", "does not exist"),
        ("gone.parquet", "does not exist"),
        ("gone", "does not exist"),
        ("pipe.csv", "is not a regular file"),
        ("images.zip", "is not a folder"),
    ],
)
def test_what_is_no_source_is_named(
    packages: Packages, tmp_path: Path, target: Path, name: str, problem: str
) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    fill(tmp_path, {"images.zip": b"PK"})
    assert fault(packages, tmp_path / name, target) == problem


def test_a_disk_without_room_for_sorting_is_said_in_a_line(
    packages: Packages, pets: Path, target: Path
) -> None:
    lines = "".join(f"{'x' * 200}{number}.png,cats\n" for number in range(50_000))
    path = listed(pets, "path,label\n" + lines)
    with full_disk(1 << 20), pytest.raises(OutputError, match="cannot be sorted"):
        build(packages, path, target)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(), st.text()), unique_by=lambda place: place[1]))
def test_places_come_sorted_as_text(pairs: list[tuple[str, str]]) -> None:
    places = [Place(label, path, line) for line, (label, path) in enumerate(pairs)]
    with order.kept() as kept:
        for place in places:
            kept.add(place)
        assert list(kept) == sorted(places)
        assert kept.labels(99) == tuple(sorted({place.label for place in places}))
        assert list(kept.repeated()) == []


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.text(alphabet='ab,"\n\r/. é\0\ud800', max_size=60).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    )
)
def test_an_arbitrary_list_is_refused_in_our_words(
    packages: Packages, pets: Path, target: Path, content: bytes
) -> None:
    with pytest.raises((FolderError, ImageError)) as caught:
        build(packages, listed(pets, b"path,label\n" + content), target)
    assert caught.value.message.isprintable()
