"""Where accounts' keys are, and asking for their passwords."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visdm import wiring
from visdm.adapters.keys.own import OwnAccounts
from visdm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS, PASSWORD_FILE = "visdm.keys", "visdm.password-file"
"""Where a command's context has what its options say of one's own accounts."""


def default_keys() -> Path:
    """Return the folder of keys where none is named."""
    return Path.home() / ".visdm" / "keys"


keys_option = click.option(
    "--keys",
    type=click.Path(path_type=Path),
    default=default_keys,
    show_default="~/.visdm/keys",
    help="The folder of the accounts' keys.",
)
password_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Read the password from the first line of FILE, or of standard input for -, "
    "instead of asking.",
)


def password(file: Path | None, prompt: str, *, new: bool = False) -> str:
    """Return a password: asked for without echo, twice where it is `new`, or from `file`.

    Never an option's value or the environment's, which other processes may read.
    """
    if file is None:
        if not sys.stdin.isatty():
            hint = "name a file with --password-file, or - for standard input"
            raise InputError("there is no terminal to ask for the password on", hint=hint)
        answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=new, err=True)
        return answer
    if str(file) == "-":
        try:
            line = sys.stdin.buffer.readline().decode()
        except UnicodeDecodeError:
            raise InputError("the password is not text", hint="write it as UTF-8") from None
        return line.removesuffix("\n").removesuffix("\r")
    return wiring.password_in(file)


def with_own_accounts(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that let accounts of one's own act in a market."""

    def noted(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
        def note(ctx: click.Context, _: click.Parameter, value: object) -> None:
            ctx.meta[name] = value

        return note

    keys = click.option(
        "--keys",
        type=click.Path(path_type=Path),
        callback=noted(KEYS),
        expose_value=False,
        help="The folder of accounts that are not the market's.  [default: ~/.visdm/keys]",
    )
    file = click.option(
        "--password-file",
        type=click.Path(path_type=Path, allow_dash=True),
        callback=noted(PASSWORD_FILE),
        expose_value=False,
        metavar="FILE",
        help="Their password, instead of asking for it; - for standard input.",
    )
    return keys(file(command))


def own_accounts() -> OwnAccounts:
    """Return the accounts that the options of the command at hand name."""
    meta = click.get_current_context().meta

    def ask(name: str) -> str:
        return password(meta.get(PASSWORD_FILE), f"Password of {name}")

    return OwnAccounts(wiring.accounts(meta.get(KEYS) or default_keys()), ask)
