"""The check of the documents finds what it is there to find."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "tools" / "check_docs.py"
PYPROJECT = """
[build-system]
requires = ["hatchling>=1.27"]
[project]
name = "visdm"
dependencies = ["click>=8.1", "eth-abi>=5"]
[project.optional-dependencies]
demo = ["visdm[provider]", "torch>=2.4"]
[dependency-groups]
dev = ["pytest", { include-group = "other" }]
other = ["ruff"]
"""
ABI = [
    {"type": "error", "name": "NotOwner", "inputs": []},
    {"type": "event", "name": "Retired", "inputs": []},
    {"type": "function", "name": "retire", "inputs": []},
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small repository whose documents agree with it, with this one's command line."""
    texts = {
        "pyproject.toml": PYPROJECT,
        "package.json": json.dumps({"devDependencies": {"solc": "0.8.37"}}),
        "README.md": "[the contracts](docs/contracts.md#errors), [out](https://example.org)\n",
        "docs/contracts.md": "# Errors\n`NotOwner`\n\n# Events\n`Retired`, `[not](a link)`\n",
        "docs/dependencies.md": "hatchling, click, eth-abi, torch, pytest, ruff, solc\n",
        "src/visdm/contracts/Catalog.json": json.dumps({"name": "Catalog", "abi": ABI}),
        "node_modules/other/README.md": "[a link that is not ours](nowhere.md)\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def check(root: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(CHECK), str(root)], check=False, capture_output=True, text=True
    )
    assert not done.stderr
    return done.returncode, done.stdout


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_documents_that_agree_pass(tree: Path) -> None:
    assert check(tree) == (0, "documents: all agree\n")


@pytest.mark.parametrize(
    "link",
    ["[gone](docs/gone.md)", "![picture](gone.png)", "[out](../../etc)", "[r][r]\n\n[r]: gone.md"],
)
def test_a_link_that_leads_nowhere_is_named(tree: Path, link: str) -> None:
    (tree / "README.md").write_text(link)
    code, said = check(tree)
    assert code == 1
    assert "README.md: the link" in said


@pytest.mark.parametrize("name", ["hatchling", "eth-abi", "torch", "pytest", "ruff", "solc"])
def test_a_dependency_without_a_reason_is_named(tree: Path, name: str) -> None:
    change(tree / "docs" / "dependencies.md", name, f"{name}-2")
    assert check(tree)[1].startswith(f"docs/dependencies.md: {name} is not explained")


@pytest.mark.parametrize("name", ["NotOwner", "Retired"])
def test_an_error_or_event_that_is_not_documented_is_named(tree: Path, name: str) -> None:
    change(tree / "docs" / "contracts.md", name, f"{name}Again")
    code, said = check(tree)
    assert code == 1
    assert f"{name} of Catalog" in said


def test_a_command_that_no_document_names_is_named(tree: Path) -> None:
    shutil.copytree(ROOT / "src" / "visdm" / "cli", tree / "src" / "visdm" / "cli")
    code, said = check(tree)
    assert code == 1
    assert "docs/cli.md: the command `visdm demo` is not named" in said
    (tree / "docs" / "cli.md").write_text(said)
    assert check(tree) == (0, "documents: all agree\n")


def test_an_invariant_without_its_test_is_named(tree: Path) -> None:
    (tree / "contracts" / "test").mkdir(parents=True)
    (tree / "contracts" / "INVARIANTS.md").write_text("`invariant_I1` and A.t.sol:`test_more`\n")
    (tree / "contracts" / "test" / "A.t.sol").write_text("function invariant_I1() public {}\n")
    assert check(tree) == (
        1,
        "contracts/INVARIANTS.md: the test test_more is nowhere\ndocuments: 1 disagreements\n",
    )


THREATS = """
| who | covered | test |
| --- | --- | --- |
| anybody | ciphertext | `test_sealed`, A.t.sol:`test_paid` |

| other | table |
| --- | --- |
| no | test |
"""


@pytest.fixture
def threats(tree: Path) -> Path:
    """The tree with a threat model whose claims have their tests."""
    (tree / "contracts" / "test").mkdir(parents=True)
    (tree / "contracts" / "test" / "A.t.sol").write_text("    function test_paid() public {}\n")
    (tree / "tests" / "unit").mkdir(parents=True)
    (tree / "tests" / "unit" / "test_a.py").write_text("def test_sealed(key: str) -> None: ...\n")
    (tree / "docs" / "threat-model.md").write_text(THREATS)
    return tree


def test_a_threat_model_whose_claims_have_their_tests_passes(threats: Path) -> None:
    assert check(threats) == (0, "documents: all agree\n")


@pytest.mark.parametrize("name", ["test_sealed", "test_paid"])
def test_a_claim_whose_test_is_gone_is_named(threats: Path, name: str) -> None:
    """One that only begins with the name does not do."""
    for path in [threats / "tests" / "unit" / "test_a.py", threats / "contracts/test/A.t.sol"]:
        path.write_text(path.read_text().replace(name, f"{name}_longer"))
    code, said = check(threats)
    assert code == 1
    assert said.startswith(f"docs/threat-model.md: the test {name} is nowhere")


def test_a_claim_without_a_test_is_named(threats: Path) -> None:
    change(threats / "docs" / "threat-model.md", "`test_sealed`, A.t.sol:`test_paid`", "trust me")
    code, said = check(threats)
    assert code == 1
    assert said.startswith("docs/threat-model.md: no test is named for: anybody")
