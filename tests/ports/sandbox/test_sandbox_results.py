"""What goes into a sandbox and what comes back: answers, progress, files and reasons."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from visdm.adapters.sandboxes import log_of
from visdm.adapters.sandboxes.staging import ANSWER_LIMIT
from visdm.errors import InputError, JobError, OutputError

if TYPE_CHECKING:
    from ports.sandbox.scripts import Run


def test_the_answer_and_the_files_come_back(run: Run, output: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(b"\x00pixels")
    given.chmod(0o600)
    answer = run(
        """
        with open(job["inputs"]["data"], "rb") as file:
            content = file.read()
        with open(out + "/weights.bin", "wb") as file:
            file.write(content * 2)
        answer({"program": job["program"], "settings": job["settings"], "read": len(content)})
        """,
        inputs={"data": given},
        settings={"epochs": 2, "names": ["ä"]},
    )
    assert answer == {"program": "probe", "settings": {"epochs": 2, "names": ["ä"]}, "read": 7}
    assert [path.name for path in output.iterdir()] == ["weights.bin"]
    made = output / "weights.bin"
    assert made.read_bytes() == b"\x00pixels" * 2
    assert made.stat().st_uid == os.geteuid()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert stat.S_IMODE(given.stat().st_mode) == 0o600


def test_progress_is_passed_on_and_nonsense_is_not(run: Run, output: Path) -> None:
    said: list[tuple[int, int]] = []
    run(
        """
        for line in ("progress 1 3", "progress 9 3", "progress -1 3", "progress " + "9" * 5000):
            print(line, flush=True)
        time.sleep(0.3)
        print("progress 3 3")
        answer({})
        """,
        progress=lambda done, total: said.append((done, total)),
    )
    assert said == [(1, 3), (3, 3)]
    assert log_of(output).read_text().startswith("progress 9 3\nprogress -1 3\nprogress 9999")


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("sys.exit(7)", "failed with exit code 7"),
        ("raise ValueError('image 3 shows a cat')", "failed with exit code 1"),
        ("os.kill(os.getpid(), 9)", "failed with exit code 137"),
        ("pass", "left no answer"),
        ("os._exit(0)", "left no answer"),
    ],
)
def test_an_end_without_a_result_has_a_public_reason(
    run: Run, output: Path, ending: str, reason: str
) -> None:
    with pytest.raises(JobError) as caught:
        run(f"open(out + '/weights.bin', 'w').close()\n{ending}")
    assert caught.value.reason == reason
    assert list(output.iterdir()) == []


BAD_ANSWERS = {
    "nan": '{"loss": NaN}',
    "infinity": '{"loss": -Infinity}',
    "overflow": '{"loss": 1e999}',
    "cut": '{"loss": ',
    "list": "[1]",
    "number": "7",
    "empty": "",
    "half a surrogate": '{"name": "\\ud800"}',
    "nested": '{"a": ' * 60 + "1" + "}" * 60,
    "a long number": '{"n": ' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("text", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_an_answer_that_is_not_plain_json_is_refused(run: Run, tmp_path: Path, text: str) -> None:
    given = tmp_path / "given"
    given.write_text(text)
    with pytest.raises(JobError, match="left an answer that cannot be used"):
        run("import shutil; shutil.copy(job['inputs']['a'], out + '/answer.json')", {"a": given})


def test_an_answer_nested_to_crash_the_reader_is_refused(run: Run) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)  # as libraries of Ethereum do
    try:
        with pytest.raises(JobError, match="left an answer that cannot be used"):
            run("open(out + '/answer.json', 'w').write('[' * 1_000_000)")
    finally:
        sys.setrecursionlimit(before)


def test_brackets_in_a_text_are_not_nesting(run: Run) -> None:
    text = "[" * 100 + '"\\' + "{" * 100
    assert run("answer(job['settings'])", settings={"text": text}) == {"text": text}


def test_an_answer_that_is_too_long_is_refused(run: Run) -> None:
    with pytest.raises(JobError, match="left an answer that cannot be used"):
        run(f"answer({{'a': 'x' * {ANSWER_LIMIT}}})")


def test_nothing_of_the_environment_is_passed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISDM_KEY", "a secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    seen = run("answer(dict(os.environ))")
    assert "a secret" not in json.dumps(seen)
    assert "/elsewhere" not in json.dumps(seen)
    assert seen["PYTHONHASHSEED"] == "0"
    assert set(seen) - {"PWD"} == {
        *("PATH", "LANG", "HOME", "TMPDIR", "USER", "PYTHONPATH", "PYTHONHASHSEED"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONNOUSERSITE", "PYTHONSAFEPATH"),
        *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"),
    }


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("the package holds no images", "the package holds no images"),
        (
            "the asset 3 has bad rows: row 5 is damaged; row 9 holds no image; and 2 more",
            "the asset 3 has bad rows: row 5 is damaged; row 9 holds no image; and 2 more",
        ),
        (
            "the model script failed while training (ValueError)",
            "the model script failed while training (ValueError)",
        ),
        ("the model script failed while training (Pixel255)", "the program gave up"),
        ("the package holds no images\n", "the program gave up"),
        ("the package holds no images of cats", "the program gave up"),
        ("the asset 9999999999 holds no images", "the program gave up"),
        ("the asset ٣ holds no images", "the program gave up"),
        (7, "the program gave up"),
    ],
)
def test_only_known_phrases_leave_the_sandbox(run: Run, said: str | int, reason: str) -> None:
    with pytest.raises(JobError) as caught:
        run(
            """
            with open(out + "/failure.json", "w") as file:
                json.dump({"reason": job["settings"]["said"]}, file)
            sys.exit(1)
            """,
            settings={"said": said},
        )
    assert caught.value.reason == reason


@pytest.mark.parametrize("settings", [{"rate": float("nan")}, {"path": Path("x")}])
def test_settings_that_are_not_plain_json_are_refused(run: Run, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="plain JSON"):
        run("answer({})", settings=settings)


@pytest.mark.parametrize("name", ["../escape", "", "..", "a/b"])
def test_an_input_with_a_path_for_a_name_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "given").write_text("")
    with pytest.raises(InputError, match="cannot be the name of an input"):
        run("answer({})", {name: tmp_path / "given"})


def test_an_input_that_is_missing_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the input data is not a file"):
        run("answer({})", {"data": tmp_path / "nowhere"})


def test_an_output_that_cannot_be_a_folder_is_named(run: Run, output: Path) -> None:
    output.write_text("in the way")
    with pytest.raises(OutputError, match="output"):
        run("answer({})")
