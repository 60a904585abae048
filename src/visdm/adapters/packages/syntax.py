"""Judges Python source without running it, in a process of its own.

Parsing alone can end a process: source that nests deeply overflows the stack (as `ast.parse`
warns), and libraries of the embedded chain raise the interpreter's recursion limit, its only
guard. So `judge` starts this file as a program, which needs nothing but the standard
library, has limits on memory and time, and leaves no core dump with somebody's source in it.
"""

from __future__ import annotations

import ast
import json
import resource
import subprocess
import sys
import warnings

if __name__ != "__main__":  # the program runs without this package
    from visdm.errors import WorldError

SECONDS = 30
MEMORY = 2 << 30
UNPARSED = "cannot be parsed as Python"
UNDEFINED = "does not define"
OTHER_ARGUMENTS = "does not take exactly the config"


def judge(sources: dict[str, bytes], *, module: str, builder: str) -> tuple[str, str]:
    """Return the first file at fault with its problem, and ('', '') where there is none.

    `sources` are files by name. The one called `module` must define, at its top level, a
    function called `builder` that can be called with one argument.

    Raises `WorldError` when a process cannot be started.
    """
    texts = {name: content.decode("latin-1") for name, content in sources.items()}
    asked = json.dumps({"sources": texts, "module": module, "builder": builder})
    command = [sys.executable, "-I", "-S", __file__]
    try:
        said = subprocess.run(  # noqa: S603 - our own program, no shell
            command, input=asked.encode(), capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        return _last(error.stdout), UNPARSED
    except OSError as error:
        raise WorldError(f"Python cannot be started here ({error.strerror})") from error
    lines = said.stdout.decode().splitlines()
    if said.returncode == 0 and lines:
        name, problem = json.loads(lines[-1])
        return name, problem
    return _last(said.stdout), UNPARSED


def _last(stdout: bytes | None) -> str:
    """Return the file that the program was at when it ended."""
    lines = (stdout or b"").decode().splitlines()
    return str(json.loads(lines[-1])[0]) if lines else "its source"


def answer() -> None:
    """Be the program: read the question, print a line for each file begun, then the answer."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    warnings.simplefilter("ignore")  # of the owner's style, which is not ours to judge
    asked = json.load(sys.stdin.buffer)
    for name, text in asked["sources"].items():
        _say(name, "")
        builder = asked["builder"] if name == asked["module"] else ""
        if problem := problem_of(text.encode("latin-1"), builder):
            _say(name, problem)
            return
    _say("", "")


def problem_of(source: bytes, builder: str) -> str:
    """Return what is wrong with one file; '' where nothing is."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return f"line {error.lineno or 1} is not Python"
    except (ValueError, RecursionError, MemoryError):
        return UNPARSED
    return _builder_problem(tree, builder) if builder else ""


def _builder_problem(tree: ast.Module, builder: str) -> str:
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == builder:
            break
    else:
        return f"{UNDEFINED} {builder}"
    takes = node.args
    places = len(takes.posonlyargs) + len(takes.args)
    needed = places - len(takes.defaults)
    named = [default for default in takes.kw_defaults if default is None]
    fits = needed <= 1 and not named and (places or takes.vararg)
    return "" if fits else f"{builder} {OTHER_ARGUMENTS}"


def _say(name: str, problem: str) -> None:
    sys.stdout.write(json.dumps([name, problem]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    answer()
