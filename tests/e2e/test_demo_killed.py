"""`visdm demo` again, also after it was killed: the books end as those of one left alone."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

from e2e.processes import begin, demo

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STEPS = (
    "images",
    "market",
    "register",
    "model",
    "metadata",
    "round",
    "vote",
    "close",
    "fund",
    "compute",
    "withdraw",
    "measure",
)


def test_the_same_seed_gives_the_same_values_rewards_and_gas(
    few_images: Path, tmp_path: Path, traded: Path
) -> None:
    undisturbed = json.loads((traded / "summary.json").read_text())
    again = demo(tmp_path / "again", "--data", few_images, "--suppliers", "3")
    for name in ("round", "price", "assets", "gas", "accuracy", "paid_out"):
        assert again[name] == undisturbed[name], name


def test_a_demo_killed_in_every_step_ends_with_the_same_books(
    few_images: Path, tmp_path: Path, traded: Path
) -> None:
    out = tmp_path / "out"
    for step in STEPS:
        process = begin(out, "--data", few_images, "--suppliers", "3")
        assert process.stderr is not None
        seen = _until(f"[{step}] begins", process.stderr)
        process.send_signal(signal.SIGKILL)
        process.stderr.close()
        assert process.wait() == -signal.SIGKILL, f"never reached {step}: {seen}"
    ended = demo(out, "--data", few_images, "--suppliers", "3")
    _same_books(ended, json.loads((traded / "summary.json").read_text()))


def test_a_demo_killed_at_any_moment_ends_with_the_same_books(
    few_images: Path, tmp_path: Path, traded: Path
) -> None:
    out = tmp_path / "out"
    for place in range(8):
        process = begin(out, "--data", few_images, "--suppliers", "3")
        time.sleep(1.3 + 0.47 * place)
        process.send_signal(signal.SIGKILL)
        assert process.stderr is not None
        process.stderr.close()
        process.wait()
        if (out / "summary.json").exists():
            break
    ended = demo(out, "--data", few_images, "--suppliers", "3")
    _same_books(ended, json.loads((traded / "summary.json").read_text()))


def _until(marker: str, lines: Iterable[str]) -> list[str]:
    seen = []
    for line in lines:
        seen.append(line.rstrip())
        if marker in line:
            break
    return seen


def _same_books(summary: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    assert summary["paid_in"] == summary["paid_out"] + summary["claimable"]
    assert summary["claimable"] == 0
    for name in ("assets", "price", "gas", "transactions"):
        assert summary[name] == undisturbed[name], name
