"""Providers in other circumstances: without gVisor, and without root; and what a tree of it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

import pytest

import visdm
from attacks.conftest import missing
from attacks.hostile import as_root, computation, processes, script
from visdm.adapters.sandboxes import Gvisor
from visdm.adapters.sandboxes.environment import tool
from visdm.errors import JobError, SandboxError

PACKAGE = Path(visdm.__file__).parent
SYSTEM_PYTHON = Path("/usr/bin/python3")
NOBODY = 65534

needs_runsc = pytest.mark.skipif(bool(missing("gvisor")), reason=missing("gvisor") or "-")


def test_without_runsc_the_hint_names_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="runsc is missing") as caught:
        Gvisor().run(computation({}, {}), tmp_path / "output")
    assert "runsc" in caught.value.hint


def test_a_runsc_that_cannot_run_is_told_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "runsc"
    program.write_text("#!/bin/sh\necho no kernel for this >&2\nexit 128\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxError) as caught:
        Gvisor().check()
    assert caught.value.message == "gVisor cannot be had here: no kernel for this"


@needs_runsc
def test_the_name_in_the_report_has_the_version() -> None:
    told = subprocess.run([tool("runsc"), "--version"], capture_output=True, check=True, text=True)
    name, _, version = Gvisor().name.partition(" ")
    assert name == "gvisor"
    assert version in told.stdout


@needs_runsc
def test_a_job_that_ends_like_a_failed_start_is_the_jobs_fault(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="exit code 128"):
        Gvisor(entry=script("print('error'); sys.exit(128)")).run(
            computation({}, {}), tmp_path / "output"
        )


@needs_runsc
def test_the_control_socket_is_out_of_reach_of_this_machine(tmp_path: Path) -> None:
    """Whoever reaches it controls the sandbox, and it asks nobody who they are."""
    seen: list[str] = []
    wait = script("print('progress 1 1', flush=True); time.sleep(0.3); answer(1)")
    Gvisor(entry=wait).run(
        computation({}, {}),
        tmp_path / "output",
        lambda *_: seen.append(Path("/proc/net/unix").read_text()),
    )
    assert seen
    assert not [text for text in seen if "runsc" in text]


@as_root
@needs_runsc
def test_a_provider_without_root_has_gvisor_too() -> None:
    if not SYSTEM_PYTHON.exists() or not shutil.which("setpriv"):
        pytest.skip("there is no Python that another account can run")
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, NOBODY, NOBODY)
        text = f"""
            from pathlib import Path
            from visdm.adapters.sandboxes import Gvisor
            from visdm.ports import Computation
            entry = ("-c", {script("open(out + '/kept', 'w').close(); answer(os.getuid())")[1]!r})
            output = Path({folder!r}, "output")
            print(Gvisor(entry=entry).run(Computation("", {{}}, {{}}), output), *output.iterdir())
            """
        done = subprocess.run(
            [str(SYSTEM_PYTHON), "-c", textwrap.dedent(text)],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            user=NOBODY,
            group=NOBODY,
            extra_groups=(),
            cwd="/",
            check=False,
        )
        assert done.stdout == f"{{'got': 0}} {folder}/output/kept\n", done.stderr
        assert not processes("output")
