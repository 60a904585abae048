"""Ten seconds of coverage-guided fuzzing for each parser of what strangers write.

`make fuzz-parsers` does the same for as long as FUZZ_SECONDS says.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.seeds import SEEDS

SECONDS = int(os.environ.get("FUZZ_SECONDS", "10"))
TESTS = Path(__file__).resolve().parents[1]
OPTIONS = ("-timeout=10", "-max_len=4096", "-print_final_stats=1")
SHOWN = 4096

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(SECONDS + 120)]


@pytest.fixture(autouse=True)
def atheris() -> None:
    """The fuzzer has wheels for some systems only."""
    if importlib.util.find_spec("atheris") is None:
        missing = (
            "there is no atheris here (it has wheels for Linux on x86-64, Python 3.11 to 3.13)"
        )
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)


def fuzzed(name: str, folder: Path, seconds: int) -> tuple[subprocess.CompletedProcess[str], str]:
    """Fuzz a parser; return how it ended, and the inputs that broke it, in hex."""
    corpus, found = folder / "corpus", folder / "found"
    for place in (corpus, found):
        place.mkdir()
    for seed in SEEDS[name]():
        (corpus / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    # A new process' highest memory, which libFuzzer looks at, begins with its parent's.
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    # A process of its own: libFuzzer takes over signals, arguments and the exit.
    done = subprocess.run(
        [
            *(sys.executable, "-m", f"fuzz.fuzz_{name}", str(corpus)),
            *(f"-max_total_time={seconds}", f"-artifact_prefix={found}/", *OPTIONS),
            f"-rss_limit_mb={mine + 1024}",
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    broken = [f"{path.name}: {path.read_bytes()[:SHOWN].hex()}" for path in found.iterdir()]
    return done, "\n".join(broken)


@pytest.mark.parametrize("name", SEEDS)
def test_no_input_breaks_a_parser(name: str, tmp_path: Path) -> None:
    done, broken = fuzzed(name, tmp_path, SECONDS)
    assert not broken, f"{broken}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    assert executed is not None
    assert int(executed[1]) > len(list(SEEDS[name]()))
    grown = re.findall(r"cov: (\d+) ", done.stderr)
    assert int(grown[-1]) > 0, "nothing is instrumented: it fuzzes in the dark"
