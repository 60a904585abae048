"""`visdm round` and `visdm delegate`: ask for a price, answer, find it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visdm.cli.allowing import asked_by
from visdm.cli.frame import (
    Duration,
    address_named,
    answer,
    as_option,
    consumer_option,
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
from visdm.cli.sample import LADDER, dataset_option, kept_dataset
from visdm.demo import place
from visdm.demo.summary import money
from visdm.domain.assets import Kind, State
from visdm.domain.rounds import BASIS, SILENT, Ballot, Task, Terms
from visdm.domain.sampling import Criteria
from visdm.domain.values import EQUAL, METHODS, SHAPLEY
from visdm.errors import FolderError, InputError, UnknownError
from visdm.services.fees import fee_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visdm.domain.rounds import Outcome
    from visdm.wiring import World

PERCENT = BASIS // 100


@click.group("round")
def round_() -> None:
    """Ask the owners of a dataset for a price."""


@round_.command("list")
@home_option
@json_option
def round_list(home: Path, *, as_json: bool) -> None:
    """List all rounds with their outcome."""
    with market(home) as world:
        chain = world.chain(place.OPERATOR)
        rows = []
        for number, terms in chain.rounds().items():
            outcome = chain.outcome(number)
            rows.append(
                {
                    "round": number,
                    "consumer": world.name(terms.consumer),
                    "assets": list(terms.assets),
                    "state": outcome.state.name.lower() if outcome else "open",
                    "price": outcome.price if outcome else 0,
                }
            )
    print_rows(rows, as_json=as_json, amounts=("price",))


@round_.command("show")
@click.argument("number", metavar="ROUND")
@home_option
@json_option
def round_show(number: str, home: Path, *, as_json: bool) -> None:
    """Show a round: its terms, who answered what, how it closed or would close now."""
    with market(home) as world:
        chain = world.chain(place.OPERATOR)
        found = round_named(chain, number)
        terms, now = chain.rounds()[found], chain.now()
        outcome = chain.outcome(found)
        expected = world.consumer(place.CONSUMER).expected(found)
        shown: dict[str, Any] = {
            "round": found,
            "consumer": world.name(terms.consumer),
            "model": terms.model,
            "task": terms.task.name.lower(),
            "method": terms.method,
            "ladder": list(terms.ladder),
            "quorum": terms.quorum,
            "threshold": terms.threshold,
            "vote_by": seconds_left(terms.vote_by, now),
            "fund_by": seconds_left(terms.fund_by, now),
            "settle_by": seconds_left(terms.settle_by, now),
            "state": outcome.state.name.lower() if outcome else "open",
            "price": expected.price,
            "samples": expected.samples,
            "answers": _answers(world, found, terms, expected),
        }
    if as_json:
        print_json(shown)
        return
    answers = shown.pop("answers")
    shown["ladder"] = [money(step) for step in terms.ladder]
    if outcome is None:
        shown["state"] = "open; as it stands it would close with the price below"
    print_fields(shown, as_json=False, amounts=("price",))
    print_rows(answers, as_json=False)


@round_.command("open")
@click.option("--model", type=int, help="The model asset.  [default: the account's newest]")
@click.option("--assets", help="Data assets, as 1,2,3.  [default: all that allow the model]")
@dataset_option
@click.option(
    "--ladder",
    show_default=f"the dataset's price, or {LADDER}",
    help="The prices a sample, ascending.",
)
@click.option(
    "--task",
    type=click.Choice([task.name.lower() for task in Task]),
    default=Task.TRAIN.name.lower(),
    show_default=True,
    help="To train the model, or to test the weights that it brings.",
)
@click.option(
    "--method", type=click.Choice(METHODS), show_default=f"{SHAPLEY}, or {EQUAL} for a test"
)
@click.option("--seed", type=click.IntRange(0, 2**32), default=1, show_default=True)
@click.option("--quorum", type=click.IntRange(0, 100), default=50, show_default=True, help="In %.")
@click.option(
    "--threshold", type=click.IntRange(1, 100), default=66, show_default=True, help="In %."
)
@click.option("--min-samples", type=click.IntRange(0), default=0, show_default=True)
@click.option("--fee-cap", metavar="AMOUNT", help="[default: the provider's fee]")
@click.option("--vote", type=Duration(), default="1h", show_default=True, help="To vote in.")
@click.option("--fund", type=Duration(), default="1h", show_default=True, help="To pay in, after.")
@click.option("--settle", type=Duration(), default="1d", show_default=True, help="To compute in.")
@consumer_option
@home_option
@json_option
def round_open(  # one parameter per option
    model: int | None,
    assets: str | None,
    dataset: Path | None,
    ladder: str | None,
    task: str,
    method: str | None,
    seed: int,
    quorum: int,
    threshold: int,
    min_samples: int,
    fee_cap: str | None,
    vote: int,
    fund: int,
    settle: int,
    actor: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Open a round over data assets for a model asset.

    --dataset takes what `visdm sample` wrote, compares it with the market as it is now, and asks
    the price that it was chosen at unless --ladder says otherwise.
    """
    if assets and dataset:
        raise click.UsageError("--assets and --dataset exclude each other")
    wanted = Task[task.upper()]
    with market(home) as world:
        consumer = world.consumer(actor)
        chain = consumer.chain
        number, provider = _model(world, actor, model)
        if dataset:
            chosen, steps = kept_dataset(dataset, world, consumer, provider, ladder)
        else:
            every = Criteria(provider=provider, ask=asked_by(chain, number))
            chosen = _dataset(assets) or consumer.sample(every).dataset
            steps = place.parse_ladder(ladder or LADDER)
        now = chain.now()
        cap = fee_of(chain, provider, chosen)
        terms = Terms(
            consumer=chain.account,
            model=number,
            provider=provider,
            assets=chosen,
            ladder=steps,
            task=wanted,
            method=method or (EQUAL if wanted is Task.TEST else SHAPLEY),
            seed=seed,
            quorum=quorum * PERCENT,
            threshold=threshold * PERCENT,
            min_samples=min_samples,
            fee_cap=place.parse_ladder(fee_cap)[0] if fee_cap else cap,
            vote_by=now + vote,
            fund_by=now + vote + fund,
            settle_by=now + vote + fund + settle,
        )
        found = consumer.open_round(terms)
    if as_json:
        print_json({"round": found, "assets": list(chosen), "fee_cap": terms.fee_cap})
    else:
        click.echo(f"{found} over assets {', '.join(map(str, chosen))}")


@round_.command("vote")
@click.argument("number", metavar="ROUND")
@least_option
@reject_option
@click.option("--last", is_flag=True, help="Your last word: the round may close early.")
@click.option("--for-others", is_flag=True, help="As a delegate, for all whose vote you have.")
@click.option("--sign", "only_sign", is_flag=True, help="Print signed ballots, send nothing.")
@as_option
@home_option
@json_option
def round_vote(
    number: str,
    least: str | None,
    actor: str,
    home: Path,
    *,
    reject: bool,
    last: bool,
    for_others: bool,
    only_sign: bool,
    as_json: bool,
) -> None:
    """Answer a round for all your assets in it."""
    lowest = least_accepted(least, reject=reject)
    if for_others and (last or only_sign):
        raise click.UsageError("--for-others goes with neither --last nor --sign")
    with market(home) as world:
        supplier = world.supplier(actor)
        found = round_named(supplier.chain, number)
        if only_sign:
            ballots = supplier.sign(found, lowest, last=last)
            _concerned(ballots, actor, found)
            print_json([_written(ballot) for ballot in ballots])
            return
        if for_others:
            voted = supplier.vote_for_others(found, lowest)
        else:
            voted = supplier.vote(found, lowest, last=last)
            _concerned(voted, actor, found)
    said = "rejects" if lowest is None else f"asks for {money(lowest)} a sample"
    if as_json:
        print_json({"round": found, "assets": voted, "least": lowest})
    elif voted:
        click.echo(f"{actor} {said} for assets {', '.join(map(str, voted))}")
    else:
        click.echo(f"{actor} has nobody to vote for in this round who has not answered")


@round_.command("submit")
@click.argument("ballots", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@consumer_option
@home_option
@json_option
def round_submit(ballots: Path, actor: str, home: Path, *, as_json: bool) -> None:
    """Submit ballots that `round vote --sign` printed; FILE may be - for standard input."""
    signed = _read_ballots(ballots)
    with market(home) as world:
        consumer = world.consumer(actor)
        skipped: dict[int, str] = {}
        for found in dict.fromkeys(ballot.round for ballot in signed):
            of_round = [ballot for ballot in signed if ballot.round == found]
            reasons = consumer.submit(round_named(consumer.chain, found), of_round)
            skipped |= {of_round[index].position: reason for index, reason in reasons.items()}
    if as_json:
        print_json({"counted": len(signed) - len(skipped), "skipped": skipped})
        return
    click.echo(f"{len(signed) - len(skipped)} of {len(signed)} ballots count")
    for position, reason in skipped.items():
        click.echo(f"position {position}: {reason}")


@round_.command("close")
@click.argument("number", metavar="ROUND")
@consumer_option
@home_option
@json_option
def round_close(number: str, actor: str, home: Path, *, as_json: bool) -> None:
    """Close a round whose vote is over, or in which all owners said their last word."""
    with market(home) as world:
        consumer = world.consumer(actor)
        found = round_named(consumer.chain, number)
        outcome = consumer.close(found)
    if as_json:
        shown = {"state": outcome.state.name.lower(), "price": outcome.price}
        more = {"unit_price": outcome.unit_price, "samples": outcome.samples}
        print_json({"round": found, **shown, **more})
    elif outcome.price:
        each = f"{money(outcome.unit_price)} a sample for {outcome.samples} samples"
        click.echo(f"{each}: {money(outcome.price)}")
    else:
        click.echo("no price: too few answered, or too few samples are left")


@click.command()
@click.argument("to", required=False)
@click.option("--nobody", is_flag=True, help="Take the delegation back.")
@as_option
@home_option
def delegate(to: str | None, actor: str, home: Path, *, nobody: bool) -> None:
    """Let an account or a DAO vote for all your assets. Your own answers stand above."""
    if (to is None) is not nobody:
        raise click.UsageError("name who votes for you, or say --nobody")
    with market(home) as world:
        supplier = world.supplier(actor)
        supplier.delegate(address_named(world, to) if to else "")
    click.echo(f"{to} votes for {actor}" if to else f"{actor} votes for itself")


def _answers(world: World, round_id: str, terms: Terms, outcome: Outcome) -> list[dict[str, Any]]:
    chain = world.chain(place.OPERATOR)
    assets = {asset.asset: asset for asset in chain.assets()}
    daos = {dao.address: dao.name for dao in world.member(place.OPERATOR).daos.daos()}
    voters = chain.voters(round_id)
    rows = []
    for position, number in enumerate(terms.assets):
        choice = outcome.choices[position]
        voter = voters[position]
        by = daos.get(voter) or (world.name(voter) if voter else "")
        rows.append(
            {
                "asset": number,
                "owner": world.name(assets[number].owner),
                "samples": assets[number].samples,
                "answer": answer(choice, terms.ladder),
                "by": by or ("reserve" if choice != SILENT else ""),
                "in": outcome.includes(position),
            }
        )
    return rows


def _model(world: World, actor: str, number: int | None) -> tuple[int, int]:
    """Return the model asset and its provider."""
    chain = world.chain(actor)
    mine = [a for a in chain.assets() if a.owner == chain.account and a.kind is Kind.MODEL]
    for asset in reversed(mine):
        if asset.asset == number or (number is None and asset.state is State.DESCRIBED):
            return asset.asset, asset.provider
    raise UnknownError("model asset", number or actor, hint="name a described one that you own")


def _dataset(text: str | None) -> tuple[int, ...]:
    if not text:
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"assets {text!r} are no numbers", hint="write them as 1,2,3") from None


def _concerned(found: Sequence[object], actor: str, number: str) -> None:
    if not found:
        raise InputError(f"{actor} owns no asset in round {number}", hint="see `visdm round show`")


def _written(ballot: Ballot) -> dict[str, Any]:
    return {**asdict(ballot), "signature": ballot.signature.hex()}


def _read_ballots(path: Path) -> list[Ballot]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
        ballots = []
        for entry in json.loads(text):
            given = {field.name: entry[field.name] for field in fields(Ballot)}
            numbers = ("position", "choice", "nonce", "deadline")
            if not all(type(given[name]) is int for name in numbers):
                raise TypeError  # noqa: TRY301  # told below, like every other misfit
            if not all(isinstance(given[name], str) for name in ("round", "voter", "signature")):
                raise TypeError  # noqa: TRY301  # as above
            ballots.append(Ballot(**{**given, "signature": bytes.fromhex(given["signature"])}))
    except OSError as error:
        raise FolderError(path, f"cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FolderError(
            path, "holds no ballots", hint="make them with `visdm round vote --sign`"
        ) from None
    return ballots
