"""The command line's own part: exit codes, and strangers' words on a terminal."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import click
import pytest

import visdm
from memory.blobs import MemoryBlobs
from visdm import cli
from visdm.adapters.sandboxes import Bubblewrap
from visdm.cli import assets, frame, jobs
from visdm.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(("problems", "code"), [([], 0), (["the price is wrong"], 1)])
def test_a_report_that_does_not_hold_ends_with_one(
    problems: list[str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chain = SimpleNamespace(rounds=lambda: {"0xab": None})
    consumer = SimpleNamespace(chain=chain, verify=lambda _: problems)

    @contextmanager
    def world(_: object, *, sandbox: object) -> Iterator[SimpleNamespace]:
        assert isinstance(sandbox, Bubblewrap)
        yield SimpleNamespace(consumer=lambda _: consumer, chain=lambda _: chain)

    monkeypatch.setattr(jobs, "market", world)
    monkeypatch.setattr(sys, "argv", ["visdm", "job", "verify", "0x"])
    with pytest.raises(SystemExit) as ending:
        cli.main()
    assert ending.value.code == code
    assert capsys.readouterr().out.strip() == (problems[0] if problems else "the report holds")


@pytest.mark.parametrize("document", [b"not json", b"[" * 200_000, b"\xff"])
def test_metadata_that_cannot_be_read_is_named(document: bytes) -> None:
    store = MemoryBlobs()
    with pytest.raises(BlobError, match="not a JSON document"):
        assets._public(store, store.write(document))


@pytest.mark.parametrize("wrap", [str, lambda text: [text], lambda text: {text: [text]}])
def test_a_strangers_text_does_not_command_the_terminal(wrap: object) -> None:
    shown = frame.plain(wrap("a\x1b[2J\rb"))  # type: ignore[operator]  # each takes a text
    assert "\x1b" not in shown
    assert "\r" not in shown


def test_every_command_that_a_hint_names_exists() -> None:
    source = Path(visdm.__file__).parent
    named = {
        found
        for path in source.rglob("*.py")
        for found in re.findall(
            r"`visdm ([a-z][a-z0-9]*(?: [a-z][a-z0-9]*)?)", path.read_text("utf-8")
        )
    }
    assert named
    for words in sorted(named):
        command: click.Command = cli.visdm
        for word in words.split():
            assert isinstance(command, click.Group), words
            assert word in command.commands, words
            command = command.commands[word]


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (("--json",), "put --json after rebuild"),
        (("--data", "/nowhere"), "put --data after rebuild"),
    ],
)
def test_options_before_a_part_of_an_experiment_are_refused(
    before: tuple[str, ...],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["visdm", "experiment", "metadata", *before, "rebuild", "--data", "/nowhere"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ending:
        cli.main()
    assert ending.value.code == cli.USAGE_ERROR
    assert told in capsys.readouterr().err


def test_a_vote_says_a_price_or_a_rejection_and_not_both() -> None:
    assert frame.least_accepted("0.05", reject=False) == 50_000
    assert frame.least_accepted(None, reject=True) is None
    for least, reject in (("0.05", True), (None, False)):
        with pytest.raises(click.UsageError, match="either --least PRICE or --reject"):
            frame.least_accepted(least, reject=reject)


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("1d", 86_400)]
)
def test_a_duration_is_read_in_its_unit(written: str, seconds: int) -> None:
    assert frame.Duration().convert(written, None, None) == seconds


@pytest.mark.parametrize("written", ["", "5", "m", "-1h", "1.5h", "0d", "1w", "9" * 10 + "d"])
def test_what_is_no_duration_is_named(written: str) -> None:
    with pytest.raises(click.BadParameter, match="is no duration"):
        frame.Duration().convert(written, None, None)
