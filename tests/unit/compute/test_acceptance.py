"""Which tables count: the same ones for the map, for sampling and for copies."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unit.compute.fabricated import ignore
from unit.compute.public import CLASSES, columns, public_table, with_cell
from visdm.compute import embedding, survey
from visdm.compute.acceptance import UnacceptableError, confined, problems, rows
from visdm.compute.columns import QUALITY, SCHEMA
from visdm.compute.copies import TABLE, gather, hashes_in
from visdm.compute.looks import hashes_of
from visdm.compute.tables import Tables, _query
from visdm.domain import tables
from visdm.domain.tables import Registered

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 5
REGISTERED = Registered(ROWS, tuple(CLASSES))


def written(found: dict[str, Any], **options: Any) -> bytes:  # noqa: ANN401  # pyarrow's
    """Return columns as a file; what does not fit its type has another."""
    arrays = {}
    for name, values in found.items():
        kind = SCHEMA.field(name).type if name in SCHEMA.names else None
        try:
            arrays[name] = pa.array(values, kind)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            arrays[name] = pa.array([str(value) for value in values])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink, **options)
    content: bytes = sink.getvalue().to_pybytes()
    return content


CELLS = st.one_of(
    st.none(),
    st.integers(-(2**40), 2**40),
    st.floats(width=32),
    st.sampled_from(["", "cat", "unicorn", "f" * 16, "F" * 16, "\x1b[2J", "0" * 17, "é" * 16]),
    st.sampled_from(["f" * 16 + ",", "f" * 16 + "\n", f"{'a' * 16},{'b' * 16}"]),
    st.lists(st.none() | st.integers(-5, 2000), max_size=17),
    st.lists(st.integers(4, 4), min_size=255, max_size=257),
)


@st.composite
def strangers(draw: Any) -> bytes:  # noqa: ANN401  # hypothesis's own
    """Make a table: as it should be, as strangers may write it, or broken."""
    count = draw(st.sampled_from([ROWS, ROWS, ROWS, 0, ROWS - 1, ROWS + 1]))
    found = columns(count, draw(st.integers(0, 9)))
    for name in draw(st.lists(st.sampled_from(SCHEMA.names), max_size=2)):
        if count:
            found = with_cell(found, name, draw(st.integers(0, count - 1)), draw(CELLS))
    if draw(st.integers(0, 5)) == 0:
        del found[draw(st.sampled_from(SCHEMA.names))]
    content = written(
        found,
        compression=draw(st.sampled_from(["zstd", "snappy", "gzip", "brotli", "lz4", "none"])),
        row_group_size=draw(st.integers(1, 9)),
        use_dictionary=draw(st.booleans()),
        data_page_version=draw(st.sampled_from(["1.0", "2.0"])),
        store_schema=draw(st.booleans()),
    )
    if draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, len(content) - 1))
        piece = draw(st.binary(max_size=9))
        content = content[:place] + piece + content[place + len(piece) :]
    return content


def verdicts(folder: Path, found: list[bytes]) -> list[dict[int, str]]:
    """Return what map, sampling and copies say of tables that do not count."""
    inputs = {}
    for asset, content in enumerate(found, start=1):
        path = folder / f"{TABLE}{asset}"
        path.write_bytes(content)
        inputs[path.name] = path
    known = dict.fromkeys(range(1, len(found) + 1), REGISTERED)
    told = {str(asset): each.told() for asset, each in known.items()}
    asked = {"assets": told, "where": [["noise", ">", 1.0]], "centres": True}
    answer = survey.run(asked, inputs, folder, ignore)["assets"]
    # Something that is always there to be drawn.
    centre = {"asset": 99, "class": "cat", "samples": 10, "projection": [0.0] * 16}
    quality = dict.fromkeys(QUALITY, 1.0)
    drawn = {"assets": told, "seed": 1, "most": 9, "methods": ["pca"]}
    drawn |= {"centres": [{**centre, "quality": quality}]}
    left_out = embedding.run(drawn, inputs, folder, ignore)["left_out"]
    _, unread = gather(inputs, known)
    reasons = confined(hashes_in, [(inputs[f"{TABLE}{asset}"], REGISTERED) for asset in unread])
    return [
        {int(asset): said["problem"] for asset, said in answer.items() if "problem" in said},
        {int(asset): problem for asset, problem in left_out.items()},
        {asset: str(reason) for asset, reason in zip(unread, reasons, strict=True)},
    ]


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(strangers(), min_size=20, max_size=60))
def test_map_sampling_and_copies_agree_on_every_table(found: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        surveyed, drawn, compared = verdicts(Path(folder), [*found, written(columns(ROWS))])
    assert surveyed == drawn == compared
    assert set(surveyed.values()) <= set(tables.PROBLEMS)
    assert len(found) + 1 not in surveyed


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "a class that commands terminals": (
        lambda found: with_cell(found, "class", 1, "\x1b[2J"),
        tables.CLASSES,
    ),
    "a hash in capitals": (
        lambda found: with_cell(found, "average_hash", 1, "F" * 16),
        tables.HASHES,
    ),
    "a hash with a line after it": (
        lambda found: with_cell(found, "color_hash", 4, "f" * 11 + "\n"),
        tables.HASHES,
    ),
    "half a hash of a region": (
        lambda found: with_cell(found, "crop_resistant_hash", 0, "f" * 16 + ","),
        tables.HASHES,
    ),
    "a histogram of other pixels": (
        lambda found: with_cell(found, "histogram_blue", 2, [5] + [4] * 255),
        tables.HISTOGRAMS,
    ),
    "a histogram with fewer than none": (
        lambda found: with_cell(found, "histogram", 2, [-1, 9] + [4] * 254),
        tables.HISTOGRAMS,
    ),
    "a histogram with a hole": (
        lambda found: with_cell(found, "histogram_red", 2, [None] + [4] * 255),
        tables.EMPTY,
    ),
    "a brightness that grey has not": (
        lambda found: with_cell(found, "brightness", 2, 300.0),
        tables.NUMBERS,
    ),
    "a projection from outside": (
        lambda found: with_cell(found, "projection", 2, [131] + [0] * 15),
        tables.NUMBERS,
    ),
    "no channels": (lambda found: with_cell(found, "channels", 2, 0), tables.NUMBERS),
    "rows in another order": (
        lambda found: {**found, "row": list(reversed(range(ROWS)))},
        tables.ORDER,
    ),
    "a column too many": (lambda found: {**found, "extra": [1] * ROWS}, tables.COLUMNS),
    "room for a bomb": (lambda found: with_cell(found, "mode", 0, "x" * (1 << 20)), tables.ROOM),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_what_no_image_has_is_refused_with_the_reason(tmp_path: Path, how: str) -> None:
    change, reason = HOSTILE[how]
    (tmp_path / "table").write_bytes(written(change(columns(ROWS)), use_dictionary=False))
    with pytest.raises(UnacceptableError) as caught:
        list(rows(tmp_path / "table", REGISTERED))
    assert caught.value.problem == reason


def test_a_table_of_large_images_is_not_refused_for_its_pixels(tmp_path: Path) -> None:
    side = 40_000
    counts = [[side * side - 255] + [1] * 255] * ROWS
    names = ("histogram", "histogram_red", "histogram_green", "histogram_blue")
    large: dict[str, Any] = {"width": [side] * ROWS, "height": [side] * ROWS} | dict.fromkeys(
        names, counts
    )
    public_table(tmp_path / "table", ROWS, **large)
    assert sum(batch.num_rows for batch in rows(tmp_path / "table", REGISTERED)) == ROWS


def test_what_ends_its_reader_costs_the_others_nothing(tmp_path: Path) -> None:
    paths = {asset: tmp_path / str(asset) for asset in (1, 2, 3)}
    for path in paths.values():
        public_table(path, ROWS)
    jobs = [(paths[asset], Registered(ROWS, ("2",) if asset == 2 else ())) for asset in paths]
    assert list(confined(dying, jobs)) == [ROWS, tables.BREAKING, ROWS]
    assert list(confined(dying, jobs, time.monotonic())) == [tables.LATE] * 3


def dying(path: Path, registered: Registered) -> int:
    """Die of a table of class 2, as of a parser's fault."""
    if registered.classes:
        raise SystemExit(path.name)
    return registered.samples


def test_memory_is_bounded_and_running_out_of_it_is_a_reason(tmp_path: Path) -> None:
    public_table(tmp_path / "1", ROWS)
    assert list(confined(greedy, [(tmp_path / "1", REGISTERED)])) == [tables.BREAKING]


def greedy(_path: Path, _registered: Registered) -> int:
    """Take four gigabytes."""
    return len(np.ones(1 << 29))


def test_what_was_accepted_before_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"anything")
    known = {1: Registered(ROWS, tuple(CLASSES), accepted=True)}
    assert problems({1: tmp_path / "1"}, known) == {}
    assert problems({1: tmp_path / "1"}, {1: REGISTERED}) == {1: tables.UNREADABLE}


def test_a_table_that_the_database_reads_otherwise_is_read_as_it_was_accepted(
    tmp_path: Path,
) -> None:
    public_table(tmp_path / "1", 50)
    known = {1: Registered(50, tuple(CLASSES))}
    found = Tables({1: tmp_path / "1"}, known, threads=1)
    query = _query([("noise", ">", 5.0)], projected=True)
    plain = found._grouped(query, [1])[1]
    by_arrow = found._by_arrow(query, 1)
    assert [row["label"] for row in plain] == [row["label"] for row in by_arrow]
    for one, other in zip(plain, by_arrow, strict=True):
        assert {k: v for k, v in other.items() if k != "label"} == pytest.approx(
            {k: v for k, v in one.items() if k != "label"}
        )


def test_batches_are_compared_by_the_same_as_the_whole(tmp_path: Path) -> None:
    found = public_table(tmp_path / "1", ROWS)
    whole = hashes_of(pa.table(found, schema=SCHEMA))
    assert (hashes_in(tmp_path / "1", REGISTERED).exact == whole.exact).all()


def test_what_is_remembered_of_a_table_is_of_its_bytes_and_what_was_registered() -> None:
    said = {
        tables.key(images, samples, classes)
        for images in ("a", "b")
        for samples in (1, 2)
        for classes in (("x", "y"), ("xy",), ("y", "x"))
    }
    assert len(said) == 12
