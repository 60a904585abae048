"""No file of the host can be read or written from inside, but what is lent."""

from __future__ import annotations

import secrets
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attacks.hostile import as_root, computation, processes, script, until
from visdm.adapters.sandboxes import BareProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attacks.hostile import Attack, Make


@pytest.mark.parametrize("where", ["temporary", "checkout", "home", "etc"])
def test_a_file_of_the_host_cannot_be_read(attack: Attack, tmp_path: Path, where: str) -> None:
    secret = {
        "temporary": tmp_path / "secret",
        "checkout": Path(__file__),
        "home": Path.home() / f".visdm-{secrets.token_hex(8)}",
        "etc": Path("/etc/passwd"),
    }[where]
    ours = not secret.exists()
    if ours:
        secret.write_text("secret")
    try:
        outside, inside = attack(
            "answer(tries(lambda: open(given['path']).read()))", path=str(secret)
        )
    finally:
        if ours:
            secret.unlink()
    assert outside == "done"
    assert inside == "FileNotFoundError"


def test_another_jobs_input_cannot_be_read(walled: Make, tmp_path: Path) -> None:
    secret = tmp_path / "theirs"
    secret.write_text("pixels of somebody else")
    token = secrets.token_hex(8)
    waiting = script("time.sleep(1.5); answer(open(inputs['secret']).read())")
    theirs = walled(entry=(*waiting, token))
    search = """
        found = []
        for top in (given["folder"], "/job", "/dev/shm"):
            for folder, _, names in os.walk(top):
                for path in (os.path.join(folder, name) for name in names):
                    if tries(lambda: open(path, "rb").close()) == "done":
                        if b"pixels of somebody" in open(path, "rb").read():
                            found.append(path)
        answer(found)
        """
    results: list[Mapping[str, Any]] = []
    thread = threading.Thread(
        target=lambda: results.append(
            theirs.run(computation({}, {"secret": secret}), tmp_path / "theirs-out")
        )
    )
    thread.start()
    try:
        until(lambda: processes(token))
        job = computation({"folder": str(tmp_path)}, {})
        outside = BareProcess(entry=script(search)).run(job, tmp_path / "outside")["got"]
        inside = walled(entry=script(search)).run(job, tmp_path / "inside")["got"]
        assert processes(token)
    finally:
        thread.join()
    assert results == [{"got": "pixels of somebody else"}]
    assert str(secret) in outside
    assert inside == []


def test_nothing_can_be_written_but_the_output(attack: Attack, tmp_path: Path) -> None:
    data, new = tmp_path / "data", f"visdm-test-{secrets.token_hex(8)}"
    data.write_text("untouched")
    folders = ["/", "/usr/lib", "/dev", "/etc", f"{sys.prefix}/lib", "/job", "/job/inputs", "/code"]
    places = [*(str(Path(folder) / new) for folder in folders), str(tmp_path / new)]
    try:
        outside, inside = attack(
            """
            places = [*given["places"], inputs["data"], sys.argv[-1], sys.executable, json.__file__]
            answer([place for place in places if tries(lambda: open(place, "a").close()) == "done"])
            """,
            {"data": data},
            places=places,
        )
    finally:
        for place in places:
            Path(place).unlink(missing_ok=True)
    assert {places[-1], str(data)} <= set(outside)
    assert inside == []


def test_nothing_is_mounted_writable_but_the_output_and_memory(attack: Attack) -> None:
    outside, inside = attack(
        """
        with open("/proc/self/mountinfo") as mounts:
            answer([line.split()[4] for line in mounts if "rw" in line.split()[5].split(",")])
        """
    )
    assert "/" in outside
    devices = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
    assert set(inside) == {"/job/out", "/tmp", "/dev/shm", "/proc"} | devices  # noqa: S108 - the job's own


@as_root
def test_root_lends_a_private_input_without_opening_it(walled: Make, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("pixels")
    data.chmod(0o600)
    before = data.stat()
    read = script("answer(open(inputs['data']).read())")
    got = walled(entry=read).run(computation({}, {"data": data}), tmp_path / "inside")
    assert got == {"got": "pixels"}
    assert (data.stat().st_mode, data.stat().st_uid) == (before.st_mode, before.st_uid)
