"""Running a consumer's model script: importing it from memory, blaming it when it fails.

Covered: the script is imported without being written to disk, may not take the place of an
installed module, and its failures become `JobError`s in words of ours. Not covered: it runs
in the process that holds the images, so it can read them, spoil the training and choose
the numbers that come out. What keeps them from leaving is the sandbox around the process
and the release gate behind it.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.util import spec_from_loader
from typing import TYPE_CHECKING, Any

from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

ENTRY, FIT = "build_model", "fit"


@dataclass(frozen=True)
class Script:
    """An imported script's functions; `fit` is None where it defines none."""

    build_model: Callable[[dict[str, Any]], Any]
    fit: Callable[..., Any] | None


class _Sources(MetaPathFinder, InspectLoader):
    """Finds and loads the modules of a package, each from its source text."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - a finder's shape
        target: ModuleType | None = None,  # noqa: ARG002 - a finder's shape
    ) -> ModuleSpec | None:
        if fullname not in self._sources:
            return None
        return spec_from_loader(fullname, self, origin=_place(fullname), is_package=False)

    def get_source(self, fullname: str) -> str:
        return self._sources[fullname]

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._sources[fullname], _place(fullname))


def _place(module: str) -> str:
    """Return how a traceback names a module; in angle brackets it would not show the line."""
    return f"model-package/{module}.py"


@contextmanager
def blaming(doing: str) -> Iterator[None]:
    """Turn whatever the script raises into a `JobError`: 'the model script failed `doing`'.

    The reason names the kind of error where Python itself defines it. What the script says
    is left out, as it may hold what it has seen, in a `JobError` of its own too; it stays on
    the cause, for the provider's log. So nothing of ours that raises belongs in the block.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        kind = type(error).__name__
        known = f" ({kind})" if getattr(builtins, kind, None) is type(error) else ""
        raise JobError(f"the model script failed {doing}{known}") from error


@contextmanager
def script(sources: Mapping[str, str], module: str) -> Iterator[Script]:
    """Import `module` and yield its functions; forget the modules on exit.

    Raises `JobError` when the script cannot be imported or defines no `build_model`.
    """
    for name in sources:
        if name in sys.stdlib_module_names or name in sys.modules:
            raise JobError(
                "the model package holds a module that would hide an installed one",
                hint=f"rename {name}.py",
            )
    finder = _Sources(sources)
    sys.meta_path.insert(0, finder)
    try:
        with blaming("while it was imported"):
            imported = importlib.import_module(module)
            found, fit = getattr(imported, ENTRY, None), getattr(imported, FIT, None)
        if not callable(found):
            raise JobError(f"the model script defines no {ENTRY}(config)")
        yield Script(found, fit if callable(fit) else None)
    finally:
        sys.meta_path.remove(finder)
        for name in sources:
            sys.modules.pop(name, None)
