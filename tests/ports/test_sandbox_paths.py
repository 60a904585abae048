"""A sandbox is given paths as people type them: relative ones mean the same inside."""

from __future__ import annotations

import os
import subprocess
import tempfile
import venv
from pathlib import Path

import pytest

import visdm
from visdm.adapters.sandboxes import BareProcess, Bubblewrap
from visdm.errors import SandboxError
from visdm.ports import Computation

PROBE = """
import json, sys
job = json.load(open(sys.argv[1]))
text = open(job["inputs"]["page"]).read()
json.dump({"text": text}, open(job["output"] + "/answer.json", "w"))
"""


@pytest.mark.parametrize("kind", [Bubblewrap, BareProcess])
def test_relative_inputs_and_outputs_are_found(
    kind: type[Bubblewrap | BareProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page").write_text("found")
    sandbox = kind(entry=("-c", PROBE))
    if kind is Bubblewrap:
        _skip_without_bubblewrap()
    answer = sandbox.run(Computation("probe", {}, {"page": Path("page")}), Path("out"))
    assert answer == {"text": "found"}


ELSEWHERE = f"""
import sys
from pathlib import Path
from visdm.adapters.sandboxes import Bubblewrap
from visdm.ports import Computation
folder = Path(sys.argv[1])
(folder / "page").write_text("found")
sandbox = Bubblewrap(entry=("-c", {PROBE!r}))
print(sandbox.run(Computation("probe", {{}}, {{"page": folder / "page"}}), folder / "out"))
"""


def test_an_environment_below_the_folder_that_the_sandbox_hides_is_found(tmp_path: Path) -> None:
    """The sandbox has a /tmp of its own, and hid an environment that stood in the host's."""
    _skip_without_bubblewrap()
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="visdm-test-") as place:
        venv.create(place, symlinks=True, with_pip=False)
        source = Path(visdm.__file__).parents[1]
        ended = subprocess.run(
            [f"{place}/bin/python", "-c", ELSEWHERE, str(tmp_path)],
            env={"PYTHONPATH": str(source), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.stdout.strip() == "{'text': 'found'}", ended.stderr


def _skip_without_bubblewrap() -> None:
    try:
        Bubblewrap().check()
    except SandboxError as error:
        pytest.skip(error.message)
