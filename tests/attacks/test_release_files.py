"""Pixels in a result's file, where no weight has to be: each way works, and the gate closes it.

Each test first takes the secret out of the file that a hostile script left, so that the refusal
proves something.
"""

from __future__ import annotations

import json
from itertools import pairwise, permutations
from math import factorial
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load, save

from attacks.releasing import (
    SECRET,
    compact,
    data_of,
    header_of,
    released,
    text_of,
    written,
)
from visdm.domain import contents, release
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attacks.releasing import Promised

SHAPES = dict.fromkeys("abcdefgh", (4, 8))
HONEST = {name: torch.full(shape, 0.5, dtype=torch.bfloat16) for name, shape in SHAPES.items()}
PROMISED: Promised = {name: ["BF16", list(shape)] for name, shape in SHAPES.items()}
GOOD = save(HONEST)


def refusal(file: bytes, promised: Promised = PROMISED) -> str:
    with pytest.raises(JobError) as caught:
        released(file, promised)
    assert caught.value.reason in release.REASONS
    return caught.value.reason


def test_an_honest_result_passes() -> None:
    assert released(GOOD, PROMISED) == GOOD


def test_pixels_in_an_extra_tensor_are_refused() -> None:
    extra = torch.frombuffer(bytearray(SECRET), dtype=torch.uint8)
    file = save({**HONEST, "z": extra})
    assert bytes(load(file)["z"].tolist()) == SECRET
    assert refusal(file) == release.OTHER_TENSORS


def test_pixels_in_the_name_of_a_tensor_are_refused() -> None:
    file = save({**HONEST, SECRET.hex(): torch.zeros(0)})
    assert bytes.fromhex(min(load(file), key=lambda name: -len(name))) == SECRET
    assert refusal(file) == release.OTHER_TENSORS


def test_pixels_in_the_name_of_a_promised_tensor_are_refused() -> None:
    named: Mapping[str, torch.Tensor] = {
        (SECRET.hex() if name == "h" else name): value for name, value in HONEST.items()
    }
    file = save(dict(named))
    assert SECRET.hex() in load(file)
    assert refusal(file) == release.OTHER_TENSORS


def test_pixels_in_the_metadata_of_the_header_are_refused() -> None:
    file = save(HONEST, metadata={"note": SECRET.hex()})
    assert bytes.fromhex(header_of(file)["__metadata__"]["note"]) == SECRET
    assert refusal(file) == release.EXTRA_METADATA


def test_pixels_in_the_padding_of_the_header_are_refused() -> None:
    """A blank or a tab for each bit: every reader of JSON steps over them."""
    number = int.from_bytes(SECRET)
    padding = "".join("\t" if number >> place & 1 else " " for place in range(8 * len(SECRET)))
    file = written(text_of(GOOD).rstrip() + padding, data_of(GOOD))
    assert torch.equal(load(file)["a"], HONEST["a"])
    blanks = text_of(file)[len(text_of(file).rstrip()) :]
    read = sum((blank == "\t") << place for place, blank in enumerate(blanks))
    assert read.to_bytes(len(SECRET)) == SECRET
    assert refusal(file) == release.OTHER_ENCODING


def test_pixels_in_the_spaces_between_words_of_the_header_are_refused() -> None:
    spaces = iter(SECRET)
    words = json.dumps(header_of(GOOD), separators=("\0", ":")).split("\0")
    text = "".join(word + "," + " " * next(spaces, 0) for word in words[:-1]) + words[-1]
    file = written(text, data_of(GOOD))
    assert torch.equal(load(file)["a"], HONEST["a"])
    read = [len(part) - len(part.lstrip()) for part in text.split(",")[1:]]
    assert bytes(read) == SECRET[: len(read)]
    assert refusal(file) == release.OTHER_ENCODING


def test_pixels_between_two_tensors_are_refused() -> None:
    header, data = header_of(GOOD), data_of(GOOD)
    last = list(header)[-1]
    start, end = header[last]["data_offsets"]
    header[last]["data_offsets"] = [start + len(SECRET), end + len(SECRET)]
    file = written(compact(header), data[:start] + SECRET + data[start:])
    assert data_of(file)[start : start + len(SECRET)] == SECRET
    assert refusal(file) == release.NOT_END_TO_END


def test_pixels_behind_the_last_tensor_are_refused() -> None:
    assert (GOOD + SECRET)[len(GOOD) :] == SECRET
    assert refusal(GOOD + SECRET) == contents.OTHER_SIZE


def ordered(names: str) -> bytes:
    """Return a good file but for the order in which its tensors stand."""
    size = 2 * 4 * 8
    header = {
        name: {"dtype": "BF16", "shape": [4, 8], "data_offsets": [size * n, size * (n + 1)]}
        for n, name in enumerate(names)
    }
    return written(compact(header), data_of(GOOD))


def test_pixels_in_the_order_of_the_tensors_are_refused() -> None:
    """Eight tensors stand in one of 40,320 orders: fifteen bits, and more than a megabit of a
    million.
    """
    number = int.from_bytes(SECRET[:2]) % factorial(8)
    orders = ["".join(order) for order in permutations("abcdefgh")]
    file = ordered(orders[number])
    assert orders.index("".join(header_of(file))) == number
    assert all(torch.equal(load(file)[name], value) for name, value in HONEST.items())
    assert refusal(file) == release.OTHER_ORDER


def test_one_order_passes_and_no_other() -> None:
    names = "abcdefgh"
    assert released(ordered(names), PROMISED) == GOOD
    for one, other in pairwise(names):
        swapped = names.translate(str.maketrans(one + other, other + one))
        assert refusal(ordered(swapped)) == release.OTHER_ORDER


def test_pixels_in_the_payloads_of_what_is_no_number_are_refused() -> None:
    """Seven bits and a sign of each NaN are the script's to choose."""
    data = bytearray(data_of(GOOD))
    for place, pixel in enumerate(SECRET):
        low, sign = pixel & 0x7F, pixel & 0x80
        data[2 * place : 2 * place + 2] = bytes([0x80 | low, sign | 0x7F])
    file = written(compact(header_of(GOOD)), bytes(data))
    read = [(high & 0x80) | (low & 0x7F) for low, high in zip(data[::2], data[1::2], strict=True)]
    assert bytes(read)[: len(SECRET)] == SECRET
    assert not torch.isfinite(load(file)["a"]).any()
    assert refusal(file) == contents.NOT_FINITE


def test_pixels_in_the_unread_bits_of_truth_values_are_refused() -> None:
    promised: Promised = {**PROMISED, "mask": ["BOOL", [len(SECRET)]]}
    file = save({**HONEST, "mask": torch.ones(len(SECRET), dtype=torch.bool)})
    assert released(file, promised) == file
    hidden = file[: -len(SECRET)] + SECRET
    assert load(hidden)["mask"].shape == (len(SECRET),)
    assert hidden[-len(SECRET) :] == SECRET
    assert refusal(hidden, promised) == contents.NOT_TRUTHS


@pytest.mark.parametrize("dtype", ["F32", "F64", "F16"])
def test_floats_wider_than_the_rounding_are_refused_even_where_they_were_promised(
    dtype: str,
) -> None:
    kinds = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16}
    value = torch.frombuffer(bytearray(SECRET), dtype=kinds[dtype]).clone()
    file = save({"a": value})
    assert data_of(file) == SECRET
    assert refusal(file, {"a": [dtype, list(value.shape)]}) == release.OTHER_TENSORS


def test_more_whole_numbers_than_the_weights_allow_are_refused_even_where_promised() -> None:
    image = SECRET * 65
    table = torch.frombuffer(bytearray(image), dtype=torch.int64).clone()
    file = save({**HONEST, "table": table})
    assert data_of(file)[: len(image)] == image
    promised: Promised = {**PROMISED, "table": ["I64", list(table.shape)]}
    assert refusal(file, promised) == release.TOO_MUCH_STATE
    fewer = table[:512]
    allowed: Promised = {**PROMISED, "table": ["I64", [512]]}
    assert released(save({**HONEST, "table": fewer}), allowed)


def test_more_than_the_cap_is_refused_before_a_byte_of_it_is_read() -> None:
    side = release.MAX_RELEASE // 2 + 1
    header = {"a": {"dtype": "BF16", "shape": [side], "data_offsets": [0, 2 * side]}}
    head = written(compact(header), b"")
    with pytest.raises(JobError, match=release.TOO_LARGE):
        release.check_release(head, len(head) + 2 * side, {"a": ["BF16", [side]]})
