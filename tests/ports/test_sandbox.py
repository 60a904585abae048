"""The contract of `ports.Sandbox`, over bubblewrap and over the unsafe bare process."""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
import textwrap
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from visdm.adapters.sandboxes import BareProcess, Bubblewrap, log_of, staging
from visdm.adapters.sandboxes.log import LOG_LIMIT
from visdm.adapters.sandboxes.staging import ANSWER_LIMIT
from visdm.errors import InputError, JobError, OutputError, SandboxError
from visdm.ports import Computation, Limits, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Run = Callable[..., Mapping[str, Any]]

PRELUDE = """
import json, os, subprocess, sys, time
job = json.load(open(sys.argv[1]))
out = job["output"]
def answer(value):
    with open(out + "/answer.json", "w") as file:
        json.dump(value, file)
"""
MIB = 1 << 20


@cache
def missing() -> str:
    try:
        Bubblewrap().check()
    except SandboxError as error:
        return error.message
    return ""


def bubblewrap(**options: Any) -> Sandbox:  # noqa: ANN401 - passed on as they are
    if missing():
        pytest.skip(missing())
    return Bubblewrap(**options)


@pytest.fixture(params=[bubblewrap, BareProcess], ids=["bubblewrap", "bare"])
def make(request: pytest.FixtureRequest) -> Callable[..., Sandbox]:
    maker: Callable[..., Sandbox] = request.param
    return maker


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


@pytest.fixture
def run(make: Callable[..., Sandbox], output: Path) -> Run:
    """Run a script as the program; it has `job`, `out` and `answer` at hand."""

    def run(
        script: str,
        inputs: Mapping[str, Path] | None = None,
        settings: Mapping[str, Any] | None = None,
        progress: Callable[[int, int], None] = lambda *_: None,
        **limits: int,
    ) -> Mapping[str, Any]:
        sandbox = make(entry=("-c", PRELUDE + textwrap.dedent(script)))
        generous = {"seconds": 60, **limits}
        job = Computation("probe", settings or {}, inputs or {}, Limits(**generous))
        return sandbox.run(job, output, progress)

    return run


def alive(token: str) -> bool:
    """Tell whether a process of this machine has `token` among its arguments."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if token.encode() in path.read_bytes():
                return True
        except OSError:
            continue
    return False


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


def test_a_job_that_hangs_is_ended_with_all_its_processes(run: Run) -> None:
    token = secrets.token_hex(8)
    started = time.monotonic()
    with pytest.raises(JobError) as caught:
        run(
            f"""
            for _ in range(3):
                subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "{token}"])
            print("progress 1 1", flush=True)
            time.sleep(60)
            """,
            seconds=1,
            progress=lambda *_: None if alive(token) else pytest.fail("nothing to be ended"),
        )
    assert caught.value.reason == "took longer than 1 s"
    assert time.monotonic() - started < 10
    assert not alive(token)


def test_a_survivor_in_a_session_of_its_own_is_ended(run: Run) -> None:
    token = secrets.token_hex(8)
    answer = run(
        f"""
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                sign = "import time; open({{0!r}}, 'w').close(); time.sleep(60)"
                sign = sign.format(out + "/alive")
                os.execv(sys.executable, [sys.executable, "-c", sign, "{token}"])
            os._exit(0)
        while not os.path.exists(out + "/alive"):
            time.sleep(0.01)
        answer({{"survives": True}})
        """
    )
    assert answer == {"survives": True}
    assert not alive(token)


def test_memory_is_counted_over_all_processes(run: Run) -> None:
    with pytest.raises(JobError) as caught:
        run(
            """
            for _ in range(4):
                if os.fork() == 0:
                    held = b"x" * (60 << 20)
                    time.sleep(20)
                    os._exit(0)
            time.sleep(20)
            """,
            memory=180 * MIB,
        )
    assert caught.value.reason == f"used more than {180 * MIB} bytes of memory"


def test_memory_that_processes_share_is_counted_once(run: Run) -> None:
    answer = run(
        """
        held = b"x" * (60 << 20)
        for _ in range(4):
            if os.fork() == 0:
                time.sleep(0.4)
                os._exit(0)
        time.sleep(0.4)
        answer({})
        """,
        memory=180 * MIB,
    )
    assert answer == {}


def test_too_many_processes_are_not_left_running(run: Run) -> None:
    token = secrets.token_hex(8)
    with pytest.raises(JobError) as caught:
        run(
            f"""
            for _ in range(30):
                subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "{token}"])
            time.sleep(20)
            """,
            processes=10,
        )
    assert caught.value.reason in {
        "started more than 10 processes",
        "failed with exit code 1",  # the kernel said no, and the script did not expect it
    }
    assert not alive(token)


@pytest.mark.parametrize(
    "script",
    [
        "open(out + '/one', 'wb').write(b'x' * (3 << 20))",
        "[open(out + f'/{n}', 'wb').write(b'x' * (1 << 19)) for n in range(6)]; time.sleep(20)",
        "os.ftruncate(os.open(out + '/sparse', os.O_CREAT | os.O_WRONLY), (2 << 20) + 1)",
    ],
    ids=["one file", "many files", "a sparse file"],
)
def test_output_above_its_cap_is_refused(run: Run, output: Path, script: str) -> None:
    with pytest.raises(JobError) as caught:
        run(f"{script}\nanswer({{}})", output=2 * MIB)
    assert caught.value.reason == f"made more than {2 * MIB} bytes of output"
    assert list(output.iterdir()) == []


def test_output_up_to_its_cap_is_handed_over(run: Run, output: Path) -> None:
    run("open(out + '/one', 'wb').write(b'x' * ((2 << 20) - 2)); answer({})", output=2 * MIB)
    assert (output / "one").stat().st_size == 2 * MIB - 2


def test_a_flood_of_empty_files_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "FILES_LIMIT", 100)
    with pytest.raises(JobError, match="made more than 100 files"):
        run("[open(out + f'/{n}', 'w').close() for n in range(101)]; answer({})")


@pytest.mark.parametrize(
    "script",
    [
        "os.symlink(job['settings']['secret'], out + '/weights.bin')",
        "os.symlink('/', out + '/folder')",
        "os.mkfifo(out + '/pipe')",
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


class TestEntry:
    """`python -m visdm.compute`, the real entry, inside each."""

    PROGRAM = """
        import types
        from pathlib import Path
        from visdm.compute import programs
        from visdm.compute.__main__ import main
        def program(settings, inputs, output, progress):
            print("chatter on stdout")
            os.write(1, b"progress 99 99 from a library\\n")
            progress(1, 2)
            progress(2, 2)
            (output / "made").write_text(inputs["data"].read_text())
            return {"doubled": settings["n"] * 2}
        programs.PROGRAMS["probe"] = "probe"
        sys.modules["probe"] = types.SimpleNamespace(run=program)
        sys.exit(main(Path(sys.argv[1])))
        """

    def test_a_program_has_its_answer_and_progress_delivered(
        self, run: Run, output: Path, tmp_path: Path
    ) -> None:
        said: list[tuple[int, int]] = []
        (tmp_path / "given").write_text("content")
        answer = run(
            self.PROGRAM,
            {"data": tmp_path / "given"},
            {"n": 21},
            progress=lambda *at: said.append(at),
        )
        assert answer == {"doubled": 42}
        assert said[-1] == (2, 2)
        assert (99, 99) not in said
        assert (output / "made").read_text() == "content"
        assert "chatter on stdout" in log_of(output).read_text()

    def test_an_answer_that_is_not_finite_ends_the_job(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "given").write_text("content")
        with pytest.raises(JobError, match="failed with exit code 1"):
            run(
                self.PROGRAM.replace('settings["n"] * 2', 'float("nan")'),
                {"data": tmp_path / "given"},
            )

    def test_an_unknown_program_ends_the_job(
        self, make: Callable[..., Sandbox], output: Path
    ) -> None:
        with pytest.raises(JobError, match="failed with exit code 1"):
            make().run(Computation("nonesuch", {}, {}), output)
        assert "nonesuch" in log_of(output).read_text()

    def test_a_real_program_says_why_it_gave_up(
        self, make: Callable[..., Sandbox], output: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "package").write_text("not Parquet")
        with pytest.raises(JobError) as caught:
            make().run(Computation("describe", {}, {"package": tmp_path / "package"}), output)
        assert caught.value.reason == "the package is not a readable Parquet file"
        assert "JobError" in log_of(output).read_text()
