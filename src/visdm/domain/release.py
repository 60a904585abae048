"""The release gate: what of a result may leave the provider (DESIGN section 8).

A result is one safetensors file: eight bytes with the length of a JSON header, the header,
then the tensors. The gate reads the header alone and lets the file pass only when its
tensors are those that owners were shown before they voted, in name, type and shape, laid
end to end with nothing before, between or behind them.

So the profile says how many bytes leave, and no byte more does. What those bytes say
is not judged: a model remembers some of what it was trained on, and a hostile script can
write images into its weights, up to that size. Leakage is bounded, not zero.

Format: safetensors 0.4 and later (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

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

WIDTHS = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
}
"""Bytes of one number, by type."""

_HINT = "the provider keeps the result back; nothing of it was released"

NOT_SAFETENSORS = "the result is not a safetensors file"
EXTRA_METADATA = "the result carries metadata beside its tensors"
OTHER_TENSORS = "the result's tensors are not those of the profile"
OTHER_ENCODING = "the result's header is not written in the plain form"
NOT_END_TO_END = "the result's tensors are not laid end to end"
OTHER_SIZE = "the result's size is not what its header says"
REASONS = (
    NOT_SAFETENSORS,
    EXTRA_METADATA,
    OTHER_TENSORS,
    OTHER_ENCODING,
    NOT_END_TO_END,
    OTHER_SIZE,
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


def check_release(head: bytes, size: int, promised: TensorSpecs) -> None:
    """Let a result pass that holds the promised tensors and nothing else.

    `head` is the file's leading bytes, up to `header_end` at least; `size` is the whole
    file's; `promised` is `tensors` of the model's profile.

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
    spans = [_span(entry) for entry in header.values()]
    _check_plain(head[LENGTH_BYTES:end], header)
    _check_layout(spans, [_bytes_of(entry) for entry in header.values()])
    if end + spans[-1][1] != size:
        _refuse(OTHER_SIZE)


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
    raise JobError(reason, hint=_HINT)
