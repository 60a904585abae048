"""`visdm job`: pay a round, follow it, check what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from visdm.cli.frame import (
    consumer_option,
    home_option,
    json_option,
    market,
    print_fields,
    print_json,
    print_rows,
    round_named,
    seconds_left,
)
from visdm.cli.rerun import print_verdict, verdict
from visdm.cli.walls import sandbox_option
from visdm.demo import place
from visdm.demo.summary import money
from visdm.domain.jobs import JobState
from visdm.domain.reports import Report
from visdm.domain.rounds import Task
from visdm.domain.testing import METRICS_FILE
from visdm.errors import BlobError, UnknownError
from visdm.services.computing import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from visdm.ports import BlobStore, Sandbox


@click.group()
def job() -> None:
    """Pay a round, follow its job, check its report."""


@job.command("list")
@home_option
@json_option
def job_list(home: Path, *, as_json: bool) -> None:
    """List all jobs."""
    with market(home) as world:
        rows = [
            {
                "round": number,
                "state": found.state.name.lower(),
                "price": found.price,
                "fee": found.fee,
                "report": found.report,
            }
            for number, found in world.chain(place.OPERATOR).jobs().items()
        ]
    print_rows(rows, as_json=as_json, amounts=("price", "fee"))


@job.command("verify")
@click.argument("number", metavar="ROUND")
@click.option("--rerun", is_flag=True, help="Compute the job again, and compare.")
@click.option("--as", "actor", metavar="ACCOUNT", help="Who computes it again.")
@sandbox_option
@home_option
@json_option
def job_verify(
    number: str, actor: str | None, home: Path, *, rerun: bool, sandbox: Sandbox, as_json: bool
) -> None:
    """Check a settled job's report against the chain. ROUND may be shortened.

    With --rerun the account computes the job again and compares what it finds. The owners of the
    data and of the model must have granted it their packages: where one has not, the command by
    which it would is told. Exits with 1 when the report does not hold.
    """
    if rerun is not (actor is not None):
        raise click.UsageError("--rerun goes with --as ACCOUNT")
    with market(home, sandbox=sandbox) as world:
        found = round_named(world.chain(place.OPERATOR), number)
        told = verdict(world, found, actor)
    print_verdict(found, told, as_json=as_json)


@job.command("status")
@click.argument("number", metavar="ROUND")
@home_option
@json_option
def job_status(number: str, home: Path, *, as_json: bool) -> None:
    """Show where a job is, and what can be done about it until when."""
    with market(home) as world:
        chain = world.chain(place.OPERATOR)
        found = round_named(chain, number)
        job_ = chain.jobs().get(found)
        if job_ is None:
            raise UnknownError("job", found, hint="fund it with `visdm job fund`")
        fields = {
            "round": found,
            "state": job_.state.name.lower(),
            "price": job_.price,
            "fee_cap": job_.fee_cap,
            "fee": job_.fee,
            "change": job_.change,
            "settle_by": seconds_left(job_.settle_by, chain.now()),
            "credited": f"{job_.credited} of {len(job_.shares)} positions",
            "report": job_.report,
        }
        if job_.state is JobState.SETTLED:
            fields["images"] = _images(world.store, job_.report)
    print_fields(fields, as_json=as_json, amounts=("price", "fee_cap", "fee", "change"))


def _images(store: BlobStore, cid: str) -> dict[str, str] | str:
    """Say what was used of each asset; a report out of reach hides nothing that the chain knows."""
    try:
        report = Report.from_bytes(store.read(cid), cid=cid)
    except BlobError:
        return "its report is out of reach"
    return {
        str(asset): _used(kept, report.left_out.get(asset, {}), asset)
        for asset, kept in report.kept.items()
    }


def _used(kept: int, left_out: Mapping[int, int], asset: int) -> str:
    """Say how many images of an asset were used, and why others were not."""
    why = [
        f"{images} repeated" if original == asset else f"{images} of asset {original}"
        for original, images in sorted(left_out.items())
    ]
    return f"{kept} used" + (f", left out: {', '.join(why)}" if why else "")


@job.command("fund")
@click.argument("number", metavar="ROUND")
@consumer_option
@home_option
@json_option
def job_fund(number: str, actor: str, home: Path, *, as_json: bool) -> None:
    """Pay a round's price and fee cap into escrow; closes it where that is due."""
    with market(home) as world:
        consumer = world.consumer(actor)
        found = consumer.fund(round_named(consumer.chain, number))
    if as_json:
        print_json({"round": found.round, "price": found.price, "fee_cap": found.fee_cap})
    else:
        click.echo(f"{money(found.price)} and at most {money(found.fee_cap)} for computing")


@job.command("refund")
@click.argument("number", metavar="ROUND")
@consumer_option
@home_option
def job_refund(number: str, actor: str, home: Path) -> None:
    """Give an unsettled job's money back to its consumer.

    Anybody may once the job's deadline has passed, its provider at any time.
    """
    with market(home) as world:
        chain = world.chain(actor)
        found = round_named(chain, number)
        job_ = chain.jobs().get(found)
        if job_ is None or job_.state is not JobState.FUNDED:
            raise UnknownError("funded job", found, hint="see `visdm job list`")
        chain.refund(found)
        consumer = world.name(chain.rounds()[found].consumer)
    click.echo(f"{consumer} has {money(job_.price + job_.fee_cap)} back")


@job.command("result")
@click.argument("number", metavar="ROUND")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    show_default=f"{WEIGHTS}, or {METRICS_FILE} of a test",
)
@consumer_option
@home_option
@json_option
def job_result(number: str, output: Path | None, actor: str, home: Path, *, as_json: bool) -> None:
    """Fetch and decrypt the result of a settled job: weights, or the figures of a test."""
    with market(home) as world:
        consumer = world.consumer(actor)
        found = round_named(consumer.chain, number)
        testing = consumer.chain.rounds()[found].task is Task.TEST
        target = output or Path(METRICS_FILE if testing else WEIGHTS)
        report = consumer.result(found, target)
    fields: dict[str, object] = {"wrote": str(target), **report.metrics}
    if testing:
        fields |= {"correct": report.correct, "images": sum(report.kept.values())}
        fields |= {
            f"asset {asset}": f"{right} of {report.kept[asset]}"
            for asset, right in report.by_asset.items()
        }
    print_fields(fields, as_json=as_json)
