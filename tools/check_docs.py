"""Says where the documents and the product disagree; `make check` runs it.

    python tools/check_docs.py [ROOT]

Six rules: a relative link leads somewhere; a dependency is explained in
docs/dependencies.md; a command of the command line is named in README.md or docs/cli.md; a
custom error or event of a shipped contract is named in docs/contracts.md; a test that
contracts/INVARIANTS.md or docs/threat-model.md names is there; and each claim of the threat
model's tables names one. Prints one line per disagreement and exits with 1 when there is any.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTSIDE = ("http://", "https://", "mailto:", "#")
NOT_OURS = {".venv", "node_modules", "build", "dist", ".git"}
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
TEST = re.compile(r"^\s*(?:def|function)\s+((?:test|invariant)_\w+)\s*\(", re.MULTILINE)
CONTRACT_TESTS = ("contracts/test", "*.t.sol")
NAMING = {
    "contracts/INVARIANTS.md": (CONTRACT_TESTS,),
    "docs/threat-model.md": (CONTRACT_TESTS, ("tests", "test_*.py")),
}
"""Documents that name tests, and where those are."""

CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def documents(root: Path) -> Iterator[Path]:
    """Markdown files of the repository, in order."""
    for path in sorted(root.rglob("*.md")):
        inside = path.relative_to(root).parts[:-1]
        if not any(part in NOT_OURS or part.startswith(".") for part in inside):
            yield path


def broken_links(root: Path) -> Iterator[str]:
    """Relative links that lead nowhere or out of the repository."""
    for document in documents(root):
        prose = CODE.sub("", document.read_text(encoding="utf-8"))
        for inline, reference in LINK.findall(prose):
            link = inline or reference
            if link.startswith(OUTSIDE):
                continue
            target = (document.parent / unquote(link.split("#")[0])).resolve()
            if not target.exists() or not target.is_relative_to(root.resolve()):
                yield f"{document.relative_to(root)}: the link {link} leads nowhere"


def text_of(root: Path, *names: str) -> str:
    """The text of those of the named documents that exist."""
    paths = [root / name for name in names]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())


def names_word(text: str, word: str) -> bool:
    """Whether the word stands in the text by itself, not as a part of a longer one."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text, re.IGNORECASE) is not None


def dependencies(root: Path) -> Iterator[str]:
    """Names of all that pyproject.toml and package.json ask for, ourselves left out."""
    with (root / "pyproject.toml").open("rb") as file:
        pyproject = tomllib.load(file)
    project = pyproject["project"]
    asked = [*pyproject["build-system"]["requires"], *project.get("dependencies", [])]
    for group in project.get("optional-dependencies", {}).values():
        asked += group
    for group in pyproject.get("dependency-groups", {}).values():
        asked += [entry for entry in group if isinstance(entry, str)]
    names = {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in asked}
    package = root / "package.json"
    if package.is_file():
        asked_there = json.loads(package.read_text(encoding="utf-8"))
        for group in ("devDependencies", "optionalDependencies"):
            names |= set(asked_there.get(group, {}))
    yield from sorted(names - {project["name"]})


def unexplained_dependencies(root: Path) -> Iterator[str]:
    """Dependencies that docs/dependencies.md gives no reason for."""
    text = text_of(root, "docs/dependencies.md")
    for name in dependencies(root):
        if not names_word(text, name):
            yield f"docs/dependencies.md: {name} is not explained"


def commands(command: click.Command, path: str) -> Iterator[str]:
    """Every command below a command, as it is typed."""
    if not isinstance(command, click.Group):
        yield path
        return
    for name in sorted(command.commands):
        yield from commands(command.commands[name], f"{path} {name}")


def unnamed_commands(root: Path) -> Iterator[str]:
    """Commands that neither README.md nor docs/cli.md names."""
    if not (root / "src" / "visdm" / "cli").is_dir():
        return
    from visdm.cli import visdm  # noqa: PLC0415 (a tree without a command line is checked too)

    text = text_of(root, "README.md", "docs/cli.md")
    for typed in commands(visdm, "visdm"):
        if not names_word(text, typed):
            yield f"docs/cli.md: the command `{typed}` is not named"


def unnamed_entries(root: Path) -> Iterator[str]:
    """Custom errors and events of the shipped contracts that docs/contracts.md leaves out."""
    text = text_of(root, "docs/contracts.md")
    for path in sorted((root / "src" / "visdm" / "contracts").glob("*.json")):
        artifact = json.loads(path.read_text(encoding="utf-8"))
        for entry in artifact["abi"]:
            if entry["type"] in {"error", "event"} and not names_word(text, entry["name"]):
                yield f"docs/contracts.md: the {entry['type']} {entry['name']} of {path.stem}"


def absent_tests(root: Path) -> Iterator[str]:
    """Tests that the documents in `NAMING` name and that are not among the sources there."""
    for document, places in NAMING.items():
        named = re.findall(r"`((?:test|invariant)_\w+)`", text_of(root, document))
        sources = [path for top, kind in places for path in sorted((root / top).rglob(kind))]
        there = {name for path in sources for name in TEST.findall(path.read_text("utf-8"))}
        for name in dict.fromkeys(named):
            if name not in there:
                yield f"{document}: the test {name} is nowhere"


def claims_without_tests(root: Path) -> Iterator[str]:
    """Rows of docs/threat-model.md whose table has a column `test`, and name none in it."""
    column = None
    for line in text_of(root, "docs/threat-model.md").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            column = None
        elif column is None:
            column = cells.index("test") if "test" in cells else -1
        elif column >= 0 and not set(line) <= set("|-: ") and "`" not in cells[column]:
            yield f"docs/threat-model.md: no test is named for: {cells[0]}"


def main(root: Path) -> int:
    """Print every disagreement; the exit code says whether there is one."""
    rules = (
        broken_links,
        unexplained_dependencies,
        unnamed_commands,
        unnamed_entries,
        absent_tests,
        claims_without_tests,
    )
    found = [line for rule in rules for line in rule(root)]
    for line in found:
        print(line)
    print(f"documents: {len(found)} disagreements" if found else "documents: all agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]))
