"""Reports as documents: what is read back, and what is no report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.reports import Report
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Mapping

from unit.domain.test_reports import CID, REPORT


def test_what_is_published_is_read_back() -> None:
    document = REPORT.to_bytes()
    assert Report.from_bytes(document, cid=CID) == REPORT
    assert Report.from_bytes(document, cid=CID).to_bytes() == document


@given(
    seed=st.integers(0, 2**64 - 1),
    price=st.integers(0, 2**112),
    metrics=st.dictionaries(st.text(max_size=9), st.floats(0, 1)),
    classes=st.lists(st.text(max_size=9), max_size=4).map(tuple),
)
def test_numbers_come_back_exactly(
    seed: int, price: int, metrics: Mapping[str, float], classes: tuple[str, ...]
) -> None:
    report = replace(REPORT, seed=seed, price=price, metrics=metrics, classes=classes)
    assert Report.from_bytes(report.to_bytes(), cid=CID) == report


def altered(**changes: Any) -> bytes:  # noqa: ANN401  # whatever a stranger may write
    return json.dumps({**json.loads(REPORT.to_bytes()), **changes}).encode()


@pytest.mark.parametrize("field", ["format", *Report.__dataclass_fields__])
def test_a_document_without_a_field_is_refused(field: str) -> None:
    fields = json.loads(REPORT.to_bytes())
    del fields[field]
    with pytest.raises(BlobError, match=f"{CID}: not a report"):
        Report.from_bytes(json.dumps(fields).encode(), cid=CID)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        altered(format=1),
        altered(format=2),
        altered(format=None),
        altered(more="than is asked for"),
        altered(inputs=[]),
        altered(inputs={"cat": "bafy"}),
        altered(values=None),
        altered(utilities=[[[3]]]),
        altered(utilities=[[["cat"], 1]]),
        altered(utilities=[[[3], "many"]]),
        altered(utilities=7),
        altered(shares=7),
        altered(classes=None),
        altered(kept=7),
        altered(kept={"3": "all"}),
        altered(by_asset={"3": -1}),
        altered(by_asset=[3]),
        altered(left_out={"5": [3]}),
    ],
)
def test_what_is_no_report_is_refused(document: bytes) -> None:
    with pytest.raises(BlobError, match=f"{CID}: not a report"):
        Report.from_bytes(document, cid=CID)


@pytest.mark.parametrize(
    "document",
    [
        altered().replace(b"[[], 10]", b"[[], 1e999]"),
        altered(price="12000"),
        altered(fee=None),
        altered(task=1),
        altered(digest=None),
        altered(correct=1.0),
        altered(epsilon=True),
        altered(delta="1e-5"),
        altered(seed="42"),
        altered(validation="100"),
        altered(threads=[]),
        altered(shares=["all", "of", "it", 0]),
        altered(rewards=[None]),
        altered(metrics=[]),
        altered(result=7),
    ],
    ids=lambda document: str(len(document)),
)
def test_fields_of_another_type_are_no_report(document: bytes) -> None:
    with pytest.raises(BlobError, match=f"{CID}: not a report"):
        Report.from_bytes(document, cid=CID)


def test_a_text_is_no_list_of_classes() -> None:
    with pytest.raises(BlobError, match=f"{CID}: not a report"):
        Report.from_bytes(altered(classes="cats"), cid=CID)
