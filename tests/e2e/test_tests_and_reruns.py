"""A whole test trade by hand, and jobs that another account computes again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2e.typed import Typed
from visdm import wiring
from visdm.adapters.sandboxes import Bubblewrap
from visdm.ports import silent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from visdm.ports import Computation, Progress

OTHER = "supplier-3"
"""Who computes again: an account like any other."""


@pytest.fixture
def at(finished: Path, tmp_path: Path) -> Typed:
    shutil.copytree(finished, tmp_path / "market")
    return Typed("--home", tmp_path / "market")


def settle(at: Typed, round_: str) -> None:
    for name in ("supplier-1", "supplier-2", "supplier-3"):
        at.ok("round", "vote", round_, "--least", "0.05", "--last", "--as", name)
    at.ok("job", "fund", round_)
    at.ok("provider", "run", "--once", "--as", "provider-1")
    assert at.json("job", "status", round_)["state"] == "settled"


def opened(at: Typed, *words: str | int) -> str:
    return str(at.json("round", "open", *map(str, words))["round"])


def test_a_test_trade_from_weights_to_figures_that_another_account_finds_too(
    at: Typed, tmp_path: Path
) -> None:
    told = at.refused("round", "open", "--task", "test")
    assert "brings no weights to test" in told
    assert "weights.safetensors" in told
    (market,) = at.always[1:]
    folder = tmp_path / "model"
    shutil.copytree(Path(market) / "world" / "accounts" / "consumer-1" / "model", folder)
    (first,) = [row["round"] for row in at.json("job", "list")]
    at.ok("job", "result", first, "-o", folder / "weights.safetensors")
    model = at.json("model", "register", folder)["asset"]
    assert at.json("model", "register", folder)["asset"] == model
    at.ok("provider", "run", "--once", "--as", "provider-1")
    assert at.json("asset", "show", str(model))["description"]["summary"]["weights"] is True
    round_ = opened(at, "--task", "test", "--model", model)
    assert at.json("round", "show", round_)["task"] == "test"
    settle(at, round_)
    status = at.json("job", "status", round_)
    assert len(status["images"]) == 3
    said = at.json("job", "result", round_, "-o", tmp_path / "metrics.json")
    figures = json.loads((tmp_path / "metrics.json").read_bytes())
    assert (figures["images"], figures["correct"]) == (said["images"], said["correct"])
    assert said["accuracy"] == round(said["correct"] / said["images"], 4)
    # Trained on these very images.
    assert said["accuracy"] > 0.8
    earned = [at.json("earnings", "withdraw", f"supplier-{n}")["withdrawn"] for n in (1, 2, 3)]
    assert max(earned) - min(earned) <= max(earned) // 2
    assert at.json("job", "verify", round_)["holds"]
    reran(at, round_, model)


def reran(at: Typed, round_: str, model: int) -> None:
    code, out, _ = at.run(("job", "verify", round_, "--rerun", "--as", OTHER))
    assert code == 1
    orders = [line.split("`")[1].split()[1:] for line in out.splitlines()]
    assert [words[2] for words in orders] == ["1", "2", str(model)]
    for words in orders:
        at.ok(*words)
    assert "computed again gives the same" in at.ok(
        "job", "verify", round_, "--rerun", "--as", OTHER
    )


class Lying(Bubblewrap):
    """A provider's sandbox, which says otherwise what the first images are worth."""

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        answer = dict(super().run(computation, output, progress))
        for entry in answer.get("utilities", []):
            if entry[0] == [1]:
                entry[1] = 0 if entry[1] else 1
        return answer


def test_a_lie_that_follows_from_itself_is_found_by_computing_again(
    at: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_ = opened(at, "--seed", 7)
    with monkeypatch.context() as patch:
        patch.setitem(wiring.SANDBOXES, "bubblewrap", Lying)
        settle(at, round_)
    assert at.json("job", "verify", round_)["holds"]
    model = at.json("round", "show", round_)["model"]
    for asset, owner in ((1, "supplier-1"), (2, "supplier-2"), (model, "consumer-1")):
        at.ok("asset", "grant", str(asset), "--to", OTHER, "--as", owner)
    code, out, _ = at.run(("job", "verify", round_, "--rerun", "--as", OTHER, "--json"))
    found = json.loads(out)
    assert (code, found["holds"], found["rerun"]) == (1, False, True)
    assert any(problem.startswith("utilities of 1: ") for problem in found["problems"])


@pytest.mark.parametrize("words", [("--rerun",), ("--as", OTHER)])
def test_computing_again_needs_who_does_it(finished: Path, words: tuple[str, ...]) -> None:
    at = Typed("--home", finished)
    assert "--rerun goes with --as" in at.refused("job", "verify", "0x", *words, code=2)
