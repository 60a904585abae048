"""`visdm account`: one's own accounts, in a folder of keys, and those of a market."""

from __future__ import annotations

from pathlib import Path

import click

from visdm import wiring
from visdm.cli.asking import keys_option, password, password_option
from visdm.cli.frame import HOME, json_option, market, node_option, print_fields, print_rows
from visdm.demo import place


@click.group()
def account() -> None:
    """Make accounts and look at them. Keys are encrypted with a password."""


@account.command("create")
@click.argument("name")
@keys_option
@password_option
@json_option
def account_create(name: str, keys: Path, password_file: Path | None, *, as_json: bool) -> None:
    """Make an account with new keys."""
    chosen = password(password_file, f"New password of {name}", new=True)
    print_fields(vars(wiring.accounts(keys).create(name, chosen)), as_json=as_json)


@account.command("import")
@click.argument("name")
@click.argument("keystore", type=click.Path(path_type=Path))
@keys_option
@password_option
@json_option
def account_import(
    name: str, keystore: Path, keys: Path, password_file: Path | None, *, as_json: bool
) -> None:
    """Make an account of the KEYSTORE of a wallet or of geth, under the same password."""
    known = password(password_file, f"Password of {keystore.name}")
    made = wiring.accounts(keys).import_keystore(keystore, name, known)
    print_fields(vars(made), as_json=as_json)


@account.command("list")
@keys_option
@node_option
@click.option("--home", type=click.Path(path_type=Path), help=f"Of this market ({HOME}) instead.")
@json_option
@click.pass_context
def account_list(ctx: click.Context, keys: Path, home: Path | None, *, as_json: bool) -> None:
    """List one's own accounts, or a market's with what they hold and can withdraw."""
    if home is None:
        folder = wiring.accounts(keys)
        print_rows([vars(folder.show(name)) for name in folder.names()], as_json=as_json)
        return
    if ctx.get_parameter_source("keys") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("say either --keys or --home")
    with market(home) as world:
        chain = world.chain(place.OPERATOR)
        rows = [
            {
                "account": name,
                "address": world.address(name),
                "balance": chain.balance(world.address(name)),
                "claimable": chain.claimable(world.address(name)),
            }
            for name in world.names
        ]
    print_rows(rows, as_json=as_json, amounts=("balance", "claimable"))


@account.command("show")
@click.argument("name")
@keys_option
@json_option
def account_show(name: str, keys: Path, *, as_json: bool) -> None:
    """Show an account's address, and its recipient: the key to encrypt to it with."""
    print_fields(vars(wiring.accounts(keys).show(name)), as_json=as_json)


@account.command("password")
@click.argument("name")
@keys_option
@password_option
@click.option(
    "--new-password-file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="The same for the new password; the line after where both are -.",
)
def account_password(
    name: str, keys: Path, password_file: Path | None, new_password_file: Path | None
) -> None:
    """Change the password of an account."""
    folder = wiring.accounts(keys)
    folder.show(name)
    old = password(password_file, f"Password of {name}")
    new = password(new_password_file, f"New password of {name}", new=True)
    folder.change_password(name, old, new)
    click.echo(f"{name} has a new password; copies of its files still open with the old one")
