"""The options by which a command is told what strangers' scripts run in."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from visdm import wiring

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def sandbox_option(command: Callable[P, R]) -> Callable[..., R]:
    """Give a command --sandbox and --unsafe; it is called with the one parameter `sandbox`."""

    @click.option(
        "--sandbox",
        "kind",
        type=click.Choice(tuple(wiring.SANDBOXES)),
        default="bubblewrap",
        show_default=True,
        help="What scripts run in.",
    )
    @click.option("--unsafe", is_flag=True, help="Mean it: goes with --sandbox none only.")
    @functools.wraps(command)
    def run(*args: P.args, **options: P.kwargs) -> R:
        kind, unsafe = str(options.pop("kind")), bool(options.pop("unsafe"))
        options["sandbox"] = wiring.sandbox(kind, unsafe=unsafe)
        return command(*args, **options)

    return run
