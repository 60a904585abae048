"""Fuzzes the reader of archives: `python -m fuzz.fuzz_car CORPUS [libFuzzer's options]`.

An input is read as an archive; and, since nobody meets a digest by chance, as a block that an
archive holds under its right name, as a leaf and as a node. It is refused with the errors that
are said, or read to be written again to the last byte.
"""

from __future__ import annotations

import io
import sys

import atheris

with atheris.instrument_imports(include=["visdm"]):
    from visdm.adapters.blocks import car
    from visdm.adapters.blocks.cid import DAG_PB, RAW, Cid

from memory.blobs import MemoryBlobs
from visdm.errors import BlobError, InputError


def read(document: bytes) -> None:
    """Read `document` as an archive."""
    try:
        archive = car.Archive(io.BytesIO(document))
        blocks = list(archive)
    except InputError:
        return
    if not all(cid.fits(block) for cid, block in blocks):
        raise AssertionError("a block was read under another name")
    again = car.header(archive.roots) + b"".join(car.section(*block) for block in blocks)
    if again != document:
        raise AssertionError("read as something that is written otherwise")


def take_in(document: bytes) -> None:
    """Take `document` in; what is pinned is whole, and what is refused is not pinned."""
    blobs = MemoryBlobs()
    try:
        taken = blobs.take_in(io.BytesIO(document))
    except (InputError, BlobError):
        taken = []
    if {str(root) for root in blobs.pins()} != set(taken):
        raise AssertionError("something else is pinned than was taken in")
    for root in taken:
        for cid, block in blobs.blob(root).each():
            if not cid.fits(block):
                raise AssertionError("a block is given out as another than was taken in")


def test_one_input(data: bytes) -> None:
    """Hold the reader to its promises with one input."""
    read(data)
    take_in(data)
    for codec in (RAW, DAG_PB):
        root = Cid.of(codec, data)
        leaf = Cid.of(RAW, b"x")
        take_in(car.header([root]) + car.section(root, data) + car.section(leaf, b"x"))


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
