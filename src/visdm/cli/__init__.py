"""The command line: parse, call one function, print."""

from __future__ import annotations

import sys

import click

from visdm import __version__
from visdm.cli.account import account
from visdm.cli.assets import asset
from visdm.cli.daos import dao
from visdm.cli.demand import demand
from visdm.cli.demo import demo
from visdm.cli.devnet import devnet
from visdm.cli.earnings import earnings
from visdm.cli.experiments import experiment
from visdm.cli.frame import StartsOverError, plain
from visdm.cli.jobs import job
from visdm.cli.map import map_
from visdm.cli.metadata import metadata
from visdm.cli.models import model
from visdm.cli.provider import provider
from visdm.cli.rounds import delegate, round_
from visdm.cli.sample import sample
from visdm.cli.store import store
from visdm.errors import NAMED_IMAGES, ImageError, VisdmError

USAGE_ERROR = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="visdm")
def visdm() -> None:
    """Rent labelled images for AI training without ever handing them over."""


for _command in (
    demo,
    account,
    asset,
    metadata,
    model,
    map_,
    sample,
    round_,
    delegate,
    dao,
    job,
    provider,
    demand,
    store,
    earnings,
    devnet,
    experiment,
):
    visdm.add_command(_command)


def main() -> None:
    """Run the command line; errors become one line, a hint and an exit code."""
    try:
        # Without its standalone mode click returns the code of `Exit` instead of raising it.
        sys.exit(visdm(standalone_mode=False) or 0)
    except click.Abort as ended:
        over = isinstance(ended, StartsOverError)
        then = "it starts over, for nothing is kept of it" if over else "it goes on where it was"
        click.echo("error: interrupted", err=True)
        click.echo(f"hint: run it again; {then}", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE_ERROR)
    except VisdmError as error:
        click.echo(f"error: {plain(error.message)}", err=True)
        if isinstance(error, ImageError):
            for name, problem in error.bad[NAMED_IMAGES:]:
                click.echo(f"error: {plain(f'{name}: {problem}')}", err=True)
        if error.hint:
            click.echo(f"hint: {plain(error.hint)}", err=True)
        sys.exit(error.exit_code)
