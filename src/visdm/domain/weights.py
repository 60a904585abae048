"""Weights that a consumer brings to have them tested: a safetensors file of its own making.

Looked at here is only whether it is such a file, before it is encrypted and registered; whether
the weights are the network's is found out in the sandbox, where the network can be built. Unlike a
result it may hold metadata, as the usual writers leave them: it reaches the provider alone.

Format: safetensors 0.4 and later (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

from visdm.domain.documents import count, expect, parse
from visdm.domain.release import LENGTH_BYTES, header_end
from visdm.errors import JobError, ModelError

METADATA = "__metadata__"


def weights_end(head: bytes) -> int:
    """Return where a file's header ends, from its first eight bytes. Raises `ModelError`."""
    try:
        return header_end(head)
    except JobError:
        raise _unreadable() from None


def check_weights(head: bytes, size: int) -> None:
    """Raise `ModelError` unless a file of `size` bytes with this header can be safetensors."""
    try:
        header = expect(parse(head[LENGTH_BYTES:]), dict)
        header.pop(METADATA, None)
        ends = [count(expect(entry["data_offsets"], list)[1]) for entry in header.values()]
        whole = len(head) + max(ends) == size
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise _unreadable() from None
    if not whole:
        raise _unreadable()


def _unreadable() -> ModelError:
    return ModelError(
        "weights.safetensors: is not a readable safetensors file",
        hint="write it with safetensors' save_file, from the network's state_dict",
    )
