"""What `visdm job verify` prints, with and without computing the job again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from visdm.cli.frame import print_json, progress
from visdm.demo import place
from visdm.ports import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.wiring import World


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a report, what to know beside, and what else is told as JSON."""

    problems: Sequence[str]
    notes: Sequence[str] = ()
    more: Mapping[str, Any] | None = None


def verdict(world: World, round_: str, actor: str | None) -> Verdict:
    """Check a job's report against the chain; where it holds and an `actor` is named, compute the
    job again as that account.
    """
    consumer = world.consumer(place.CONSUMER)
    problems = consumer.verify(round_)
    if actor is None or problems:
        return Verdict(problems)
    role = world.provider(actor, Limits())
    missing = role.ungranted(round_)
    if missing:
        address = world.address(actor)
        orders = [
            f"asset {asset.asset} is not granted to {actor}: its owner would say "
            f"`visdm asset grant {asset.asset} --to {address} --as {world.name(asset.owner)}`"
            for asset in missing
        ]
        return Verdict(orders, more={"ungranted": [asset.asset for asset in missing]})
    with progress("computing the job again") as shown:
        found = role.rerun(round_, consumer.report(round_), shown)
    return Verdict(found.problems, found.notes, {"rerun": True, "notes": list(found.notes)})


def print_verdict(round_: str, found: Verdict, *, as_json: bool) -> None:
    """Print what was found; exits with 1 where the report does not hold."""
    if as_json:
        holds = {"holds": not found.problems, "problems": list(found.problems)}
        print_json({"round": round_, **holds, **(found.more or {})})
    else:
        again = " and the job computed again gives the same" if (found.more or {}) else ""
        click.echo("\n".join(found.problems) or f"the report holds{again}")
        for note in found.notes:
            click.echo(f"note: {note}")
    if found.problems:
        raise click.exceptions.Exit(1)
