"""The real entry of the programs inside each sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from visdm.adapters.sandboxes import log_of
from visdm.errors import JobError
from visdm.ports import Computation

if TYPE_CHECKING:
    from pathlib import Path

    from ports.sandbox.scripts import Make, Run


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

    def test_an_unknown_program_ends_the_job(self, make: Make, output: Path) -> None:
        with pytest.raises(JobError, match="failed with exit code 1"):
            make().run(Computation("nonesuch", {}, {}), output)
        assert "nonesuch" in log_of(output).read_text()

    def test_a_real_program_says_why_it_gave_up(
        self, make: Make, output: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "package").write_text("not Parquet")
        with pytest.raises(JobError) as caught:
            make().run(Computation("describe", {}, {"package": tmp_path / "package"}), output)
        assert caught.value.reason == "the package is not a readable Parquet file"
        assert "JobError" in log_of(output).read_text()
