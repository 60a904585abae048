"""What a job leaves behind and is not handed over: links, folders, pipes, a flood of log."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from visdm.adapters.sandboxes import log_of
from visdm.adapters.sandboxes.log import LOG_LIMIT
from visdm.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

    from ports.sandbox.scripts import Run


@pytest.mark.parametrize(
    "script",
    [
        "os.symlink(job['settings']['secret'], out + '/weights.bin')",
        "os.symlink('/', out + '/folder')",
        "os.mkdir(out + '/folder')",
        "open(out + '/new\\nline', 'w').close()",
    ],
)
def test_what_is_not_a_plain_file_is_never_handed_over(
    run: Run, output: Path, tmp_path: Path, script: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("{}")
    with pytest.raises(JobError, match="left something that is not a plain file"):
        run(f"answer({{}})\n{script}", settings={"secret": str(secret)})
    assert list(output.iterdir()) == []
    assert secret.read_text() == "{}"


def test_a_pipe_is_never_handed_over(run: Run, output: Path) -> None:
    """gVisor keeps the pipes of a job to itself, so that there is nothing to refuse."""
    try:
        run("os.mkfifo(out + '/pipe'); answer({})")
    except JobError as error:
        assert error.reason == "left something that is not a plain file"  # noqa: PT017 - or none
    assert list(output.iterdir()) == []


def test_folders_nested_deeper_than_any_stack_are_removed(run: Run, output: Path) -> None:
    with pytest.raises(JobError, match="left something that is not a plain file"):
        run(
            """
            os.chdir(out)
            for _ in range(5000):
                os.mkdir("deeper")
                os.chdir("deeper")
            os.chmod(".", 0)
            """
        )
    assert list(output.iterdir()) == []


@pytest.mark.parametrize("name", ["answer.json", "failure.json"])
def test_a_link_in_the_place_of_an_answer_is_not_followed(
    run: Run, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"reason": "left no answer", "secret": 1}')
    with pytest.raises(JobError, match="left something that is not a plain file"):
        run(
            f"os.symlink(job['settings']['secret'], out + '/{name}'); sys.exit(1)",
            settings={"secret": str(secret)},
        )


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_log_is_cut_in_the_middle(run: Run, output: Path, stream: str) -> None:
    run(
        f"""
        sys.{stream}.write("the start\\n")
        for _ in range(200):
            sys.{stream}.write("x" * 99_999 + "\\n")
        sys.{stream}.write("the end\\n")
        answer({{}})
        """
    )
    text = log_of(output).read_text()
    assert len(text) < LOG_LIMIT + 100
    assert text.startswith("the start\n")
    assert text.endswith("the end\n")
    assert "bytes dropped]" in text
    assert stat.S_IMODE(log_of(output).stat().st_mode) == 0o600
