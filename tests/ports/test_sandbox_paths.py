"""A sandbox is given paths as people type them: relative ones mean the same inside."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    if isinstance(sandbox, Bubblewrap):
        try:
            sandbox.check()
        except SandboxError as error:
            pytest.skip(error.message)
    answer = sandbox.run(Computation("probe", {}, {"page": Path("page")}), Path("out"))
    assert answer == {"text": "found"}
