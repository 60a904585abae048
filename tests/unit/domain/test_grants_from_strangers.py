"""Grants and bundles as strangers may write them: one error, and a cost that is bounded."""

from __future__ import annotations

import json
import time
import tracemalloc
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from visdm.domain.documents import MAX_DEPTH
from visdm.domain.grants import (
    MAX_BUNDLE,
    MAX_GRANTS,
    MAX_RECIPIENT,
    MAX_SEALED,
    Grant,
    bundle,
    unbundle,
)
from visdm.errors import InputError, VaultError

GRANT = Grant(
    package="bafy-one",
    recipient="age1alice",
    giver="0xBob",
    digest="ab" * 32,
    key="AGE-SECRET-KEY-1X",
)
NOT_TEXT: list[Any] = [7, -1, 1.5, None, True, [], {}, ["bafy-one"], {"bafy-one": 1}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
DEEP = [opening * depth for opening in (b"[", b'{"a":') for depth in (33, 5_000, 250_000)]
HUGE = [
    b"9" * 4_300,
    b"9" * 4_301,
    b"9" * 500_000,
    b"1e999",
    b"-" + b"9" * 5_000,
    b"0." + b"9" * 9_999,
]


def refused(document: bytes) -> None:
    with pytest.raises(VaultError, match="grants of bafy-one cannot be read"):
        unbundle(document, package="bafy-one")
    with pytest.raises(VaultError, match="grant of bafy-one is not a grant"):
        Grant.from_bytes(document, package="bafy-one", recipient="age1alice")


def read_or_refused(document: bytes) -> None:
    """Nothing but `VaultError` comes out, and what is read is written again."""
    try:
        sealed = unbundle(document, package="bafy-one")
    except VaultError:
        pass
    else:
        assert unbundle(bundle(sealed), package="bafy-one") == sealed
    try:
        grant = Grant.from_bytes(document, package="bafy-one", recipient="age1alice")
    except VaultError:
        pass
    else:
        assert (
            Grant.from_bytes(grant.to_bytes(), package="bafy-one", recipient="age1alice") == grant
        )


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_bundle_or_refused(document: bytes) -> None:
    read_or_refused(document)


@given(JSON)
def test_arbitrary_json_is_a_bundle_or_refused(value: object) -> None:
    read_or_refused(json.dumps(value).encode())


@given(
    st.dictionaries(st.text(max_size=140), st.text("0123456789abcdefAF \u0661", max_size=40) | JSON)
)
@example({"\u0661": "\u0661\u0661"})
def test_an_object_of_texts_is_a_bundle_or_refused(value: dict[str, Any]) -> None:
    read_or_refused(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(at=st.integers(0, 400), cut=st.integers(0, 4), insert=st.binary(max_size=4))
def test_an_altered_bundle_or_grant_is_read_as_it_stands_or_refused(
    at: int, cut: int, insert: bytes
) -> None:
    for whole in (bundle({"age1alice": b"sealed", "age1bob": bytes(90)}), GRANT.to_bytes()):
        read_or_refused(whole[:at] + insert + whole[at + cut :])


@pytest.mark.parametrize("document", DEEP, ids=lambda document: f"{document[:2]!r}{len(document)}")
def test_what_nests_deep_is_refused(document: bytes) -> None:
    refused(document)
    refused(b'{"age1alice":' + document)
    closing = b"]" if document[:1] == b"[" else b"1" + b"}" * (len(document) // 5)
    refused(document + closing * (len(document) if closing == b"]" else 1))


def test_what_nests_as_deep_as_may_be_is_still_no_bundle() -> None:
    refused(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    refused(b'{"age1alice":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}")


@pytest.mark.parametrize("number", HUGE, ids=lambda number: f"{number[:3]!r}{len(number)}")
def test_huge_numbers_are_refused(number: bytes) -> None:
    refused(number)
    refused(b'{"age1alice":' + number + b"}")
    fields = json.dumps(asdict(GRANT) | {"key": "KEY"}).encode()
    refused(fields.replace(b'"KEY"', number))


@pytest.mark.parametrize("value", NOT_TEXT, ids=repr)
@pytest.mark.parametrize("name", asdict(GRANT))
def test_a_field_that_is_no_text_is_refused_and_not_turned_into_one(name: str, value: Any) -> None:  # noqa: ANN401  # any JSON
    document = json.dumps(asdict(GRANT) | {name: value}).encode()
    with pytest.raises(VaultError, match="is not a grant"):
        Grant.from_bytes(document, package=str(value), recipient=str(value))


@pytest.mark.parametrize("value", NOT_TEXT, ids=repr)
def test_a_sealed_grant_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(VaultError):
        unbundle(json.dumps({"age1alice": value}).encode(), package="bafy-one")


@pytest.mark.parametrize("text", ["AB", "a b", " ab", "ab\n", "abc", "0xab", "\u0661\u0661"])
def test_hex_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(VaultError):
        unbundle(json.dumps({"age1alice": text}).encode(), package="bafy-one")


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(VaultError):
        unbundle(b'{"age1alice": "ab", "age1alice": "cd"}', package="bafy-one")
    twice = GRANT.to_bytes().replace(b'"digest"', b'"key": "other", "digest"')
    with pytest.raises(VaultError, match="is not a grant"):
        Grant.from_bytes(twice, package=GRANT.package, recipient=GRANT.recipient)


LARGEST = {f"{number:0{MAX_RECIPIENT}}": bytes(1_900) for number in range(MAX_GRANTS)}


def test_the_largest_bundle_is_written_and_read() -> None:
    assert unbundle(bundle(LARGEST), package="bafy-one") == LARGEST


@pytest.mark.parametrize(
    "sealed",
    [
        LARGEST | {"age1more": b"x"},
        {"a" * (MAX_RECIPIENT + 1): b"x"},
        {"age1alice": bytes(MAX_SEALED + 1)},
        dict.fromkeys(LARGEST, bytes(MAX_SEALED)),
    ],
    ids=["too many", "too long a recipient", "too long a grant", "too long together"],
)
def test_what_could_not_be_read_is_not_written_and_not_read(sealed: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match=r"grants cannot be written: .* at most") as caught:
        bundle(sealed)
    assert caught.value.hint
    document = json.dumps({who: grant.hex() for who, grant in sealed.items()}).encode()
    with pytest.raises(VaultError):
        unbundle(document, package="bafy-one")


def test_a_grant_too_long_to_have_been_sealed_is_refused() -> None:
    long = Grant(**asdict(GRANT) | {"key": "k" * MAX_SEALED})
    with pytest.raises(VaultError, match="is not a grant"):
        Grant.from_bytes(long.to_bytes(), package=GRANT.package, recipient=GRANT.recipient)


@pytest.mark.parametrize("unit", [b"[],", b'"a":"",', b"{},", b"0,", b"[", b'"\\ud83d\\ude00",'])
def test_sixteen_mebibytes_of_anything_cost_next_to_nothing(unit: bytes) -> None:
    document = b"[" + unit * ((16 << 20) // len(unit))
    tracemalloc.start()
    started = time.monotonic()
    try:
        refused(document)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 1
    assert peak < 1 << 20


@pytest.mark.parametrize("unit", [b"[],", b"{},", b'"",', b"0.1,", b'{"a":0},'])
def test_a_bundle_of_the_size_that_is_read_costs_at_most_a_hundred_times_that(unit: bytes) -> None:
    document = b"[" + unit * ((MAX_BUNDLE - 5) // len(unit)) + b"0]"
    tracemalloc.start()
    try:
        refused(document)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * MAX_BUNDLE
