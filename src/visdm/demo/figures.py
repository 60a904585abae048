"""The demo's figures, all read back from the chain and from public blobs."""

from __future__ import annotations

from fractions import Fraction
from statistics import median_low
from typing import TYPE_CHECKING

from visdm.demo.images import WRONG_SHARE
from visdm.demo.place import CONSUMER
from visdm.demo.summary import AssetLine, Moment, Point, Summary
from visdm.domain.assets import Kind, State
from visdm.domain.maps import MAX_MOST, PCA
from visdm.errors import JobError
from visdm.services.mapping import map_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from visdm.adapters.evm.history import Entry
    from visdm.demo.cast import Answer
    from visdm.demo.place import Settings
    from visdm.domain.reports import Report
    from visdm.services.consumer import Consumer
    from visdm.wiring import World


def summary_of(
    world: World,
    settings: Settings,
    parts: Mapping[str, Answer],
    round_: str,
    seconds: Mapping[str, float],
    measured: tuple[float, int],
) -> Summary:
    """Sum up a settled and withdrawn trade; `measured` is accuracy and number of images."""
    consumer = world.consumer(CONSUMER)
    chain, past = consumer.chain, world.history()
    job, report, outcome = chain.jobs()[round_], consumer.report(round_), chain.outcome(round_)
    if outcome is None:
        raise JobError("the round is not closed")
    return Summary(
        round=round_,
        method=report.method,
        sandbox=report.sandbox,
        price=job.price,
        unit_price=outcome.unit_price,
        fee=job.fee,
        paid_in=job.price + job.fee_cap,
        paid_out=chain.withdrawn(),
        claimable=sum(chain.claimable(world.address(name)) for name in world.names),
        assets=tuple(_lines(world, settings, parts, consumer, report)),
        gas=gas_by_operation(
            past,
            ballots=sum(part.how == "ballot" for part in parts.values()),
            owners=sum(share > 0 for share in report.shares),
        ),
        seconds=dict(seconds),
        accuracy=measured[0],
        measured_on=measured[1],
        transactions=len(past),
        problems=tuple(consumer.verify(round_)),
        timeline=tuple(
            Moment(entry.time, entry.block, world.name(entry.sender), entry.operation, entry.gas)
            for entry in past
        ),
        points=_points(consumer, report),
    )


def gas_by_operation(past: Sequence[Entry], *, ballots: int, owners: int) -> dict[str, int]:
    """Return what each kind of transaction cost, the median of its kind, from receipts.

    Two shares are added: `vote_batched`, the batch per ballot in it, and `pay_owner`, the
    settlement per owner paid.
    """
    spent: dict[str, list[int]] = {}
    for entry in past:
        spent.setdefault(entry.operation, []).append(entry.gas)
    gas = {operation: median_low(costs) for operation, costs in spent.items()}
    if ballots and "submit_ballots" in gas:
        gas["vote_batched"] = -(-gas["submit_ballots"] // ballots)
    if owners and "settle_job" in gas:
        gas["pay_owner"] = -(-gas["settle_job"] // owners)
    return gas


def _lines(
    world: World,
    settings: Settings,
    parts: Mapping[str, Answer],
    consumer: Consumer,
    report: Report,
) -> Iterator[AssetLine]:
    terms = consumer.chain.rounds()[report.round]
    assets = {asset.asset: asset for asset in consumer.chain.assets()}
    wrong = "" if settings.sources else settings.supplier_names[-1]
    for number, reward in zip(terms.assets, report.rewards, strict=True):
        owner = world.name(assets[number].owner)
        value = Fraction(report.shares[terms.assets.index(number)], sum(report.shares))
        yield AssetLine(
            asset=number,
            supplier=owner,
            samples=assets[number].samples,
            value=float(value),
            reward=reward,
            answer=parts[owner].how,
            least=parts[owner].least,
            note=f"{WRONG_SHARE:.0%} of its labels are wrong" if owner == wrong else "",
        )


def _points(consumer: Consumer, report: Report) -> tuple[Point, ...]:
    """Place every image, up to `MAX_MOST`, by the principal components of its metadata."""
    mapped = [
        asset.asset
        for asset in consumer.chain.assets()
        if asset.asset in report.inputs
        and asset.kind is Kind.DATA
        and asset.state is State.DESCRIBED
    ]
    found = map_of(consumer, mapped, methods=(PCA,), most=MAX_MOST)
    return tuple(Point(one.asset, one.label, *one.places[PCA]) for one in found.points)
