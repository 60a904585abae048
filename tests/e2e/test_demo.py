"""`visdm demo` as its user runs it: a process, its output, its exit code, its files, its time.

It is run once, when nothing else runs, and looked at in every way.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from e2e.processes import demo, visdm

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], float]:
    out = tmp_path_factory.mktemp("out")
    begun = time.monotonic()
    summary = demo(out)
    return out, summary, time.monotonic() - begun


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
