from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.documents import MAX_DEPTH, deepest, parse
from visdm.domain.grants import unbundle
from visdm.domain.metadata import Metadata
from visdm.domain.reports import Report
from visdm.errors import BlobError, VaultError

BOMB = b"[" * 200_000
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def _depth(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 0


@given(VALUES)
def test_depth_is_counted_as_the_parser_nests_whatever_strings_hold(value: object) -> None:
    document = json.dumps(value).encode()
    assert deepest(document) == _depth(value)
    assert parse(document) == value


def test_a_document_at_the_limit_is_read_and_one_beyond_is_not() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(ValueError, match="deeper"):
        parse(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "text",
    [b"NaN", b"-Infinity", b"", b"\xff", b"[1,]", b'{"a": 1, "a": 1}', b'[{"a":{"b":0,"b":1}}]'],
)
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_a_bracket_bomb_is_refused_by_every_reader_of_public_documents() -> None:
    with pytest.raises(VaultError):
        unbundle(BOMB, package="bafy")
    with pytest.raises(BlobError):
        Metadata.from_bytes(BOMB, cid="bafy")
    with pytest.raises(BlobError):
        Report.from_bytes(BOMB, cid="bafy")


def test_a_bracket_bomb_does_not_end_a_process_that_allows_deep_recursion() -> None:
    # The embedded chain's libraries raise the limit; the plain parser then ends the process.
    script = "import sys; sys.setrecursionlimit(10**6); import json\n"
    plain = script + "json.loads(b'[' * 200_000)"
    ours = script + "from visdm.domain.documents import parse\nparse(b'[' * 200_000)"
    ends = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode
        for code in (plain, ours)
    ]
    assert ends[0] < 0
    assert ends[1] == 1
