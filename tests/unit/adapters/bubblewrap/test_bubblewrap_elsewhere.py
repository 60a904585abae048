"""Providers in other circumstances: without bubblewrap or namespaces, and without root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pytest

import visdm
from attacks.hostile import as_root, computation, script
from visdm.adapters.sandboxes import Bubblewrap
from visdm.errors import SandboxError

PACKAGE = Path(visdm.__file__).parent
SYSTEM_PYTHON = Path("/usr/bin/python3")


def test_without_bubblewrap_the_hint_names_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("prlimit", "choom", "setpriv"):
        (tmp_path / name).symlink_to(shutil.which(name) or pytest.skip(f"{name} is missing"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="bwrap is missing") as caught:
        Bubblewrap().run(computation({}, {}), tmp_path / "output")
    assert "bubblewrap" in caught.value.hint


def provider_elsewhere(
    prefix: list[str],
    python: str | Path,
    text: str,
    **options: Any,  # noqa: ANN401 - of subprocess.run
) -> str:
    """Run a provider's code in other circumstances; return what it printed."""
    done = subprocess.run(
        [*prefix, str(python), "-c", textwrap.dedent(text)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE.parent)},
        check=True,
        capture_output=True,
        text=True,
        **options,
    )
    return str(done.stdout)


def test_without_user_namespaces_there_is_no_sandbox() -> None:
    forbid = ["bwrap", "--dev-bind", "/", "/", "--unshare-user", "--disable-userns"]
    said = provider_elsewhere(
        forbid,
        sys.executable,
        """
        from visdm.adapters.sandboxes import Bubblewrap
        from visdm.errors import SandboxError
        try:
            Bubblewrap().check()
        except SandboxError as error:
            print(error.message, error.hint)
        """,
    )
    assert said.startswith("no sandbox can be had here: bwrap: ")
    assert "permit user namespaces" in said


def as_nobody(text: str) -> str:
    """Run a provider's code as an account without any privilege; `top` is a folder of its own."""
    if not SYSTEM_PYTHON.exists():
        pytest.skip("there is no Python that another account can run")
    nobody = 65534
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, nobody, nobody)
        start = f"""
            from pathlib import Path
            from visdm.adapters.sandboxes import Bubblewrap
            from visdm.errors import JobError
            from visdm.ports import Computation, Limits
            top = Path({folder!r})
            """
        try:
            return provider_elsewhere(
                [],
                SYSTEM_PYTHON,
                textwrap.dedent(start) + textwrap.dedent(text),
                user=nobody,
                group=nobody,
                extra_groups=[],
            )
        except subprocess.CalledProcessError as error:
            if "ModuleNotFoundError" in error.stderr or "SyntaxError" in error.stderr:
                pytest.skip("the system's Python cannot import the package")
            raise AssertionError(error.stderr) from error


@as_root
def test_a_provider_that_is_not_root_has_the_same_sandbox() -> None:
    attacks = """
        import ctypes
        forks = 0
        try:
            while forks < 60:
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)
                forks += 1
        except OSError:
            pass
        answer([
            open(inputs["data"]).read(),
            forks < 16,
            ctypes.CDLL(None).unshare(0x10000000) == -1,
            [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line],
            tries(lambda: socket.socket(socket.AF_INET)),
            [bool(os.statvfs(top).f_flag & os.ST_NOEXEC) for top in (out, "/tmp", "/dev/shm")],
            tries(lambda: open(given["secret"])),
            tries(lambda: open(inputs["data"], "a")),
            tries(lambda: open(sys.argv[-1], "a")),
        ])
        """
    said = as_nobody(
        f"""
        for name in ("data", "secret"):
            (top / name).write_text("pixels")
            (top / name).chmod(0o600)
        settings = {{"secret": str(top / "secret")}}
        job = Computation("", settings, {{"data": top / "data"}}, Limits(processes=16))
        print(Bubblewrap(entry={script(attacks)!r}).run(job, top / "output"))
        """
    )
    refused = "'FileNotFoundError', 'OSError', 'OSError'"  # the latter: a read-only file system
    assert (
        said
        == f"{{'got': ['pixels', True, True, ['lo'], 'OSError', [True, True, True], {refused}]}}\n"
    )


@as_root
@pytest.mark.parametrize(
    ("locking", "end"),
    [
        ("os.chmod(out, 0)", "left something that is not a plain file"),
        ("os.chmod(out, 0o444)", "left something that is not a plain file"),
        ("os.mkdir(out + '/a'); os.mkdir(out + '/a/b'); os.chmod(out + '/a', 0)", "left something"),
        ("os.chmod(out + '/answer.json', 0)", "{'got': 1}"),
    ],
)
def test_a_job_cannot_lock_its_provider_out(locking: str, end: str) -> None:
    said = as_nobody(
        f"""
        try:
            entry = {script(f"answer(1); {locking}")!r}
            print(Bubblewrap(entry=entry).run(Computation("", {{}}, {{}}), top / "output"))
        except JobError as error:
            print(error.reason)
        print(list((top / "output").iterdir()))
        """
    )
    assert said.startswith(end)
    assert said.endswith("\n[]\n")
