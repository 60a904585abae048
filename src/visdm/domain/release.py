"""The release gate: what of a result may leave the provider (DESIGN section 8).

A result is one safetensors file: eight bytes with the length of a JSON header, the header,
then the tensors. Its header passes only when its tensors are those that owners were shown
before they voted, in name, type and shape, in the one order that the format's own writer
gives them, laid end to end with nothing before, between or behind them. Of the numbers then
(`Contents`) each weight must be one: bfloat16 has 254 ways to write "not a number", with a
sign and seven bits to choose, and a truth value seven bits that nobody reads.

So the profile says how many bytes leave, and no byte more does. What those numbers say
is not judged: a model remembers some of what it was trained on, and a hostile script can
write images into its weights, up to that size. Leakage is bounded, not zero. Zero with a sign
and the smallest numbers (subnormal ones) are numbers like others and pass as they are.

Whole numbers and truth values are no weights: they count batches, or say which places look at
which, and training has no use for many. They are not rounded, so a network may have only a
little of them (`state_limit`).

Format: safetensors 0.4 and later (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

from visdm.domain.contents import (
    HINT,
    NOT_FINITE,
    NOT_TRUTHS,
    OTHER_SIZE,
    TRUTH,
    WEIGHT,
    Contents,
)
from visdm.domain.documents import deepest
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    TensorSpecs = Mapping[str, Sequence[Any]]
    """Tensor name to its type and shape, as in `{"head.weight": ["BF16", [10, 64]]}`."""

LENGTH_BYTES = 8
MAX_HEADER = 16 << 20
"""Bytes of a header: a hundred thousand tensors fit."""

HEADER_DEPTH = 8
"""Brackets of a header, counted before it is parsed: a good one has three, the rest is refused
for what it says."""

WIDTHS = {TRUTH: 1, "U8": 1, "I8": 1, "I16": 2, WEIGHT: 2, "I32": 4, "I64": 8}
"""Bytes of one number, by type, in the order in which the format knows these types. No other
leaves: wider floats have bits below the rounding, in which an image could hide from the eye of
whoever compares accuracies."""

MAX_RELEASE = 1 << 30
"""Bytes of tensors that a job may release: 500 million weights."""

LEAST_STATE, MOST_STATE, STATE_PART = 1 << 12, 1 << 20, 8
"""Bytes of whole numbers and truth values that are always allowed, that never more than are, and
how many times as many bytes the weights take at least in between. Batch normalisation keeps 8
bytes a layer; the window tables of Swin v2 B, the most we know, take 0.8 MB beside 176 MB."""

NOT_SAFETENSORS = "the result is not a safetensors file"
EXTRA_METADATA = "the result carries metadata beside its tensors"
OTHER_TENSORS = "the result's tensors are not those of the profile"
OTHER_ENCODING = "the result's header is not written in the plain form"
NOT_END_TO_END = "the result's tensors are not laid end to end"
OTHER_ORDER = "the result's tensors stand in another order than they are written in"
TOO_LARGE = f"the result is larger than {MAX_RELEASE} bytes"
TOO_MUCH_STATE = "the result holds more whole numbers than its weights allow"
REASONS = (
    NOT_SAFETENSORS,
    EXTRA_METADATA,
    OTHER_TENSORS,
    OTHER_ENCODING,
    NOT_END_TO_END,
    OTHER_SIZE,
    OTHER_ORDER,
    NOT_FINITE,
    NOT_TRUTHS,
    TOO_LARGE,
    TOO_MUCH_STATE,
)
"""All reasons that the gate gives. They are public and hold nothing that the script chose."""


def header_end(first: bytes) -> int:
    """Return where the header ends, from the first eight bytes of a file.

    Raises `JobError` where no header of a sane size is announced.
    """
    if len(first) < LENGTH_BYTES:
        _refuse(NOT_SAFETENSORS)
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    if not 0 < length <= MAX_HEADER:
        _refuse(NOT_SAFETENSORS)
    return LENGTH_BYTES + length


def sizes(promised: TensorSpecs) -> tuple[int, int]:
    """Return the bytes of a profile's weights, and of its other numbers.

    Raises `KeyError` for a type that is not released.
    """
    found = [(kind, WIDTHS[kind] * prod(shape)) for kind, shape in promised.values()]
    return (
        sum(size for kind, size in found if kind == WEIGHT),
        sum(size for kind, size in found if kind != WEIGHT),
    )


def state_limit(weights: int) -> int:
    """Return how many bytes of other numbers go with so many bytes of weights."""
    return min(MOST_STATE, max(LEAST_STATE, weights // STATE_PART))


def check_release(head: bytes, size: int, promised: TensorSpecs) -> Contents:
    """Let the header of a result pass that holds the promised tensors and nothing else.

    `head` is the file's leading bytes, up to `header_end` at least; `size` is the whole
    file's; `promised` is `tensors` of the model's profile. Returns what the whole file, from
    its first byte, has to be written to as well.

    Raises `JobError` with one of `REASONS`.
    """
    end = header_end(head)
    if len(head) < end:
        _refuse(NOT_SAFETENSORS)
    header = _parse(head[LENGTH_BYTES:end])
    if "__metadata__" in header:
        _refuse(EXTRA_METADATA)
    if {name: _spec(entry) for name, entry in header.items()} != _normal(promised):
        _refuse(OTHER_TENSORS)
    _check_sizes(promised)
    spans = [_span(entry) for entry in header.values()]
    _check_plain(head[LENGTH_BYTES:end], header)
    if list(header) != sorted(header, key=lambda name: _place(name, header[name]["dtype"])):
        _refuse(OTHER_ORDER)
    parts = [(str(entry["dtype"]), _bytes_of(entry)) for entry in header.values()]
    _check_layout(spans, [length for _, length in parts])
    if end + spans[-1][1] != size:
        _refuse(OTHER_SIZE)
    return Contents(end, parts)


def _place(name: str, dtype: str) -> tuple[int, bytes]:
    """What safetensors sorts by: wide types first, among equals by the bytes of the name."""
    return -_ORDER[dtype], name.encode()


_ORDER = {dtype: place for place, dtype in enumerate(WIDTHS)}


def _check_sizes(promised: TensorSpecs) -> None:
    weights, others = sizes(promised)
    if weights + others > MAX_RELEASE:
        _refuse(TOO_LARGE)
    if others > state_limit(weights):
        _refuse(TOO_MUCH_STATE)


def _parse(text: bytes) -> dict[str, Any]:
    if deepest(text) > HEADER_DEPTH:
        _refuse(NOT_SAFETENSORS)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        _refuse(NOT_SAFETENSORS)
    if not isinstance(header, dict) or not header:
        _refuse(NOT_SAFETENSORS)
    return header


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; a key that comes twice would hide what stood under it first."""
    whole = dict(pairs)
    if len(whole) != len(pairs):
        _refuse(NOT_SAFETENSORS)
    return whole


def _normal(promised: TensorSpecs) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (str(dtype), tuple(shape)) for name, (dtype, shape) in promised.items()}


def _spec(entry: object) -> tuple[str, tuple[int, ...]]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        _refuse(OTHER_TENSORS)
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in WIDTHS or not _are_counts(shape):
        _refuse(OTHER_TENSORS)
    return dtype, tuple(shape)


def _span(entry: Mapping[str, Any]) -> tuple[int, int]:
    offsets = entry["data_offsets"]
    if not _are_counts(offsets) or len(offsets) != 2:  # noqa: PLR2004 - a start and an end
        _refuse(NOT_END_TO_END)
    return offsets[0], offsets[1]


def _are_counts(numbers: object) -> bool:
    """Whether these are whole numbers from 0: `True` and `1.0` equal 1 but are not."""
    return isinstance(numbers, list) and all(type(n) is int and n >= 0 for n in numbers)


def _bytes_of(entry: Mapping[str, Any]) -> int:
    dtype, shape = _spec(entry)
    return prod(shape) * WIDTHS[dtype]


def _check_plain(text: bytes, header: Mapping[str, Any]) -> None:
    """Refuse spaces and escapes that hide a message: only padding to eight bytes is allowed."""
    keys = ("dtype", "shape", "data_offsets")
    ordered = {name: {key: entry[key] for key in keys} for name, entry in header.items()}
    plain = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()
    padding = -len(plain) % LENGTH_BYTES
    if text != plain + b" " * padding:
        _refuse(OTHER_ENCODING)


def _check_layout(spans: Sequence[tuple[int, int]], lengths: Sequence[int]) -> None:
    whole = spans[0][0] == 0 and all(a[1] == b[0] for a, b in pairwise(spans))
    fitting = all(b - a == length for (a, b), length in zip(spans, lengths, strict=True))
    if not (whole and fitting):
        _refuse(NOT_END_TO_END)


def _refuse(reason: str) -> NoReturn:
    raise JobError(reason, hint=HINT)
