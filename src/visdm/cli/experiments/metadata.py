"""`visdm experiment metadata`: how fast and how safe metadata is, a part in a file each.

A part is a measuring function made a command by `part`, in a module of its own beside this one;
`visdm.cli.experiments` adds it to the group.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
from rich.console import Console

from visdm.adapters.machine import MachineClock
from visdm.cli.frame import json_option, print_json, refuse_options_before, starting_over
from visdm.demo.telling import Narrator
from visdm.errors import FolderError

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path("../shared/data")
"""Where the images to measure on lie, unless --data says otherwise."""

_GATHERED = "visdm.experiments.metadata"


class Measured(Protocol):
    """What a part measured."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        ...


M = TypeVar("M", bound=Measured)

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA,
    show_default=True,
    help="The folder with cifar10 and photos.",
)


@click.group(invoke_without_command=True)
@data_option
@json_option
@click.pass_context
def metadata(context: click.Context, data: Path, *, as_json: bool) -> None:
    """Measure metadata: its speed, growth and privacy. Without a part, all of them."""
    if context.invoked_subcommand:
        refuse_options_before(context.invoked_subcommand)
        return
    gathered: dict[str, Any] = context.meta.setdefault(_GATHERED, {})
    for command in metadata.commands.values():
        context.invoke(command, data=data, as_json=as_json)
    if as_json:
        print_json(gathered)


def part(
    name: str, title: str, show: Callable[[Console, M], None]
) -> Callable[[Callable[..., M]], click.Command]:
    """Make a measuring function the command `visdm experiment metadata NAME`.

    The function gets `data`, a folder that is there, `progress`, and its own options by keyword;
    its docstring is the command's help. `title` is what a terminal shows meanwhile, and `show`
    prints the result there; with --json its `to_json` is printed instead.
    """

    def made(measure: Callable[..., M]) -> click.Command:
        @functools.wraps(measure)
        def run(data: Path, *, as_json: bool, **options: object) -> None:
            if not data.is_dir():
                raise FolderError(data, "there is no such folder", hint="name it with --data")
            narrator = Narrator(Console(stderr=True), MachineClock().seconds)
            with starting_over(), narrator.step(name, title) as progress:
                measured = measure(data=data, progress=progress, **options)
            gathered = click.get_current_context().meta.get(_GATHERED)
            if not as_json:
                show(Console(), measured)
            elif gathered is None:
                print_json(measured.to_json())
            else:
                gathered[name] = measured.to_json()

        return click.command(name)(data_option(json_option(run)))

    return made
