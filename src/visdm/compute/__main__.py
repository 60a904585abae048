"""Inside the sandbox: `python -m visdm.compute JOB-FILE` runs one program to its end.

The job file is JSON: `program`, `settings`, `inputs` (name to path), `output` (a folder).
The answer is left there as `answer.json`; the reason for a `JobError` as `failure.json`,
with exit code 1. Standard output carries lines `progress DONE TOTAL` and nothing else;
whatever a program or its libraries print goes to standard error, which is the log.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visdm.compute.programs import PROGRAMS
from visdm.errors import JobError

if TYPE_CHECKING:
    from typing import TextIO


def main(job_file: Path) -> int:
    """Run the job; return the exit code."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    job = json.loads(job_file.read_text())
    output = Path(job["output"])
    try:
        answer = _answer(job, output, channel)
    except JobError as error:
        traceback.print_exc()
        sys.stderr.write(f"{error.hint}\n")
        _write(output / "failure.json", {"reason": error.reason})
        return 1
    _write(output / "answer.json", answer)
    return 0


def _answer(job: dict[str, Any], output: Path, channel: TextIO) -> dict[str, Any]:
    def progress(done: int, total: int) -> None:
        channel.write(f"progress {done} {total}\n")

    program = import_module(PROGRAMS[job["program"]])
    inputs = {name: Path(path) for name, path in job["inputs"].items()}
    answer: dict[str, Any] = program.run(job["settings"], inputs, output, progress)
    return answer


def _write(path: Path, document: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(document, allow_nan=False))
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
