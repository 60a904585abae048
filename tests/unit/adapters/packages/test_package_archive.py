"""Model packages of strangers."""

from __future__ import annotations

import tarfile
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.pictures import SOURCE
from visdm.adapters.packages import archive
from visdm.errors import (
    ModelError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)


def packed(target: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for info, content in members:
            tar.addfile(replace_size(info, content), BytesIO(content))
    return target


def replace_size(info: tarfile.TarInfo, content: bytes) -> tarfile.TarInfo:
    if info.isreg():
        info.size = len(content)
    return info


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


HOSTILE: list[tuple[str, tarfile.TarInfo, str]] = [
    ("absolute", member("/etc/passwd"), "does not belong"),
    ("upwards", member("../visdm.toml"), "does not belong"),
    ("upwards python", member("../../model.py"), "does not belong"),
    ("inside", member("a/model.py"), "does not belong"),
    ("backslash", member("..\\model.py"), "does not belong"),
    ("terminal", member("\x1b[2J.py"), "does not belong"),
    ("dot", member("./model.py"), "does not belong"),
    ("symlink", member("model.py", tarfile.SYMTYPE, linkname="/etc/passwd"), "is a link"),
    ("hard link", member("model.py", tarfile.LNKTYPE, linkname="visdm.toml"), "is a link"),
    ("character device", member("model.py", tarfile.CHRTYPE), "is a device"),
    ("block device", member("model.py", tarfile.BLKTYPE), "is a device"),
    ("pipe", member("model.py", tarfile.FIFOTYPE), "is a device"),
    ("folder", member("model.py", tarfile.DIRTYPE), "is a folder"),
    ("pax header", member("model.py", tarfile.XHDTYPE), "something other than a file"),
    ("long name", member("model.py", tarfile.GNUTYPE_LONGNAME), "something other than a file"),
    ("old file", member("model.py", tarfile.AREGTYPE), "something other than a file"),
    ("executable", member("model.py", mode=0o4755), "was not packed by ViSDM"),
    ("owner", member("model.py", uid=1000, uname="jane"), "was not packed by ViSDM"),
    ("dated", member("model.py", mtime=1), "was not packed by ViSDM"),
]


@pytest.mark.parametrize(
    ("info", "problem"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
def test_a_hostile_member_is_named_and_refused(
    packages: Packages, target: Path, info: tarfile.TarInfo, problem: str
) -> None:
    packed(target, (info, b"x = 1\n"))
    with pytest.raises(ModelError, match=problem) as caught:
        packages.inspect_model(target)
    assert caught.value.message.isprintable()
    assert [path.name for path in target.parent.iterdir()] == ["package"]


def test_a_name_that_comes_twice_is_refused(packages: Packages, target: Path) -> None:
    packed(target, (member("model.py"), b"x = 1"), (member("model.py"), b"x = 2"))
    with pytest.raises(ModelError, match=r"model\.py: the package holds it twice"):
        packages.inspect_model(target)


def test_members_out_of_order_are_refused(packages: Packages, target: Path) -> None:
    packed(target, (member("model.py"), b"x = 1"), (member("a.py"), b"x = 2"))
    with pytest.raises(ModelError, match=r"a\.py: the package holds it out of order"):
        packages.inspect_model(target)


def test_more_files_than_a_model_needs_are_refused(packages: Packages, target: Path) -> None:
    packed(target, *[(member(f"a{number:03}.py"), b"") for number in range(257)])
    with pytest.raises(ModelError, match="more than 256 files"):
        packages.inspect_model(target)


def test_a_size_that_is_a_lie_is_refused(packages: Packages, target: Path) -> None:
    for size, problem in ((4000, "cut off"), (1 << 31, "at most"), (-1, "at most")):
        info = member("model.py", size=size)
        header = info.tobuf(tarfile.USTAR_FORMAT if size > 0 else tarfile.GNU_FORMAT)
        target.write_bytes(header + bytes(1024))
        with pytest.raises(ModelError, match=problem):
            packages.inspect_model(target)


def test_hidden_bytes_are_refused(packages: Packages, model: Path, target: Path) -> None:
    packages.build_model(model, target)
    whole = target.read_bytes()
    behind = 512 + len(SOURCE)
    for content, problem in (
        (whole[:behind] + b"x" + whole[behind + 1 :], "hides bytes"),
        (whole + b"x", "bytes after its end"),
        (whole + bytes(512), "bytes after its end"),
        (whole[:-1], "does not end as it should"),
        (whole[:-512], "does not end as it should"),
        (whole[:-1024], "cut off or is not a model package"),
        (whole[:-1] + b"x", "does not end as it should"),
    ):
        target.write_bytes(content)
        with pytest.raises(ModelError, match=problem):
            packages.inspect_model(target)


@pytest.mark.parametrize("compress", ["gz", "bz2", "xz"])
def test_a_compressed_archive_is_refused(packages: Packages, target: Path, compress: str) -> None:
    with tarfile.open(target, f"w:{compress}") as tar:  # type: ignore[call-overload]  # the mode is one of three
        tar.addfile(member("model.py"))
    with pytest.raises(ModelError, match="is not a model package"):
        packages.inspect_model(target)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 1 << 20), flip=st.integers(0, 255))
def test_a_changed_or_cut_model_package_is_never_taken_for_the_same(
    packages: Packages, model: Path, target: Path, place: int, flip: int
) -> None:
    if not target.exists():
        packages.build_model(model, target)
    content = bytearray(target.read_bytes())
    place %= len(content)
    if flip:
        content[place] ^= flip
    else:
        del content[place:]
    changed = target.with_name("changed")
    changed.write_bytes(content)
    with suppress(ModelError):  # any other error is a fault of ours
        assert packages.inspect_model(changed).digest != packages.inspect_model(target).digest


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=3000))
def test_arbitrary_bytes_are_no_archive(content: bytes) -> None:
    with pytest.raises(ModelError):
        archive.entries(BytesIO(content))
