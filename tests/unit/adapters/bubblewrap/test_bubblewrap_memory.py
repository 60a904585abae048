"""Where a job's files and memory are: rooms of its own, and a control group where there is one."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from attacks.hostile import SLEEP, computation, processes, script, until
from visdm.adapters.sandboxes import Bubblewrap, bubblewrap, group
from visdm.adapters.sandboxes.rooms import Room, Rooms
from visdm.errors import JobError, SandboxError

MIB = 1 << 20


def groups() -> list[Path]:
    """Return the control groups of jobs of this machine."""
    return list(Path("/sys/fs/cgroup").rglob("visdm-job-*"))


@pytest.fixture
def grouped() -> None:
    made = group.group(64 * MIB, 10)
    if made is None:
        pytest.skip("no control group can be had here")
    made.remove()


@pytest.mark.usefixtures("grouped")
def test_a_job_is_in_a_group_and_the_group_ends_with_it(tmp_path: Path) -> None:
    seen: list[str] = []
    wait = script("print('progress 1 1', flush=True); time.sleep(0.4); answer(1)")
    token = secrets.token_hex(8)

    def look(*_: int) -> None:
        pid = processes(token)[-1]
        seen.append(Path(f"/proc/{pid}/cgroup").read_text())

    Bubblewrap(entry=(*wait, token)).run(computation({}, {}), tmp_path / "o", look)
    assert f"visdm-job-{os.getpid()}-" in seen[0]
    assert not [left for left in groups() if f"-{os.getpid()}-" in left.name]


@pytest.mark.usefixtures("grouped")
def test_the_group_of_a_provider_that_was_killed_is_swept_by_the_next(tmp_path: Path) -> None:
    token = secrets.token_hex(8)
    provider, _ = killed(token, tmp_path)
    assert [left for left in groups() if f"-{provider}-" in left.name]
    Bubblewrap(entry=script("answer(1)")).run(computation({}, {}), tmp_path / "next")
    assert not [left for left in groups() if f"-{provider}-" in left.name]


def test_nothing_that_a_job_wrote_is_on_the_disk_after_its_provider_was_killed(
    tmp_path: Path,
) -> None:
    _, staged = killed(secrets.token_hex(8), tmp_path)
    left = [path for path in staged.rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["job.json"]


def killed(token: str, top: Path) -> tuple[int, Path]:
    """Kill a provider whose job has written; return its pid and the staged job's folder."""
    sign = "open('/tmp/sign', 'w').write('pixels'); open(out + '/sign', 'w').write('pixels')"
    entry = (*script(f"{sign}; print('progress 1 1', flush=True); {SLEEP}"), token)
    provider = f"""
        from pathlib import Path
        from visdm.adapters.sandboxes import Bubblewrap
        from visdm.ports import Computation
        tell = lambda *_: print("written", flush=True)
        Bubblewrap(entry={entry!r}).run(Computation("", {{}}, {{}}), Path({str(top / "o")!r}), tell)
        """
    command = [sys.executable, "-c", textwrap.dedent(provider)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.kill()
    until(lambda: not processes(token))
    [staged] = (top / "o").glob(".job-*")
    return process.pid, staged


def test_where_the_reaper_cannot_mount_a_job_runs_all_the_same(tmp_path: Path) -> None:
    sandbox = Bubblewrap(entry=script("open(out + '/made', 'w').write('x'); answer(1)"))
    sandbox._checked, sandbox._mounts = True, False
    assert sandbox.run(computation({}, {}), tmp_path / "o") == {"got": 1}
    assert (tmp_path / "o" / "made").read_text() == "x"


def test_a_room_that_nobody_mounted_is_missed() -> None:
    rooms = Rooms([Room(Path("/nowhere"), 1 << 16, 10, 0o700, 0)])
    with pytest.raises(SandboxError, match="no folder in memory can be mounted"):
        rooms.receive()
    rooms.close()


def test_a_result_of_many_files_comes_out_of_its_room_whole(tmp_path: Path) -> None:
    many = script("[open(f'{out}/{n}', 'wb').write(bytes([n]) * n) for n in range(200)]; answer(1)")
    Bubblewrap(entry=many).run(computation({}, {}), tmp_path / "o")
    made = {path.name: path.read_bytes() for path in (tmp_path / "o").iterdir()}
    assert made == {str(n): bytes([n]) * n for n in range(200)}


WITHOUT_A_GROUP = {
    "files that nobody maps": """
        held = []
        for folder in ("/tmp", "/dev/shm"):
            file = open(folder + "/hoard", "wb")
            os.unlink(file.name)
            file.write(bytes(44 << 20))
            file.flush()
            held.append(file)
        more = b"x" * (120 << 20)
        time.sleep(20)
        """,
    "several processes": """
        for _ in range(4):
            if os.fork() == 0:
                held = b"x" * (60 << 20)
                time.sleep(20)
                os._exit(0)
        time.sleep(20)
        """,
}


@pytest.mark.parametrize("hoard", WITHOUT_A_GROUP.values(), ids=WITHOUT_A_GROUP)
def test_without_a_control_group_memory_is_counted_by_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hoard: str
) -> None:
    monkeypatch.setattr(bubblewrap, "group", lambda *_: None)
    with pytest.raises(JobError, match="bytes of memory"):
        Bubblewrap(entry=script(hoard)).run(computation({}, {}, memory=180 * MIB), tmp_path / "o")


@pytest.mark.usefixtures("grouped")
def test_memory_that_the_kernel_holds_for_sockets_is_counted(tmp_path: Path) -> None:
    """No process maps it, and no file shows it."""
    hoard = script(
        """
        held = []
        for _ in range(1500):
            pair = socket.socketpair()
            held.append(pair)
            for end in pair:
                end.setblocking(False)
                try:
                    while True:
                        end.send(bytes(1 << 16))
                except OSError:
                    pass
        time.sleep(5)
        answer(len(held))
        """
    )
    with pytest.raises(JobError, match="bytes of memory"):
        Bubblewrap(entry=hoard).run(computation({}, {}, memory=180 * MIB), tmp_path / "o")


def test_of_groups_of_version_2_those_that_hand_memory_on_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layout is systemd's for a user's services; the files are plain ones."""
    ours = tmp_path / "user.slice" / "app.slice" / "visdm.service"
    ours.mkdir(parents=True)
    for place, hands_on in ((tmp_path, "cpu memory pids"), (ours.parent, "memory pids")):
        (place / "cgroup.subtree_control").write_text(hands_on)
    (ours / "cgroup.subtree_control").write_text("")
    (ours.parents[1] / "cgroup.subtree_control").write_text("cpu")
    mounts, groups = tmp_path / "mounts", tmp_path / "groups"
    mounts.write_text(f"25 1 0:22 / {tmp_path} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n")
    groups.write_text("0::/user.slice/app.slice/visdm.service\n")
    monkeypatch.setattr(group, "_MOUNTS", mounts)
    monkeypatch.setattr(group, "_OURS", groups)
    assert list(group._delegated()) == [ours.parent, tmp_path]
