"""Commands as their user types them."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from visdm.cli import main

if TYPE_CHECKING:
    from pathlib import Path


class Typed:
    """Commands, with the options that all of them get.

    They run in this process, through the same `main`: a hundred of them would otherwise spend
    three minutes on starting Python.
    """

    def __init__(self, *always: str | Path) -> None:
        self.always = always

    def run(self, words: tuple[str | Path, ...]) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        typed = ["visdm", *map(str, (*words, *self.always))]
        with (
            mock.patch.object(sys, "argv", typed),
            redirect_stdout(StringIO()) as out,
            redirect_stderr(StringIO()) as err,
            pytest.raises(SystemExit) as ended,
        ):
            main()
        return int(ended.value.code or 0), out.getvalue(), err.getvalue()

    def ok(self, *words: str | Path) -> str:
        """Type a command that must succeed; return what it printed."""
        code, out, err = self.run(words)
        assert code == 0, err
        return out

    def json(self, *words: str | Path) -> Any:  # noqa: ANN401  # whatever the command prints
        return json.loads(self.ok(*words, "--json"))

    def refused(self, *words: str | Path, code: int = 1) -> str:
        """Type a command that must fail; return its error and hint."""
        ended, out, err = self.run(words)
        assert ended == code, (out, err)
        return err
