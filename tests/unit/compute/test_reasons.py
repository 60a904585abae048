"""A reason leaves the sandbox only where the adapter knows its words: all of ours must be known."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import visdm.compute
from visdm.adapters.sandboxes.reasons import public
from visdm.compute.coalitions import METHODS
from visdm.compute.images import UnusableImageError
from visdm.compute.rows import Bad
from visdm.domain.packages import MAX_CLASSES, MAX_PIXELS, MODEL_FILE, VALIDATION_FILE, WEIGHTS_FILE
from visdm.domain.profiles import MAX_CONFIG, MAX_TENSORS
from visdm.domain.release import MAX_RELEASE, MOST_STATE
from visdm.domain.values import MAX_EXACT

SOURCES = sorted(Path(visdm.compute.__file__).parent.rglob("*.py"))

FILLED = {
    "', '.join(METHODS)": ", ".join(METHODS),
    "BATCH": "2",
    "ENTRY": "build_model",
    "MAX_CLASSES": str(MAX_CLASSES),
    "MAX_CONFIG": str(MAX_CONFIG),
    "MAX_EXACT": str(MAX_EXACT),
    "MAX_PIXELS": str(MAX_PIXELS),
    "MAX_RELEASE": str(MAX_RELEASE),
    "MAX_TENSORS": str(MAX_TENSORS),
    "MIN_IMAGES": "10",
    "MODEL_FILE": MODEL_FILE,
    "', '.join(PLAIN)": f"{MODEL_FILE}, {VALIDATION_FILE}, {WEIGHTS_FILE}",
    "WEIGHTS_FILE": WEIGHTS_FILE,
    "VALIDATION_FILE": VALIDATION_FILE,
    "classes": "10",
    "data.what": "asset 12",
    "doing": "while training",
    "epoch + 1": "3",
    "foreign": "17",
    "known": " (ValueError)",
    "len(assets)": "9",
    "more": "; and 7 more",
    "named": "row 3 is truncated or damaged; row 90 holds no image",
    "needed": VALIDATION_FILE,
    "package.what": "asset 12",
    "self.what": "package",
    "state_limit(weights)": str(MOST_STATE),
    "what": "validation set",
}
"""What stands in the slots of our sentences, by the expression that fills them."""


def sentences(name: str) -> list[str]:
    """Return the first argument of every call of `name` in compute, slots filled."""
    found = []
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name and node.args:
                words = [arg for arg in node.args if isinstance(arg, ast.Constant | ast.JoinedStr)]
                found += [text for word in words if isinstance(text := filled(word), str)]
    return found


def filled(node: ast.expr) -> object:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(filled(part)) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return FILLED[ast.unparse(node.value)]
    assert isinstance(node, ast.Constant)
    return node.value


def test_the_reasons_of_compute_are_found() -> None:
    assert len(sentences("JobError")) > 20
    assert len(sentences("Bad") + sentences("UnusableImageError")) >= 6
    assert Bad(1, "x").problem == UnusableImageError("x").problem


@pytest.mark.parametrize("reason", sorted(set(sentences("JobError"))))
def test_every_reason_of_a_program_is_passed_on_by_the_sandbox(reason: str) -> None:
    assert public(reason) == reason


@pytest.mark.parametrize("problem", sorted(set(sentences("Bad") + sentences("UnusableImageError"))))
def test_every_problem_of_a_row_is_passed_on_by_the_sandbox(problem: str) -> None:
    reason = f"the asset 1 has bad rows: row 3 {problem}"
    assert public(reason) == reason
