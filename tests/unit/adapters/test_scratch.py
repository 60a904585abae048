"""Scratch folders: private while they live, wiped however their process ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from visdm.adapters.machine import MachineClock, MachineScratch
from visdm.errors import JobError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIVE = """
import pathlib, sys
from visdm.adapters.machine import MachineScratch
with MachineScratch(pathlib.Path(sys.argv[1])).folder() as folder:
    (folder / "plain").write_bytes(b"plaintext")
    (folder / "deep").mkdir()
    (folder / "deep").chmod(0o500)
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def scratch(root: Path) -> MachineScratch:
    return MachineScratch(root)


def left(root: Path) -> list[str]:
    """Return what is under the root beside the gate's lock file."""
    return sorted(path.name for path in root.iterdir() if path.name != ".visdm-gate")


@contextmanager
def another_process(root: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run a process that holds a folder with plaintext in it; yield both."""
    command = [sys.executable, "-c", LIVE, str(root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, root.joinpath(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_folder_is_private_and_wiped(scratch: MachineScratch, root: Path) -> None:
    before = os.umask(0)
    try:
        with scratch.folder() as folder:
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (root, folder.parent, folder)]
            assert modes == [0o700, 0o700, 0o700]
            assert list(folder.iterdir()) == []
            (folder / "deep").mkdir()
            (folder / "deep" / "plain").write_bytes(b"plaintext")
    finally:
        os.umask(before)
    assert left(root) == []


def test_a_folder_is_wiped_when_its_step_fails(scratch: MachineScratch, root: Path) -> None:
    def step() -> None:
        with scratch.folder() as folder:
            (folder / "plain").write_bytes(b"plaintext")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        step()
    assert left(root) == []


def test_folders_are_apart(scratch: MachineScratch, root: Path) -> None:
    with scratch.folder() as first, scratch.folder() as second:
        assert first != second
        (first / "plain").write_bytes(b"first")
        assert list(second.iterdir()) == []
    assert left(root) == []


def test_a_folder_that_its_user_made_unwritable_is_wiped(
    scratch: MachineScratch, root: Path
) -> None:
    with scratch.folder() as folder:
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "plain").write_bytes(b"plaintext")
        (folder / "a" / "b").chmod(0)
        (folder / "a").chmod(0o500)
    assert left(root) == []


def test_wiping_does_not_follow_links(scratch: MachineScratch, root: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir(mode=0o750)
    (tmp_path / "precious" / "photo").write_bytes(b"mine")
    with scratch.folder() as folder:
        (folder / "link").symlink_to(tmp_path / "precious")
    assert (tmp_path / "precious" / "photo").read_bytes() == b"mine"
    assert stat.S_IMODE((tmp_path / "precious").stat().st_mode) == 0o750
    assert left(root) == []


def test_what_a_killed_process_left_is_wiped_at_the_next_start(root: Path) -> None:
    with another_process(root) as (process, folder):
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (folder / "plain").read_bytes() == b"plaintext"
        MachineScratch(root)
        assert left(root) == []


def test_a_living_process_keeps_its_folder(root: Path) -> None:
    with another_process(root) as (_, folder):
        with MachineScratch(root).folder() as mine:
            assert mine != folder
        assert (folder / "plain").read_bytes() == b"plaintext"


def test_a_process_that_ends_well_wipes_its_own(root: Path) -> None:
    with another_process(root) as (process, folder):
        process.communicate("")
        assert process.returncode == 0
        assert not folder.exists()
        assert left(root) == []


def test_a_recycled_process_number_does_not_save_a_left_over(root: Path) -> None:
    """The lock tells who lives; a number alone may be somebody else's by now."""
    MachineScratch(root)
    name = f"visdm-{os.getpid()}-0123456789abcdef"
    (root / name / "files").mkdir(parents=True)
    (root / name / "lock").touch()
    MachineScratch(root)
    assert left(root) == []


def test_a_folder_of_this_process_survives_another_start(
    scratch: MachineScratch, root: Path
) -> None:
    with scratch.folder() as folder:
        MachineScratch(root)
        assert folder.is_dir()


def test_starts_and_folders_at_once_do_not_disturb_each_other(root: Path) -> None:
    faults: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(30):
                with MachineScratch(root).folder() as folder:
                    (folder / "plain").write_bytes(bytes([number]))
                    assert (folder / "plain").read_bytes() == bytes([number])
        except BaseException as error:  # noqa: BLE001 - handed to the thread that judges
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert left(root) == []


def test_nothing_else_under_the_root_is_touched(root: Path, tmp_path: Path) -> None:
    root.mkdir(mode=0o700)
    (root / "thesis").mkdir()
    (root / "visdm-notes").mkdir()
    (root / "visdm-1-0123456789abcdef.txt").write_bytes(b"mine")
    (tmp_path / "photos").mkdir()
    (root / "visdm-1-0123456789abcdef").symlink_to(tmp_path / "photos")
    before = left(root)
    MachineScratch(root)
    assert left(root) == before
    assert (tmp_path / "photos").is_dir()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_root_that_others_may_write_to_is_refused(root: Path, mode: int) -> None:
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(OutputError, match="only you may write") as caught:
        MachineScratch(root)
    assert caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_root_of_another_user_is_refused(root: Path) -> None:
    root.mkdir(mode=0o700)
    os.chown(root, 12345, -1)
    with pytest.raises(OutputError, match="only you may write"):
        MachineScratch(root)


def test_a_root_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="file/scratch: cannot hold private folders"):
        MachineScratch(tmp_path / "file" / "scratch")


def test_a_root_that_went_away_is_named(scratch: MachineScratch, root: Path) -> None:
    (root / ".visdm-gate").unlink()
    root.rmdir()
    with pytest.raises(OutputError, match="cannot hold private folders"), scratch.folder():
        pass


# Files that a computation left


def test_files_are_measured_and_read(scratch: MachineScratch) -> None:
    with scratch.folder() as folder:
        (folder / "out").mkdir()
        (folder / "out" / "result").write_bytes(b"0123456789")
        assert scratch.size(folder / "out" / "result") == 10
        assert scratch.read(folder / "out" / "result", 4) == b"0123"
        assert scratch.read(folder / "out" / "result", 99) == b"0123456789"


def test_a_file_is_kept_whole(scratch: MachineScratch, tmp_path: Path) -> None:
    target = tmp_path / "kept" / "model"
    target.parent.mkdir()
    target.write_bytes(b"older")
    with scratch.folder() as folder:
        (folder / "result").write_bytes(b"newer")
        scratch.keep(folder / "result", target)
    assert target.read_bytes() == b"newer"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(target.parent.iterdir()) == [target]


def test_a_target_that_cannot_be_written_is_named(scratch: MachineScratch, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with scratch.folder() as folder:
        (folder / "result").write_bytes(b"newer")
        for target in (tmp_path / "nowhere" / "model", tmp_path / "kept"):
            with pytest.raises(OutputError, match=f"{target}: cannot be written"):
                scratch.keep(folder / "result", target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "scratch"]


def attempts(scratch: MachineScratch, path: Path, target: Path) -> list[str]:
    """Try to get at `path` in every way there is; return how each was refused."""
    ways: list[Any] = [
        lambda: scratch.size(path),
        lambda: scratch.read(path, 99),
        lambda: scratch.keep(path, target),
    ]
    refused = []
    for way in ways:
        with pytest.raises(JobError) as caught:
            way()
        refused.append(caught.value.reason)
    assert not target.exists()
    return refused


def test_a_link_that_a_computation_left_is_not_followed(
    scratch: MachineScratch, tmp_path: Path
) -> None:
    (tmp_path / "identity").write_bytes(b"AGE-SECRET-KEY-1")
    with scratch.folder() as folder:
        (folder / "result").symlink_to(tmp_path / "identity")
        (folder / "out").symlink_to(tmp_path)
        (folder / "up").mkdir()
        for path in (
            folder / "result",
            folder / "out" / "identity",
            folder / "up" / ".." / ".." / ".." / ".." / "identity",
        ):
            for reason in attempts(scratch, path, tmp_path / "kept"):
                assert "in its output" in reason


def test_a_missing_file_a_folder_and_a_pipe_are_refused(
    scratch: MachineScratch, tmp_path: Path
) -> None:
    with scratch.folder() as folder:
        os.mkfifo(folder / "pipe")
        (folder / "folder").mkdir()
        missing = attempts(scratch, folder / "gone", tmp_path / "kept")
        assert missing == ["there is no file gone in its output"] * 3
        for name in ("pipe", "folder"):
            found = attempts(scratch, folder / name, tmp_path / "kept")
            assert found == [f"{name} in its output is not a plain file"] * 3


def test_files_outside_such_folders_are_refused(
    scratch: MachineScratch, root: Path, tmp_path: Path
) -> None:
    for path in (tmp_path / "file", root / "file"):
        path.write_bytes(b"mine")
        attempts(scratch, path, tmp_path / "kept")


def test_the_clock_goes_forward() -> None:
    clock = MachineClock()
    first = clock.seconds()
    assert isinstance(first, float)
    assert clock.seconds() >= first
