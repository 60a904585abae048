"""`visdm dao`: owners who answer rounds together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from visdm.cli.frame import (
    Duration,
    address_named,
    answer,
    as_option,
    home_option,
    json_option,
    least_accepted,
    least_option,
    market,
    print_fields,
    print_json,
    print_rows,
    reject_option,
    round_named,
    seconds_left,
)
from visdm.demo import place
from visdm.demo.summary import money
from visdm.domain.daos import PRESETS, decide
from visdm.domain.rounds import BASIS

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.domain.daos import Dao, Proposal
    from visdm.wiring import World

PERCENT = BASIS // 100
dao_argument = click.argument("named", metavar="DAO")
round_argument = click.argument("number", metavar="ROUND")


@click.group()
def dao() -> None:
    """Answer rounds together with other owners. DAO is a name or an address."""


@dao.command("create")
@click.argument("name")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="majority",
    show_default=True,
    help="majority: more than half of the samples that answer; quorum: the same, where two "
    "fifths answer; council: more than half of the councillors.",
)
@click.option("--quorum", type=click.IntRange(0, 100), help="In %, instead of the preset's.")
@click.option("--threshold", type=click.IntRange(1, 100), help="In %, instead of the preset's.")
@click.option("--period", type=Duration(), help="How long a vote is open.  [default: 1d]")
@click.option("--councillor", "council", multiple=True, metavar="ACCOUNT", help="Several times.")
@as_option
@home_option
@json_option
def dao_create(  # one parameter per option
    name: str,
    preset: str,
    quorum: int | None,
    threshold: int | None,
    period: int | None,
    council: tuple[str, ...],
    actor: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Found a DAO. Its rule and council are for good."""
    if (preset == "council") is not bool(council):
        raise click.UsageError("--preset council and --councillor go together")
    rule = PRESETS[preset]
    if quorum is not None:
        rule = replace(rule, quorum=quorum * PERCENT)
    if threshold is not None:
        rule = replace(rule, threshold=threshold * PERCENT)
    if period is not None:
        rule = replace(rule, period=period)
    with market(home) as world:
        seats = [address_named(world, each) for each in council]
        made = world.member(actor).found(name, rule, seats)
        shown = _shown(world, made)
    print_fields(shown, as_json=as_json)


@dao.command("list")
@home_option
@json_option
def dao_list(home: Path, *, as_json: bool) -> None:
    """List the market's DAOs."""
    with market(home) as world:
        rows = [_shown(world, known) for known in world.member(place.OPERATOR).daos.daos()]
    print_rows(rows, as_json=as_json)


@dao.command("show")
@dao_argument
@click.argument("number", metavar="[ROUND]", required=False)
@home_option
@json_option
def dao_show(named: str, number: str | None, home: Path, *, as_json: bool) -> None:
    """Show a DAO: its rule, its members, and its vote on a round."""
    with market(home) as world:
        member = world.member(place.OPERATOR)
        found = member.daos.dao(address_named(world, named))
        shown = _shown(world, found)
        shown["members"] = [world.name(each) for each in member.members(found.address)]
        rows: list[dict[str, Any]] = []
        if number:
            round_id = round_named(member.chain, number)
            proposal = member.daos.proposal(found.address, round_id)
            ladder = member.chain.rounds()[round_id].ladder
            if proposal:
                shown |= _vote(found, proposal, ladder, member.chain.now())
                rows = _seats(world, proposal, ladder)
            else:
                shown["vote"] = "not proposed"
    if as_json:
        print_json({**shown, "seats": rows})
        return
    print_fields(shown, as_json=False)
    if rows:
        print_rows(rows, as_json=False)


@dao.command("join")
@dao_argument
@as_option
@home_option
def dao_join(named: str, actor: str, home: Path) -> None:
    """Become a member: the DAO votes for your assets wherever you did not."""
    with market(home) as world:
        world.member(actor).join(address_named(world, named))
    click.echo(f"{actor} is a member of {named}")


@dao.command("leave")
@dao_argument
@as_option
@home_option
def dao_leave(named: str, actor: str, home: Path) -> None:
    """Stop being a member: you vote for yourself again."""
    with market(home) as world:
        world.member(actor).leave(address_named(world, named))
    click.echo(f"{actor} is no member of {named} any more")


@dao.command("propose")
@dao_argument
@round_argument
@as_option
@home_option
def dao_propose(named: str, number: str, actor: str, home: Path) -> None:
    """Put an open round to the members' vote."""
    with market(home) as world:
        member = world.member(actor)
        found = round_named(member.chain, number)
        proposal = member.propose(address_named(world, named), found)
        left = seconds_left(proposal.closes, member.chain.now())
    click.echo(f"{named} votes on {found}; {left}")


@dao.command("vote")
@dao_argument
@round_argument
@least_option
@reject_option
@as_option
@home_option
def dao_vote(
    named: str, number: str, least: str | None, actor: str, home: Path, *, reject: bool
) -> None:
    """Say what the DAO should answer; may be repeated until its vote is over."""
    lowest = least_accepted(least, reject=reject)
    with market(home) as world:
        member = world.member(actor)
        found = round_named(member.chain, number)
        seats = member.vote(address_named(world, named), found, lowest)
    said = "to reject" if lowest is None else f"for {money(lowest)} a sample"
    click.echo(f"{actor} votes {said} with {len(seats)} seats")


@dao.command("execute")
@dao_argument
@round_argument
@as_option
@home_option
def dao_execute(named: str, number: str, actor: str, home: Path) -> None:
    """Once its vote is over: let the DAO answer the round as its members decided."""
    with market(home) as world:
        member = world.member(actor)
        found = round_named(member.chain, number)
        decided = member.execute(address_named(world, named), found)
        ladder = member.chain.rounds()[found].ladder
    click.echo(f"{named} answers {found}: {answer(decided, ladder)}")


def _shown(world: World, known: Dao) -> dict[str, Any]:
    return {
        "dao": known.name,
        "address": known.address,
        "quorum": f"{known.rule.quorum / PERCENT:g}%",
        "threshold": f"{known.rule.threshold / PERCENT:g}%",
        "period": f"{known.rule.period} s",
        "council": [world.name(each) for each in known.council],
    }


def _vote(known: Dao, proposal: Proposal, ladder: tuple[int, ...], now: int) -> dict[str, Any]:
    choice = decide(known.rule, len(ladder), proposal.seats)
    return {
        "vote": seconds_left(proposal.closes, now),
        "as it stands": "no quorum" if choice is None else answer(choice, ladder),
        "decided": answer(proposal.decided, ladder) if proposal.decided else "not yet",
    }


def _seats(world: World, proposal: Proposal, ladder: tuple[int, ...]) -> list[dict[str, Any]]:
    return [
        {
            "holder": world.name(seat.holder),
            "weight": seat.weight,
            "says": answer(seat.choice, ladder),
        }
        for seat in proposal.seats
        if seat.weight
    ]
