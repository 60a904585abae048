"""`visdm demo` as its user runs it: a process, its output, its exit code, its files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

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
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("VISDM")}


def visdm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "visdm", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=CLEAN)


def demo(out: Path, *options: str | Path) -> dict[str, Any]:
    ended = visdm("demo", "--json", "--out", out, *options)
    assert ended.returncode == 0, ended.stderr
    summary: dict[str, Any] = json.loads(ended.stdout)
    return summary


def begin(out: Path, *options: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "visdm", "demo", "--json", "--out", out, *options]
    return subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=CLEAN,
    )


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], float]:
    out = tmp_path_factory.mktemp("out")
    begun = time.monotonic()
    summary = demo(out)
    return out, summary, time.monotonic() - begun


@pytest.fixture(scope="module")
def undisturbed(few_images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    return demo(out, "--data", few_images, "--suppliers", "3")


def test_the_consumer_pays_what_the_others_withdraw(
    digits: tuple[Path, dict[str, Any], float],
) -> None:
    _, summary, _ = digits
    assert summary["paid_in"] == summary["paid_out"] + summary["claimable"]
    assert summary["paid_in"] > summary["price"] > 0
    assert sum(line["reward"] for line in summary["assets"]) == summary["price"]
    assert sum(line["value"] for line in summary["assets"]) == pytest.approx(1, abs=1e-9)


def test_wrong_labels_earn_less_than_right_ones(
    digits: tuple[Path, dict[str, Any], float],
) -> None:
    _, summary, _ = digits
    *right, wrong = summary["assets"]
    assert "wrong" in wrong["note"]
    assert wrong["reward"] < min(line["reward"] for line in right)


def test_the_decrypted_model_answers_images_that_nobody_registered(
    digits: tuple[Path, dict[str, Any], float],
) -> None:
    _, summary, _ = digits
    assert summary["accuracy"] > 0.9
    assert summary["problems"] == []


@pytest.mark.alone
def test_the_demo_ends_within_a_minute(digits: tuple[Path, dict[str, Any], float]) -> None:
    _, _, seconds = digits
    assert seconds < 60


def test_the_products_are_whole_and_the_page_needs_nothing_from_elsewhere(
    digits: tuple[Path, dict[str, Any], float],
) -> None:
    out, summary, _ = digits
    assert json.loads((out / "summary.json").read_text())["round"] == summary["round"]
    report = json.loads((out / "report.json").read_text())
    assert report["round"] == summary["round"]
    assert len(report["utilities"]) == 32
    assert (out / "model.safetensors").stat().st_size > 1000
    page = (out / "index.html").read_text()
    assert page.count("<svg") >= 3
    assert "src=" not in page


def test_a_second_process_finds_the_market_again(
    digits: tuple[Path, dict[str, Any], float],
) -> None:
    out, summary, _ = digits
    earned = json.loads(visdm("earnings", "show", "supplier-5", "--home", out, "--json").stdout)
    assert earned["earned"] == summary["assets"][-1]["reward"]
    verified = visdm("job", "verify", summary["round"][:8], "--home", out)
    assert (verified.returncode, verified.stdout.strip()) == (0, "the report holds")
    for command in ("account", "asset", "round", "job"):
        assert visdm(command, "list", "--home", out).returncode == 0


def test_no_plaintext_and_no_key_is_left_in_the_open(
    digits: tuple[Path, dict[str, Any], float],
) -> None:
    out, _, _ = digits
    accounts = out / "world" / "accounts"
    assert not list(accounts.glob("*/scratch/visdm-*"))
    assert {file.stat().st_mode & 0o077 for file in accounts.glob("*/age.txt")} == {0}
    for block in (out / "world" / "blobs").rglob("*"):
        assert not block.is_file() or b"AGE-SECRET-KEY" not in block.read_bytes()


def test_the_same_seed_gives_the_same_values_rewards_and_gas(
    few_images: Path, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    again = demo(tmp_path / "again", "--data", few_images, "--suppliers", "3")
    for name in ("round", "price", "assets", "gas", "accuracy", "paid_out"):
        assert again[name] == undisturbed[name], name


def test_a_demo_killed_in_every_step_ends_with_the_same_books(
    few_images: Path, tmp_path: Path, undisturbed: dict[str, Any]
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
    _same_books(ended, undisturbed)


def test_a_demo_killed_at_any_moment_ends_with_the_same_books(
    few_images: Path, tmp_path: Path, undisturbed: dict[str, Any]
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
    _same_books(ended, undisturbed)


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
