"""Data packages of strangers."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.pictures import GOOD, stranger
from visdm.adapters.packages import footer, rows
from visdm.errors import (
    FolderError,
    ImageError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)


def test_a_package_that_somebody_else_wrote_is_read(packages: Packages, target: Path) -> None:
    stranger(target, shown=GOOD, labels=[1, 0, 1, 0])
    summary = packages.inspect_data(target)
    assert summary.samples == 4
    assert summary.digest == hashlib.sha256(target.read_bytes()).hexdigest()


def test_bad_rows_are_named_by_number_and_never_quoted(packages: Packages, target: Path) -> None:
    shown = [GOOD[0], b"SECRET words", None, b"", GOOD[1], GOOD[2][:99], GOOD[3], GOOD[3]]
    stranger(target, shown=shown, labels=[0, 0, 0, 0, 2, 0, -1, None])
    with pytest.raises(ImageError) as caught:
        packages.inspect_data(target)
    assert dict(caught.value.bad) == {
        "row 1": "is not an image",
        "row 2": "has no image",
        "row 3": "is empty",
        "row 4": "label 2 has no class (there are 2)",
        "row 5": "is truncated",
        "row 6": "label -1 has no class (there are 2)",
        "row 7": "has no label",
    }
    assert "SECRET" not in f"{caught.value} {caught.value.hint}"
    assert str(target.parent) not in caught.value.message


def test_rows_are_counted_across_row_groups(packages: Packages, target: Path) -> None:
    shown = [GOOD[number % 4] for number in range(20)]
    shown[17] = b"words"
    stranger(target, shown=shown, labels=[0, 1] * 10, row_group_size=3)
    with pytest.raises(ImageError, match=r"^row 17: is not an image$"):
        packages.inspect_data(target)


def test_bad_rows_without_end_are_cut_off(packages: Packages, target: Path) -> None:
    stranger(target, shown=[b"words"] * 3000, labels=[0] * 3000)
    with pytest.raises(ImageError) as caught:
        packages.inspect_data(target)
    assert len(caught.value.bad) == 1000


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": None}, "does not say its name"),
        ({"name": "\x1b[2J"}, "cannot be shown"),
        ({"classes": ("cats", "cats")}, "one class twice"),
        ({"classes": ()}, "names no class"),
        ({"classes": ("cats", "")}, "cannot be shown"),
        ({"classes": ("cats", "a\nb")}, "cannot be shown"),
        ({"classes": ("cats", 7)}, "does not say its name and classes"),
        ({"classes": "ab"}, "does not say its name and classes"),
        ({"classes": None}, "does not say its name and classes"),
        ({"classes": ("cats", "dogs", "fish")}, "no images of the class fish"),
        ({"compression": "snappy"}, "is compressed"),
        ({"compression": "zstd"}, "is compressed"),
    ],
)
def test_a_package_that_describes_itself_falsely_is_refused(
    packages: Packages, target: Path, change: dict[str, Any], problem: str
) -> None:
    stranger(target, **{"shown": GOOD, "labels": [0, 0, 1, 1], **change})
    with pytest.raises(FolderError, match=problem) as caught:
        packages.inspect_data(target)
    assert str(target.parent) not in caught.value.message
    assert caught.value.message.isprintable()


def test_deeply_nested_metadata_is_refused(packages: Packages, target: Path) -> None:
    table = pa.table({"image": [], "label": []}, schema=rows.COLUMNS)
    deep = {"visdm.name": "pets", "huggingface": "[" * 100_000}
    pq.write_table(table.replace_schema_metadata(deep), target, compression="none")
    with pytest.raises(FolderError, match="does not say"):
        packages.inspect_data(target)


def test_a_package_without_rows_is_refused(packages: Packages, target: Path) -> None:
    stranger(target, shown=[], labels=[])
    with pytest.raises(FolderError, match="holds no images"):
        packages.inspect_data(target)


@pytest.mark.parametrize(
    "columns",
    [
        {"image": pa.array([GOOD[0]]), "label": pa.array([0])},
        {"picture": pa.array([GOOD[0]]), "label": pa.array([0])},
        {"image": pa.array([{"bytes": GOOD[0], "path": "x"}])},
        {
            "image": pa.array([{"bytes": GOOD[0], "path": "x"}]),
            "label": pa.array([0]),
            "diary": pa.array(["dear"]),
        },
        {"image": pa.array([{"bytes": GOOD[0], "path": "x"}]), "label": pa.array([0], pa.int8())},
        {"image": pa.array([{"bytes": GOOD[0], "path": "x"}]), "label": pa.array(["cats"])},
    ],
    ids=["flat", "renamed", "unlabelled", "extra", "narrow", "words"],
)
def test_other_columns_are_refused(
    packages: Packages, target: Path, columns: dict[str, Any]
) -> None:
    metadata = rows.described("pets", ["cats"])
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), target, compression="none")
    with pytest.raises(FolderError, match="exactly the columns image and label"):
        packages.inspect_data(target)


def test_one_image_that_stands_for_many_rows_is_refused(packages: Packages, target: Path) -> None:
    """A dictionary stores a value once: a file of kilobytes could cost hours of decoding."""
    rows = 10_000
    stranger(target, shown=[GOOD[0]] * rows, labels=[0] * rows, use_dictionary=True)
    assert target.stat().st_size < rows * len(GOOD[0]) // 100
    with pytest.raises(FolderError, match="more image bytes than it has"):
        packages.inspect_data(target)


def test_a_row_group_larger_than_any_of_ours_is_refused(
    packages: Packages, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger(target, shown=GOOD, labels=[0, 0, 1, 1])
    monkeypatch.setattr("visdm.adapters.packages.opened._MAX_CHUNK", 2000)
    with pytest.raises(FolderError, match="row group above 2000 bytes"):
        packages.inspect_data(target)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"words" * 100, b"PAR1" + bytes(99) + b"PAR1"])
def test_a_file_that_is_no_package_is_refused(
    packages: Packages, target: Path, content: bytes
) -> None:
    target.write_bytes(content)
    with pytest.raises(FolderError, match="is damaged or is not a data package"):
        packages.inspect_data(target)


def test_no_byte_of_a_footer_ends_the_process(packages: Packages, target: Path) -> None:
    """As pyarrow's own look at an unknown codec does, without an exception to catch."""
    stranger(target, shown=GOOD[:1], labels=[0], classes=("cats",), write_statistics=False)
    whole = target.read_bytes()
    length = int.from_bytes(whole[-8:-4], "little")
    refused = 0
    for place in range(len(whole) - 8 - length, len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x41
        target.write_bytes(changed)
        try:
            packages.inspect_data(target)
        except FolderError:
            refused += 1
    assert refused > 100


def test_a_footer_that_claims_more_than_there_is_is_refused(
    packages: Packages, target: Path
) -> None:
    stranger(target, shown=GOOD, labels=[0, 0, 1, 1])
    whole = target.read_bytes()
    for length in (0, len(whole) - 11, footer.MAX_FOOTER + 1, 2**32 - 1):
        target.write_bytes(whole[:-8] + length.to_bytes(4, "little") + footer.MAGIC)
        with pytest.raises(FolderError, match="is damaged"):
            packages.inspect_data(target)


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=60))
def test_arbitrary_footers_are_read_or_refused(content: bytes) -> None:
    file = BytesIO(bytes(4) + content + len(content).to_bytes(4, "little") + footer.MAGIC)
    with suppress(ValueError):  # any other error is a fault of ours
        assert all(chunk >= 0 for chunk in footer.chunks(file))


def test_deep_metadata_is_refused_where_a_library_raised_the_recursion_limit(
    target: Path,
) -> None:
    deep = "[" * 300_000
    metadata = rows.described("pets", ["?"])
    metadata["huggingface"] = metadata["huggingface"].replace('["?"]', deep)
    table = pa.table({"image": [], "label": []}, schema=rows.COLUMNS)
    pq.write_table(table.replace_schema_metadata(metadata), target, compression="none")
    program = (
        "import sys, pathlib; sys.setrecursionlimit(10**6)\n"
        "from visdm.adapters.packages import FilePackages; from visdm.errors import FolderError\n"
        "try: FilePackages().inspect_data(pathlib.Path(sys.argv[1]))\n"
        "except FolderError as error: print(error.problem)"
    )
    command = [sys.executable, "-c", program, str(target)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    assert said.stdout == "does not say its name and classes as it should\n"


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 16),
)
def test_a_damaged_package_is_read_or_refused_and_nothing_else(
    packages: Packages, target: Path, flips: list[tuple[int, int]], cut: int
) -> None:
    if not target.exists():
        stranger(target, shown=GOOD, labels=[0, 0, 1, 1])
    content = bytearray(target.read_bytes())
    # From the end, where the footer is: that is what parsers stumble over.
    for place, flip in flips:
        content[-1 - place % min(len(content), 1500)] ^= flip
    damaged = target.with_name("damaged")
    damaged.write_bytes(content if flips else content[: cut % len(content)])
    with suppress(FolderError, ImageError):  # any other error is a fault of ours
        assert packages.inspect_data(damaged).samples == 4
