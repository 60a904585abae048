"""`visdm asset`: look at what a market offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from visdm.cli.frame import home_option, json_option, market, print_fields, print_rows
from visdm.demo import place
from visdm.domain.assets import NO_RESERVE
from visdm.domain.documents import parse
from visdm.errors import BlobError, UnknownError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import BlobStore


@click.group()
def asset() -> None:
    """Look at the assets of a market."""


@asset.command("list")
@home_option
@json_option
def asset_list(home: Path, *, as_json: bool) -> None:
    """List all assets."""
    with market(home) as world:
        rows = [
            {
                "asset": found.asset,
                "kind": found.kind.name.lower(),
                "owner": world.name(found.owner),
                "samples": found.samples,
                "state": found.state.name.lower(),
                "earned": world.chain(place.OPERATOR).credit(found.asset).earned,
            }
            for found in world.chain(place.OPERATOR).assets()
        ]
    print_rows(rows, as_json=as_json, amounts=("earned",))


@asset.command("show")
@click.argument("number", type=int)
@home_option
@json_option
def asset_show(number: int, home: Path, *, as_json: bool) -> None:
    """Show one asset: its registration, its public metadata, what it earned."""
    with market(home) as world:
        chain = world.chain(place.OPERATOR)
        found = next((a for a in chain.assets() if a.asset == number), None)
        if found is None:
            raise UnknownError("asset", number, hint="see `visdm asset list`")
        credit = chain.credit(number)
        fields = {
            **vars(found),
            "kind": found.kind.name.lower(),
            "state": found.state.name.lower(),
            "owner": world.name(found.owner),
            "reserve": None if found.reserve == NO_RESERVE else found.reserve,
            "earned": credit.earned,
            "jobs": credit.jobs,
        }
        if found.metadata:
            fields["description"] = _public(world.store, found.metadata)
    print_fields(fields, as_json=as_json)


def _public(store: BlobStore, cid: str) -> Any:  # noqa: ANN401  # JSON of any shape
    try:
        return parse(store.read(cid))
    except ValueError:
        raise BlobError(cid, "not a JSON document") from None
