"""Public descriptions: what comes back, what is refused, how even classes are, what is a copy."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.assets import Kind
from visdm.domain.metadata import FORMAT, Metadata, evenness
from visdm.domain.packages import Disclosure
from visdm.errors import BlobError

CID = "bafkreimetadata"
EXAMPLE = Metadata(
    asset=7,
    kind=Kind.DATA,
    name="Größe",
    samples=120,
    classes=("cat", "dog"),
    summary={"class_counts": {"cat": 60, "dog": 60}},
    images="bafkreiimages",
    prints="bafkreiprints",
    copies={3: 40, 5: 20},
)

CHECKED = {
    *("class_counts", "width", "height", "modes", "bytes", "quality", "histograms"),
    *("projection", "by_class", "pca", "duplicates", "near_duplicates"),
}
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.integers(0, 2**53)
summaries = st.dictionaries(
    text.filter(lambda key: key not in CHECKED),
    st.none() | numbers | text | st.lists(numbers, max_size=3),
)


def altered(**changes: Any) -> bytes:  # noqa: ANN401  # whatever a stranger may write
    return json.dumps({**json.loads(EXAMPLE.to_bytes()), **changes}).encode()


@given(
    asset=st.integers(1, 2**64),
    kind=st.sampled_from(Kind),
    name=text,
    samples=st.integers(0, 2**32 - 1),
    classes=st.lists(text, max_size=5).map(tuple),
    summary=summaries,
    images=text,
    prints=text,
    copies=st.dictionaries(st.integers(1, 2**32), st.integers(1, 2**31), max_size=3),
)
def test_what_is_published_is_read_back(**fields: Any) -> None:  # noqa: ANN401  # as named above
    copies = {
        earlier: images
        for earlier, images in fields.pop("copies").items()
        if earlier < fields["asset"] and images <= fields["samples"]
    }
    metadata = Metadata(**fields, copies=copies)
    document = metadata.to_bytes()
    assert Metadata.from_bytes(document, cid=CID) == metadata
    assert Metadata.from_bytes(document, cid=CID).to_bytes() == document


def test_the_document_names_its_kind_in_words_and_keeps_letters_readable() -> None:
    document = EXAMPLE.to_bytes().decode()
    assert '"kind": "data"' in document
    assert "Größe" in document
    assert json.loads(document)["format"] == FORMAT


def test_a_number_that_is_none_is_not_published() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(EXAMPLE, summary={"mean": float("nan")}).to_bytes()


def test_a_later_format_is_named() -> None:
    with pytest.raises(BlobError, match=f"{CID}: metadata of another format than 2"):
        Metadata.from_bytes(altered(format=3), cid=CID)


@pytest.mark.parametrize("field", ["format", *Metadata.__dataclass_fields__])
def test_a_document_without_a_field_is_refused(field: str) -> None:
    fields = json.loads(EXAMPLE.to_bytes())
    del fields[field]
    with pytest.raises(BlobError, match=f"{CID}: not a metadata document"):
        Metadata.from_bytes(json.dumps(fields).encode(), cid=CID)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"\xff\xfe\x00",
        altered(asset="seven"),
        altered(asset=None),
        altered(asset=[7]),
        altered(kind="film"),
        altered(kind=None),
        altered(kind=1),
        altered(samples="many"),
        altered(classes=None),
        altered(classes=3),
        altered(summary=None),
        altered(summary=3),
        altered(summary=["a"]),
        altered(summary=[["class_counts", 3]]),
        altered().replace(b'"asset": 7', b'"asset": NaN'),
    ],
)
def test_what_is_no_metadata_is_refused(document: bytes) -> None:
    with pytest.raises(BlobError, match=f"{CID}: not a metadata document"):
        Metadata.from_bytes(document, cid=CID)


@pytest.mark.parametrize(
    "counts",
    [None, ["cat"], {"cat": "many"}, {"cat": None}, {"cat": -1}, {"cat": 1.5}, {"cat": 2**32}],
    ids=str,
)
def test_classes_are_counted_in_whole_numbers(counts: object) -> None:
    with pytest.raises(BlobError, match=CID):
        Metadata.from_bytes(altered(summary={"class_counts": counts}), cid=CID)


@pytest.mark.parametrize(
    "document",
    [
        altered().replace(b'"asset": 7', b'"asset": 1e999'),
        altered().replace(b'"samples": 120', b'"samples": -1e999'),
        altered(asset=-7),
        altered(samples=-1),
        altered(samples=1.5),
        altered(samples=True),
        altered(classes="cat"),
        altered(classes=[["cat"]]),
        altered(name=None),
        altered(name="\ud800"),
        altered().replace(b'{"class_counts"', b'{"mean": 1e999, "class_counts"'),
    ],
    ids=lambda document: str(len(document)),
)
def test_values_that_no_asset_can_have_are_refused(document: bytes) -> None:
    with pytest.raises(BlobError, match=f"{CID}: not a metadata document"):
        Metadata.from_bytes(document, cid=CID)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_depth_cannot_be_hidden_in_another_encoding(encoding: str) -> None:
    # One of the bytes of the letter U+2200 is a quotation mark's. Not deep enough to end a
    # process whose libraries raised the limit of recursion; a hundred thousand would be.
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    document = json.dumps(
        {**json.loads(EXAMPLE.to_bytes()), "name": "\u2200", "summary": {"deep": deep}},
        ensure_ascii=False,
    )
    with pytest.raises(BlobError, match=f"{CID}: not a metadata document"):
        Metadata.from_bytes(document.encode(encoding), cid=CID)


def test_a_stranger_does_not_write_on_the_terminal() -> None:
    with pytest.raises(BlobError) as caught:
        Metadata.from_bytes(altered(format="1\n\x1b[2Jerror: send money to"), cid=CID)
    assert caught.value.message.isprintable()


# Disclosure.


@pytest.mark.parametrize("disclosure", ["none", "", "FULL", None, 1, True, ["full"]], ids=str)
def test_a_disclosure_that_there_is_not_is_refused(disclosure: object) -> None:
    with pytest.raises(BlobError, match=f"{CID}: not a metadata document"):
        Metadata.from_bytes(altered(disclosure=disclosure), cid=CID)


def test_a_table_beside_aggregates_is_refused() -> None:
    """A provider published what its owner had not agreed to: no reader takes it up."""
    with pytest.raises(BlobError, match=f"{CID}: not a metadata document"):
        Metadata.from_bytes(altered(disclosure="aggregate"), cid=CID)
    read = Metadata.from_bytes(altered(disclosure="aggregate", images=""), cid=CID)
    assert read.disclosure is Disclosure.AGGREGATE


# Copies.


def test_the_share_that_is_copied_is_counted_over_all_earlier_assets() -> None:
    assert EXAMPLE.copied == pytest.approx(0.5)
    assert replace(EXAMPLE, copies={}).copied == 0
    assert replace(EXAMPLE, copies={3: 120, 5: 120}).copied == 1
    assert replace(EXAMPLE, samples=0).copied == 0


@pytest.mark.parametrize(
    "copies",
    [
        None,
        [3],
        {"3": "40"},
        {"3": -1},
        {"3": 0},
        {"3": 1.5},
        {"3": 121},
        {"7": 1},
        {"8": 1},
        {"0": 1},
        {"-3": 1},
        {"03": 1},
        {" 3": 1},
        {"\u0663": 1},
        {"three": 1},
        {"9" * 5000: 1},
    ],
    ids=lambda copies: str(copies)[:20],
)
def test_copies_are_of_earlier_assets_and_no_more_than_there_are_images(copies: object) -> None:
    with pytest.raises(BlobError, match=f"{CID}: not a metadata document"):
        Metadata.from_bytes(altered(copies=copies), cid=CID)


# Evenness.


@pytest.mark.parametrize("counts", [[], [0], [7], [0, 7, 0]])
def test_a_single_class_is_as_uneven_as_can_be(counts: list[int]) -> None:
    assert evenness(counts) == 0


@given(st.integers(2, 100), st.integers(1, 10**6))
def test_equal_classes_are_even(classes: int, count: int) -> None:
    assert evenness([count] * classes) == pytest.approx(1, abs=1e-12)


def test_evenness_is_entropy_over_its_maximum() -> None:
    # Half, a quarter, a quarter: one and a half bits of the log2(3) there could be.
    assert evenness([2, 1, 1]) == pytest.approx(1.5 * log(2) / log(3))


@given(st.lists(st.integers(0, 10**6), max_size=8), st.integers(2, 50))
def test_evenness_depends_on_proportions_only(counts: list[int], scale: int) -> None:
    even = evenness(counts)
    assert -1e-12 <= even <= 1 + 1e-12
    assert evenness(sorted(counts)) == pytest.approx(even)
    assert evenness([count * scale for count in counts]) == pytest.approx(even)
    assert evenness([*counts, 0]) == even


@given(st.integers(2, 1_000), st.integers(1, 999))
def test_moving_an_image_to_the_smaller_class_makes_it_more_even(total: int, few: int) -> None:
    few = few % (total // 2 + 1)
    if few + 1 <= total - few - 1:
        assert evenness([few, total - few]) < evenness([few + 1, total - few - 1])


def test_metadata_without_counts_has_no_balance() -> None:
    assert EXAMPLE.balance == pytest.approx(1)
    assert replace(EXAMPLE, summary={}).balance == 0
