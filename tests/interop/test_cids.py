"""Our CIDs are those that importers written by others give the same bytes."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from visdm.adapters.blocks import BlockFolder
from visdm.adapters.blocks.unixfs import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from visdm.adapters.blocks.cid import Cid

HERE = Path(__file__).parent
IPFS_CAR = HERE.parents[1] / "node_modules" / "ipfs-car" / "bin.js"
MIB = 1 << 20
SIZES = (0, 1, MIB - 1, MIB, MIB + 1, 50 * MIB, 1_181_116_006)
"""Bytes. The last one is 1.1 GiB: more leaves than a node has links."""

MOST_MEMORY = 16 * MIB
"""What we may take to cut any of them."""


class Counted(io.RawIOBase):
    """The 32-bit big-endian numbers from 0 on, cut to `size` bytes; as in cids.mjs."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        first, skip = divmod(self._at, 4)
        numbers = np.arange(first, first + len(view) // 4 + 2, dtype=">u4").tobytes()
        part = numbers[skip : skip + min(len(view), self._size - self._at)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_has_the_cid_that_the_reference_importer_gives(
    size: int, run_node: Callable[..., str]
) -> None:
    theirs = json.loads(run_node(HERE / "cids.mjs", str(size)))
    kept: list[Cid] = []
    tracemalloc.start()
    try:
        ours = build(io.BufferedReader(Counted(size), MIB), lambda cid, _: kept.append(cid))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (str(ours), len(kept)) == (theirs["cid"], theirs["blocks"])
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("size", SIZES[:-1])
def test_a_file_of_any_size_has_the_cid_that_ipfs_car_gives(
    size: int, run_node: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "asset"
    file.write_bytes(Counted(size).read())
    car = tmp_path / "asset.car"
    theirs = run_node(IPFS_CAR, "pack", "--no-wrap", file, "--output", car).strip()
    assert BlockFolder(tmp_path / "store").put(file) == theirs
