"""The numbers of a result: what is a number and what is not, wherever the file is cut."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.contents import NOT_FINITE, NOT_TRUTHS, OTHER_SIZE, Contents
from visdm.errors import JobError


def looked_at(data: bytes, parts: list[tuple[str, int]], cuts: list[int]) -> None:
    contents = Contents(0, parts)
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        assert contents.write(data[start:end]) == max(0, end - start)
    contents.close()


def test_every_bfloat16_passes_but_those_that_are_not_finite() -> None:
    for bits in range(1 << 16):
        data = bits.to_bytes(2, "little")
        finite = bool(torch.frombuffer(bytearray(data), dtype=torch.bfloat16).isfinite())
        if finite:
            looked_at(data, [("BF16", 2)], [])
        else:
            with pytest.raises(JobError, match=NOT_FINITE):
                looked_at(data, [("BF16", 2)], [])


@given(
    st.lists(st.integers(0, 0xFFFF), max_size=12),
    st.integers(0, 3),
    st.lists(st.integers(0, 27), max_size=4),
)
def test_where_the_file_is_cut_changes_nothing(
    numbers: list[int], truths: int, cuts: list[int]
) -> None:
    data = bytes(truths) + b"".join(number.to_bytes(2, "little") for number in numbers)
    parts = [("BOOL", truths), ("BF16", len(data) - truths)]
    cuts = [min(cut, len(data)) for cut in cuts]
    finite = all(number & 0x7F80 != 0x7F80 for number in numbers)
    if finite:
        looked_at(data, parts, cuts)
    else:
        with pytest.raises(JobError, match=NOT_FINITE):
            looked_at(data, parts, cuts)


def test_zero_with_a_sign_and_subnormal_numbers_are_numbers() -> None:
    looked_at(bytes.fromhex("0080 0100 7f00 ffff7f7f")[:6], [("BF16", 6)], [])


@pytest.mark.parametrize("byte", [2, 3, 128, 255])
def test_a_truth_value_is_true_or_false(byte: int) -> None:
    looked_at(b"\0\1", [("BOOL", 2)], [])
    with pytest.raises(JobError, match=NOT_TRUTHS):
        looked_at(bytes([0, byte]), [("BOOL", 2)], [])


def test_whole_numbers_pass_whatever_they_are() -> None:
    looked_at(b"\xff\x7f" * 4, [("I64", 8)], [3])


@pytest.mark.parametrize("size", [5, 7])
def test_a_file_that_ends_elsewhere_is_refused(size: int) -> None:
    with pytest.raises(JobError, match=OTHER_SIZE):
        looked_at(bytes(size), [("U8", 4), ("U8", 2)], [])
