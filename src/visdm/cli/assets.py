"""`visdm asset`: labelled images on the market."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visdm.cli.allowing import WORDS, limits_options, permission_of, terms_of, terms_shown
from visdm.cli.croissant import croissant_of
from visdm.cli.frame import (
    address_named,
    as_option,
    home_option,
    json_option,
    market,
    price,
    print_fields,
    print_json,
    print_rows,
    progress,
)
from visdm.cli.models import print_profile
from visdm.demo import place
from visdm.domain.assets import NO_RESERVE, Kind
from visdm.domain.documents import parse
from visdm.domain.packages import Disclosure
from visdm.domain.profiles import read_profile
from visdm.domain.summaries import MIN_GROUP
from visdm.errors import BlobError, JobError, UnknownError
from visdm.services.published import metadata_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from visdm.domain.assets import Asset
    from visdm.ports import BlobStore

PUBLIC = {
    Disclosure.FULL: (
        "of every image its size, class, quality, hashes, histograms and projection, and what "
        "they sum up to"
    ),
    Disclosure.AGGREGATE: (
        f"counts, and means over groups of at least {MIN_GROUP} images; no row of a single one"
    ),
}
"""What anybody may read of an asset's images, in words."""

APART = ("announced", "regime", "epsilon", "permission", "spent")
"""Of an asset, what is not shown as it is."""

LONG = ("histograms", "projection", "by_class", "pca")
"""Parts of a summary that are shown as JSON alone."""


@click.group()
def asset() -> None:
    """Bring labelled images to the market, and look at what is there."""


@asset.command("register")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--name", metavar="TEXT", help="What it is called.  [default: the source's name]")
@click.option("--provider", type=int, default=1, show_default=True, help="Who may open it.")
@click.option("--reserve", metavar="PRICE", help="The least a sample, when you do not answer.")
@click.option("--keep-exif", is_flag=True, help="Keep places, times, names and devices in images.")
@click.option(
    "--metadata",
    "disclosure",
    type=click.Choice([each.value for each in Disclosure]),
    default=Disclosure.FULL.value,
    show_default=True,
    help="What is public of the images: a row for each, or figures of groups of them alone.",
)
@click.option(
    "--allow",
    type=click.Choice(WORDS),
    default=WORDS[0],
    show_default=True,
    help="Which models may be trained on it.",
)
@limits_options
@as_option
@home_option
@json_option
def asset_register(  # one parameter per option
    source: Path,
    name: str | None,
    provider: int,
    reserve: str | None,
    disclosure: str,
    allow: str,
    epsilon: str | None,
    budget: str | None,
    models: tuple[str, ...],
    actor: str,
    home: Path,
    *,
    keep_exif: bool,
    as_json: bool,
) -> None:
    """Package, encrypt, upload and register labelled images.

    SOURCE is a folder with a folder per class, a CSV file with the columns path and label, or a
    Parquet file as Hugging Face `datasets` writes it. Where a photograph was taken, and what else
    its EXIF says of its owner, is left out unless --keep-exif says otherwise.

    The provider describes the images in public. With --metadata aggregate nothing that it
    publishes is of a single image: nobody can test whether you have an image that they have, and
    nobody but your provider notices a copy of yours. It cannot be changed later.

    --allow says which models may be trained on the images, and can be changed: those in the
    platform's loop; private ones only, within --epsilon and --budget; those --model names; any.
    """
    least = NO_RESERVE if reserve is None else price(reserve)
    with market(home) as world, progress("packaging, encrypting, uploading") as shown:
        supplier = world.supplier(actor)
        permission = permission_of(supplier.chain, allow, epsilon, budget, models)
        supplier.join()
        offered = supplier.offer(
            source,
            name=name or source.resolve().stem,
            provider=provider,
            reserve=least,
            keep_exif=keep_exif,
            disclosure=Disclosure(disclosure),
            permission=permission,
            progress=shown,
        )
        found = world.chain(actor).assets()[offered.asset - 1]
    summary = offered.summary
    fields = {
        "asset": offered.asset,
        "samples": summary.samples,
        "classes": list(summary.classes),
        "bytes": summary.size,
        "package": found.package,
        **(terms_of(found) if as_json else terms_shown(found)),
        "personal metadata": "kept" if keep_exif else f"removed from {summary.stripped} images",
        "disclosure": summary.disclosure.value,
        "will be public": PUBLIC[summary.disclosure],
    }
    print_fields(fields, as_json=as_json)


@asset.command("grant")
@click.argument("number", type=int)
@click.option("--to", multiple=True, metavar="ACCOUNT", help="Another who may open it; repeatable.")
@as_option
@home_option
@json_option
def asset_grant(number: int, to: tuple[str, ...], actor: str, home: Path, *, as_json: bool) -> None:
    """Grant an asset anew: to you, its provider and --to, and to nobody else.

    Do it when one of them changed its key, to let another provider in, or to leave one out. The
    package is not uploaded again. Who is left out may have kept what it opened before.
    """
    with market(home) as world:
        accounts = [address_named(world, each) for each in to]
        granted = world.supplier(actor).grant(number, accounts)
        fields = {"asset": number, "granted to": [world.name(each) for each in granted]}
    print_fields(fields, as_json=as_json)


@asset.command("allow")
@click.argument("number", type=int)
@click.argument("allow", metavar="|".join(WORDS), type=click.Choice(WORDS))
@limits_options
@as_option
@home_option
@json_option
def asset_allow(  # one parameter per option
    number: int,
    allow: str,
    epsilon: str | None,
    budget: str | None,
    models: tuple[str, ...],
    actor: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Say which models may be trained on an asset, from now on.

    loop: those in the platform's loop, private or not. private: private ones only, whose jobs take
    at most --epsilon each and --budget together, over the asset's life. listed: those that --model
    names, however they train. scripts: any, also one with a loop of its own.

    What stands when a round is closed counts, and again when it is funded.
    """
    with market(home) as world:
        supplier = world.supplier(actor)
        permission = permission_of(supplier.chain, allow, epsilon, budget, models)
        supplier.allow(number, permission)
        found = supplier.chain.assets()[number - 1]
    terms = terms_of(found) if as_json else terms_shown(found)
    print_fields({"asset": number, **terms}, as_json=as_json)


@asset.command("retire")
@click.argument("number", type=int)
@as_option
@home_option
def asset_retire(number: int, actor: str, home: Path) -> None:
    """Take an asset off the market for good, and destroy the grants that open its package."""
    with market(home) as world:
        world.supplier(actor).retire(number)
    click.echo(f"asset {number} is off the market; its grants and its package are dropped")


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
                "allows": found.permission.allows.word if found.kind is Kind.DATA else "",
                "earned": world.chain(place.OPERATOR).credit(found.asset).earned,
                "copies": _copied(world.store, found),
            }
            for found in world.chain(place.OPERATOR).assets()
        ]
    print_rows(rows, as_json=as_json, amounts=("earned",))


@asset.command("show")
@click.argument("number", type=int)
@click.option("--croissant", is_flag=True, help="Print its metadata as a Croissant document.")
@home_option
@json_option
def asset_show(number: int, home: Path, *, croissant: bool, as_json: bool) -> None:
    """Show one asset: its registration, its public metadata, what it earned."""
    with market(home) as world:
        chain = world.chain(place.OPERATOR)
        found = next((a for a in chain.assets() if a.asset == number), None)
        if found is None:
            raise UnknownError("asset", number, hint="see `visdm asset list`")
        if croissant:
            print_json(croissant_of(found, world.store))
            return
        credit = chain.credit(number)
        fields = {
            **{name: value for name, value in vars(found).items() if name not in APART},
            "kind": found.kind.name.lower(),
            "state": found.state.name.lower(),
            "owner": world.name(found.owner),
            "reserve": None if found.reserve == NO_RESERVE else found.reserve,
            **(terms_of(found) if as_json else terms_shown(found)),
            "earned": credit.earned,
            "jobs": credit.jobs,
        }
        if found.metadata:
            description = _public(world.store, found.metadata)
            if found.kind is Kind.DATA:
                fields["public"] = _disclosed(description)
                fields["copies"] = _copied(world.store, found)
            fields["description"] = description if as_json else _brief(description)
    profile = _profile(fields.get("description")) if found.kind is Kind.MODEL else None
    if as_json or profile is None:
        print_fields(fields, as_json=as_json)
        return
    fields.pop("description")
    print_fields(fields, as_json=False)
    print_profile(profile)


def _profile(description: object) -> dict[str, Any] | None:
    """Return the profile in a model's description; None where its provider wrote another thing."""
    with suppress(JobError):
        summary = description.get("summary") if isinstance(description, dict) else None
        return read_profile(summary if isinstance(summary, dict) else {})
    return None


def _copied(store: BlobStore, asset: Asset) -> Any:  # noqa: ANN401  # JSON, or words
    """Say how many images earlier assets hold, by these, by the word of the provider."""
    if asset.kind is not Kind.DATA or not asset.metadata:
        return ""
    try:
        metadata = metadata_of(store, asset)
    except BlobError:
        return "its provider does not say"
    ids = sorted(metadata.copies, key=lambda known: (-metadata.copies[known], known))
    return ", ".join(f"{metadata.copies[known]} of asset {known}" for known in ids)


def _disclosed(description: Any) -> str:  # noqa: ANN401  # JSON of any shape
    """Say what anybody may read of the images, by the word of the provider."""
    said = description.get("disclosure") if isinstance(description, dict) else None
    if isinstance(said, str) and said in PUBLIC:
        return PUBLIC[Disclosure(said)]
    return "its provider does not say what"


def _brief(description: Any) -> Any:  # noqa: ANN401  # as above
    """Leave out of a description what fills pages and tells little by itself."""
    if not isinstance(description, dict) or not isinstance(description.get("summary"), dict):
        return description
    summary: Mapping[str, Any] = description["summary"]
    return {**description, "summary": {k: v for k, v in summary.items() if k not in LONG}}


def _public(store: BlobStore, cid: str) -> Any:  # noqa: ANN401  # JSON of any shape
    try:
        return parse(store.read(cid))
    except ValueError:
        raise BlobError(cid, "not a JSON document") from None
