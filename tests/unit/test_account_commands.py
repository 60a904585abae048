"""`visdm account` as its user types it, at a terminal and from scripts."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from visdm.adapters.keys import KeyFolder

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that hold nothing
PROGRAM = [sys.executable, "-c", "from visdm.cli import main; main()"]


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\nanything else\n")
    path.chmod(0o600)
    return path


def visdm(*words: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal; `typed` is its standard input."""
    command = [*PROGRAM, "account", *map(str, words)]
    return subprocess.run(command, input=typed, capture_output=True, text=True, check=False)


def at_terminal(*words: str | Path, answers: list[str]) -> tuple[int, str, bytes]:
    """Run a command at a terminal and answer what it asks.

    Returns its exit code, what stood on the terminal, and what other processes could read of it
    while it waited: its arguments and its environment.
    """
    child, terminal = pty.fork()
    if not child:
        os.execv(PROGRAM[0], [*PROGRAM, "account", *map(str, words)])  # noqa: S606 - a shell would only add to it
    shown, exposed, left = "", b"", list(answers)
    while True:
        try:
            shown += os.read(terminal, 1024).decode()
        except OSError:
            break
        if left and shown.rstrip(" ").endswith(":"):
            process = Path(f"/proc/{child}")
            exposed += (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            os.write(terminal, left.pop(0).encode() + b"\n")
            shown += "\n"
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown, exposed


def test_an_account_is_made_at_a_terminal_without_an_echo(tmp_path: Path) -> None:
    words = ("create", "ann", "--keys", tmp_path / "keys")
    code, shown, exposed = at_terminal(*words, answers=[PASSWORD, PASSWORD])
    assert code == 0, shown
    assert "New password of ann" in shown
    for told in (shown, exposed.decode(errors="replace")):
        assert PASSWORD not in told
        assert "AGE-SECRET" not in told
    public = KeyFolder(tmp_path / "keys").show("ann")
    assert public.address in shown
    assert public.recipient in shown


def test_a_password_that_was_mistyped_is_asked_for_again(tmp_path: Path) -> None:
    words = ("create", "ann", "--keys", tmp_path / "keys")
    answers = [PASSWORD, "mistyped", PASSWORD, PASSWORD]
    code, shown, _ = at_terminal(*words, answers=answers)
    assert code == 0, shown
    assert "do not match" in shown


def test_every_command_over_one_account(tmp_path: Path, password_file: Path) -> None:
    keys = ("--keys", tmp_path / "keys")
    made = visdm("create", "ann", *keys, "--password-file", password_file, "--json")
    assert made.returncode == 0, made.stderr
    account = json.loads(made.stdout)
    assert set(account) == {"name", "address", "recipient"}
    assert json.loads(visdm("show", "ann", *keys, "--json").stdout) == account
    changed = visdm(
        *("password", "ann", *keys, "--password-file", "-", "--new-password-file", "-"),
        typed=f"{PASSWORD}\nanother password\n",
    )
    assert changed.returncode == 0, changed.stderr
    copied = visdm(
        *("import", "bob", tmp_path / "keys" / "ann.json", *keys, "--password-file", "-"),
        typed="another password\r\n",
    )
    assert copied.returncode == 0, copied.stderr
    listed = json.loads(visdm("list", *keys, "--json").stdout)
    assert [row["name"] for row in listed] == ["ann", "bob"]
    assert [row["address"] for row in listed] == [account["address"]] * 2
    told = made.stdout + changed.stdout + changed.stderr + copied.stdout + copied.stderr
    for secret in (PASSWORD, "another password", "AGE-SECRET"):
        assert secret not in told


def test_a_password_file_that_others_can_read_is_refused(
    tmp_path: Path, password_file: Path
) -> None:
    password_file.chmod(0o640)
    ended = visdm("create", "ann", "--keys", tmp_path / "keys", "--password-file", password_file)
    assert ended.returncode == 1
    assert f"{password_file} is open to others" in ended.stderr
    assert f"hint: chmod 600 {password_file}" in ended.stderr
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("words", "typed", "problem"),
    [
        (("create", "ann"), "", "there is no terminal to ask for the password on"),
        (("create", "ann", "--password-file", "-"), "hunter2\n", "fewer than 8 characters"),
        (("create", "ann", "--password-file", "-"), "", "fewer than 8 characters"),
        (("create", "Ann", "--password-file", "-"), f"{PASSWORD}\n", "cannot be an account's name"),
        (("show", "ann"), "", "unknown account: ann"),
        (("password", "ann", "--password-file", "-"), "hunter2\n", "unknown account: ann"),
        (("import", "ann", "none", "--password-file", "-"), f"{PASSWORD}\n", "none cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_a_hint_and_leaves_nothing(
    tmp_path: Path, words: tuple[str, ...], typed: str, problem: str
) -> None:
    ended = visdm(*words, "--keys", tmp_path / "keys", typed=typed)
    assert ended.returncode == 1
    assert problem in ended.stderr
    assert re.fullmatch(r"error: [^\n]+\nhint: [^\n]+\n", ended.stderr)
    assert "hunter2" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_keys_and_a_market_are_not_listed_at_once(tmp_path: Path) -> None:
    ended = visdm("list", "--keys", tmp_path, "--home", tmp_path)
    assert ended.returncode == 2
    assert "either --keys or --home" in ended.stderr


def test_no_option_takes_a_password_itself() -> None:
    for command in ("create", "import", "password"):
        said = visdm(command, "--help").stdout
        assert "--password-file FILE" in said
        assert not re.search(r"--password(?!-file)", said)
        assert "PASSWORD" not in said
