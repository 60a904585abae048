"""Harm by what is left in the output folder: programs, links, devices, a pickle."""

from __future__ import annotations

import pickle
import shutil
from typing import TYPE_CHECKING

import pytest

from attacks.hostile import as_root, computation, plain, script
from visdm.domain.release import NOT_SAFETENSORS, check_release, header_end
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

    from attacks.hostile import Attack, Make

FOLDERS = ["out", "/tmp", "/dev/shm"]  # noqa: S108 - the job's own


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_that_a_job_writes_can_be_run(attack: Attack, folder: str) -> None:
    outside, inside = attack(
        """
        import shutil, subprocess
        program = (out if given["folder"] == "out" else given["folder"]) + "/visdm-test-program"
        shutil.copy(os.path.realpath(given["program"]), program)
        os.chmod(program, 0o755)
        answer(tries(lambda: subprocess.run([program, "--version"], check=True)))
        os.unlink(program)
        """,
        folder=folder,
        program=shutil.which("prlimit"),
    )
    assert outside == "done"
    assert inside == "PermissionError"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_library_that_a_job_writes_can_be_loaded(attack: Attack, folder: str) -> None:
    outside, inside = attack(
        """
        import ctypes, mmap
        path = (out if given["folder"] == "out" else given["folder"]) + "/visdm-test-library"
        with open(path, "w+b") as file:
            file.write(bytes(4096))
            file.flush()
            code = mmap.PROT_READ | mmap.PROT_EXEC
            answer(tries(lambda: mmap.mmap(file.fileno(), 4096, mmap.MAP_PRIVATE, code)))
        os.unlink(path)
        """,
        folder=folder,
    )
    assert outside == "done"
    assert inside == "PermissionError"


@as_root
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_program_does_not_become_its_owner(attack: Attack, folder: str) -> None:
    """`nosuid`: the bit may be set, and is not heeded (there is nobody else to be, besides)."""
    outside, inside = attack(
        """
        answer(bool(os.statvfs(out if given["folder"] == "out" else given["folder"]).f_flag & 2))
        """,
        folder=folder,
    )
    if outside:
        pytest.skip("this machine mounts the folder so")
    assert inside is True


@as_root
def test_no_device_can_be_made(attack: Attack) -> None:
    outside, inside = attack(
        """
        import stat
        device = lambda: os.mknod(out + "/memory", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        answer([tries(device), os.path.exists(out + "/memory")])
        if os.path.exists(out + "/memory"):
            os.unlink(out + "/memory")
        """
    )
    assert outside == ["done", True]
    assert inside[0] in {"PermissionError", "OSError"}
    assert inside[1] is False


@pytest.mark.parametrize("link", ["symlink", "link"])
def test_a_link_to_a_file_of_the_host_brings_nothing_out(
    walled: Make, tmp_path: Path, link: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pixels")
    text = f"os.{link}(given['secret'], out + '/model.safetensors'); answer(1)"
    plain(text, tmp_path / "outside", secret=str(secret))
    assert (tmp_path / "outside" / "model.safetensors").read_text() == "pixels"
    job = computation({"secret": str(secret)}, {})
    with pytest.raises(JobError):
        walled(entry=script(text)).run(job, tmp_path / "inside")
    assert list((tmp_path / "inside").iterdir()) == []


def test_an_input_cannot_be_linked_into_the_output(attack: Attack, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("pixels")
    outside, inside = attack(
        "answer(tries(lambda: os.link(inputs['data'], out + '/linked')))", {"data": data}
    )
    assert outside == "done"
    assert inside in {"OSError", "PermissionError"}


def test_a_pickle_as_the_result_is_never_loaded(walled: Make, tmp_path: Path) -> None:
    """It would run as the provider, or the consumer; the release gate refuses it as bytes."""
    leave = """
        import pickle
        class Exploit:
            def __reduce__(self):
                return os.system, ("touch " + given["marker"],)
        for name in ("model.safetensors", "answer.json"):
            with open(out + "/" + name, "wb") as file:
                file.write(pickle.dumps(Exploit()))
        """
    marker = tmp_path / "marker"
    plain(leave, tmp_path / "outside", marker=str(marker))
    pickle.loads((tmp_path / "outside" / "model.safetensors").read_bytes())  # noqa: S301 - shown
    assert marker.exists()
    marker.unlink()
    job = computation({"marker": str(marker)}, {})
    with pytest.raises(JobError, match="left an answer that cannot be used"):
        walled(entry=script(leave)).run(job, tmp_path / "refused")
    got = walled(entry=script(f"{leave}\n        answer(1)")).run(job, tmp_path / "inside")
    assert got == {"got": 1}
    made = (tmp_path / "inside" / "model.safetensors").read_bytes()
    with pytest.raises(JobError, match=NOT_SAFETENSORS):
        check_release(made[: header_end(made[:8])], len(made), {"weight": ["F32", [1]]})
    assert not marker.exists()
