from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from visdm.domain import contents, release
from visdm.domain.release import check_release, header_end
from visdm.errors import JobError

STATE = {
    "head.weight": torch.arange(6, dtype=torch.bfloat16).reshape(2, 3),
    "head.bias": torch.ones(2, dtype=torch.bfloat16),
    "steps": torch.tensor(3),
    "nothing": torch.zeros(0, 2, dtype=torch.bfloat16),
}
PROMISED: dict[str, list[Any]] = {
    "head.weight": ["BF16", [2, 3]],
    "head.bias": ["BF16", [2]],
    "steps": ["I64", []],
    "nothing": ["BF16", [0, 2]],
}
GOOD = save(STATE)


def header_of(file: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(file[8 : header_end(file)])
    return header


def written(text: str, data: bytes) -> bytes:
    return len(text.encode()).to_bytes(8, "little") + text.encode() + data


def rewritten(header: dict[str, Any], data: bytes = GOOD[header_end(GOOD) :]) -> bytes:
    text = json.dumps(header, separators=(",", ":"))
    return written(text + " " * (-len(text) % 8), data)


def refusal(file: bytes, promised: dict[str, list[Any]] | None = None) -> str:
    with pytest.raises(JobError) as caught:
        check_release(file, len(file), PROMISED if promised is None else promised)
    assert caught.value.reason in release.REASONS
    return caught.value.reason


def test_a_file_with_the_promised_tensors_passes() -> None:
    check_release(GOOD, len(GOOD), PROMISED)
    check_release(GOOD[: header_end(GOOD)], len(GOOD), PROMISED)


def test_our_rewriting_of_a_good_file_is_the_good_file() -> None:
    assert rewritten(header_of(GOOD)) == GOOD


def test_metadata_beside_the_tensors_is_refused() -> None:
    assert refusal(save(STATE, metadata={"note": "pixels"})) == release.EXTRA_METADATA


@pytest.mark.parametrize(
    "state",
    [
        {**STATE, "stolen": torch.zeros(1)},
        {name: value for name, value in STATE.items() if name != "steps"},
        {**STATE, "head.bias": torch.ones(3, dtype=torch.bfloat16)},
        {**STATE, "head.bias": torch.ones(2, dtype=torch.float32)},
        {**STATE, "head.bias": torch.ones(2, dtype=torch.float16)},
        {**STATE, "head.weight": torch.ones(3, 2, dtype=torch.bfloat16)},
    ],
    ids=["one more", "one less", "longer", "more precise", "other type", "turned"],
)
def test_tensors_that_owners_were_not_shown_are_refused(state: dict[str, torch.Tensor]) -> None:
    assert refusal(save(state)) == release.OTHER_TENSORS


def test_bytes_behind_the_last_tensor_are_refused() -> None:
    assert refusal(GOOD + b"pixels") == contents.OTHER_SIZE


def test_a_truncated_file_is_refused() -> None:
    assert refusal(GOOD[:-1]) == contents.OTHER_SIZE


def test_bytes_between_tensors_are_refused() -> None:
    header, data = header_of(GOOD), GOOD[header_end(GOOD) :]
    last = list(header)[-1]
    start, end = header[last]["data_offsets"]
    header[last]["data_offsets"] = [start + 4, end + 4]
    hidden = data[:start] + b"pixs" + data[start:]
    assert refusal(rewritten(header, hidden)) == release.NOT_END_TO_END


def test_tensors_that_share_bytes_are_refused() -> None:
    header = header_of(GOOD)
    header["head.weight"]["data_offsets"] = [8, 20]
    assert refusal(rewritten(header)) == release.NOT_END_TO_END


def test_a_tensor_longer_than_its_shape_is_refused() -> None:
    header = header_of(GOOD)
    last = list(header)[-1]
    header[last]["data_offsets"][1] += 6
    file = rewritten(header, GOOD[header_end(GOOD) :] + b"pixels")
    assert refusal(file) == release.NOT_END_TO_END


@pytest.mark.parametrize("offsets", [[0], [0, 8, 8], "08", [0, 8.0], [False, 8], [-8, 0]])
def test_offsets_that_are_not_two_counts_are_refused(offsets: object) -> None:
    header = header_of(GOOD)
    header["steps"]["data_offsets"] = offsets
    assert refusal(rewritten(header)) == release.NOT_END_TO_END


@pytest.mark.parametrize("shape", [[True], [1.0], "1", [[1]], None, [-1]])
def test_a_shape_that_merely_equals_the_promised_one_is_refused(shape: object) -> None:
    header = header_of(GOOD)
    header["steps"]["shape"] = shape
    assert refusal(rewritten(header), {**PROMISED, "steps": ["I64", [1]]}) == release.OTHER_TENSORS


@pytest.mark.parametrize("dtype", ["F8", ["I64"], None, 64])
def test_an_unknown_type_is_refused_whatever_was_promised(dtype: object) -> None:
    header = header_of(GOOD)
    header["steps"]["dtype"] = dtype
    assert refusal(rewritten(header), {**PROMISED, "steps": [dtype, []]}) == release.OTHER_TENSORS


def test_a_field_beside_the_three_is_refused() -> None:
    header = header_of(GOOD)
    header["steps"]["note"] = "pixels"
    assert refusal(rewritten(header)) == release.OTHER_TENSORS


def test_a_message_in_the_spaces_of_the_header_is_refused() -> None:
    text, data = json.dumps(header_of(GOOD)), GOOD[header_end(GOOD) :]
    assert refusal(written(text + " " * (-len(text) % 8), data)) == release.OTHER_ENCODING


def test_a_message_in_the_escapes_of_the_header_is_refused() -> None:
    text, data = GOOD[8 : header_end(GOOD)].decode(), GOOD[header_end(GOOD) :]
    escaped = text.strip().replace('"steps"', '"\\u0073teps"')
    assert refusal(written(escaped + " " * (-len(escaped) % 8), data)) == release.OTHER_ENCODING


def test_padding_beyond_the_next_eight_bytes_is_refused() -> None:
    text, data = GOOD[8 : header_end(GOOD)].decode(), GOOD[header_end(GOOD) :]
    assert refusal(written(text + " " * 8, data)) == release.OTHER_ENCODING


def test_a_tensor_that_stands_twice_is_refused() -> None:
    text, data = GOOD[8 : header_end(GOOD)].decode().strip(), GOOD[header_end(GOOD) :]
    twice = '{"steps":{"dtype":"U8","shape":[9],"data_offsets":[0,9]},' + text[1:]
    assert refusal(written(twice, data)) == release.NOT_SAFETENSORS


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"1234567",
        bytes(8),
        (1 << 62).to_bytes(8, "little"),
        (release.MAX_HEADER + 1).to_bytes(8, "little") + b"{}",
        GOOD[:40],
        written("[]", b""),
        written("{}", b""),
        written("{", b""),
        written("[" * 100_000, b""),
        written('{"a":' + "9" * 10_000 + "}", b""),
        (2).to_bytes(8, "little") + b"\xff\xfe",
    ],
    ids=lambda file: file[:12].hex(),
)
def test_what_is_no_safetensors_file_is_refused(file: bytes) -> None:
    assert refusal(file) == release.NOT_SAFETENSORS


def test_an_entry_that_is_no_object_is_refused() -> None:
    assert refusal(written('{"steps":3}', b"")) == release.OTHER_TENSORS


def test_a_result_without_tensors_is_refused_even_where_none_was_promised() -> None:
    assert refusal(written("{}      ", b""), {}) == release.NOT_SAFETENSORS


@given(st.data())
def test_no_byte_of_the_header_can_say_anything_else(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, header_end(GOOD) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != GOOD[place]))
    changed = GOOD[:place] + bytes([other]) + GOOD[place + 1 :]
    assert refusal(changed) in release.REASONS


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
            lambda name: name != "__metadata__"
        ),
        st.tuples(
            st.sampled_from([torch.bfloat16, torch.int64, torch.bool, torch.uint8]),
            st.lists(st.integers(0, 4), max_size=3),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_safetensors_writes_passes_for_what_it_is(
    shapes: dict[str, tuple[torch.dtype, list[int]]],
) -> None:
    names = {torch.bfloat16: "BF16", torch.int64: "I64", torch.bool: "BOOL", torch.uint8: "U8"}
    state = {name: torch.zeros(shape, dtype=dtype) for name, (dtype, shape) in shapes.items()}
    file = save(state)
    check_release(
        file, len(file), {name: [names[dtype], shape] for name, (dtype, shape) in shapes.items()}
    )
