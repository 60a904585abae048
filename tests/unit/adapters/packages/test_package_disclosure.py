"""What an owner discloses stands in the package, and nothing else stands there."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow ships no types
import pytest

from memory.building import build
from visdm.domain.packages import DISCLOSURE_KEY, Disclosure
from visdm.errors import FolderError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)


@pytest.mark.parametrize("disclosure", Disclosure)
def test_what_was_said_when_it_was_built_is_read_back(
    packages: Packages, pets: Path, target: Path, disclosure: Disclosure
) -> None:
    with target.open("wb") as sink:
        made = packages.build_data(pets, sink, name="pets", disclosure=disclosure)
    assert made.disclosure is disclosure
    assert packages.inspect_data(target) == made


def test_the_choice_is_part_of_the_digest(packages: Packages, pets: Path) -> None:
    digests = {
        packages.build_data(pets, BytesIO(), name="pets", disclosure=disclosure).digest
        for disclosure in Disclosure
    }
    assert len(digests) == 2


def test_a_package_that_discloses_all_is_what_it_was_before_there_was_a_choice(
    packages: Packages, pets: Path, target: Path
) -> None:
    made = build(packages, pets, target)
    assert made.disclosure is Disclosure.FULL
    assert set(pq.read_schema(target).metadata) == {b"visdm.name", b"huggingface"}
    assert packages.inspect_data(target).disclosure is Disclosure.FULL


@pytest.mark.parametrize("asked", [b"", b"none", b"FULL", b"\xff\xfe", b"aggregatE"])
def test_a_package_that_asks_for_another_disclosure_is_refused(
    packages: Packages, pets: Path, target: Path, asked: bytes
) -> None:
    with target.open("wb") as sink:
        packages.build_data(pets, sink, name="pets", disclosure=Disclosure.AGGREGATE)
    # Of the same length, so that the file stays the Parquet that it is.
    padded = asked.ljust(9, b"x")
    changed = target.read_bytes().replace(b"\x09aggregate", b"\x09" + padded)
    assert DISCLOSURE_KEY.encode() in changed
    target.write_bytes(changed)
    with pytest.raises(FolderError, match="asks for a disclosure that there is not"):
        packages.inspect_data(target)
