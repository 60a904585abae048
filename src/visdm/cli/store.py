"""`visdm store`: look into a store of blobs, and move them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visdm.adapters.blocks.cid import Cid
from visdm.cli.frame import HOME, json_option, plain, print_json, print_rows, progress
from visdm.demo.place import recorded
from visdm.errors import BlobError, UnknownError, VisdmError
from visdm.wiring import BLOBS, open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.adapters.blocks import Blobs
    from visdm.ports import Progress

FAULTY = 3
path = click.Path(path_type=Path)


class BlobName(click.ParamType[str]):
    """The CID of a blob."""

    name = "cid"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return it as it is written."""
        try:
            return str(Cid.parse(str(value)))
        except BlobError as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which store is meant."""
    places = click.option(
        "--store",
        "places",
        multiple=True,
        metavar="PLACE",
        help="A folder, kubo:http://127.0.0.1:5001, or a gateway's address to read from. Several "
        "are written to alike, and read in order.  [default: the market's]",
    )
    home = click.option(
        "--home", type=path, default=HOME, show_default=True, help="The market's folder."
    )
    return places(home(command))


def places_of(places: tuple[str, ...], home: Path) -> list[str]:
    """Return the stores that the options name: without --store, all those of the market."""
    if places:
        return list(places)
    folder = home / "world" / BLOBS
    if not folder.is_dir():
        raise UnknownError("store", folder, hint="name one with --store, or a market with --home")
    return [f"{folder.resolve()}", *recorded(home).stores]


def opened(places: tuple[str, ...], home: Path) -> Blobs:
    """Open the stores that the options name, as one."""
    return open_store(places_of(places, home))


@click.group()
def store() -> None:
    """Look into a store: content-addressed blobs, as IPFS has them."""


@store.command("add")
@click.argument("files", nargs=-1, required=True, type=path)
@store_options
@json_option
def store_add(
    files: tuple[Path, ...], places: tuple[str, ...], home: Path, *, as_json: bool
) -> None:
    """Store and pin FILES; print the CID of each. Nothing is encrypted."""
    blobs = opened(places, home)
    rows = [{"cid": blobs.put(file), "file": str(file)} for file in files]
    if as_json:
        print_json(rows)
    for row in () if as_json else rows:
        click.echo(f"{row['cid']}  {plain(row['file'])}")


@store.command("get")
@click.argument("cid", type=BlobName())
@click.option("-o", "--out", type=path, required=True, help="The file to write.")
@store_options
def store_get(cid: str, out: Path, places: tuple[str, ...], home: Path) -> None:
    """Write a blob to a file, every block checked against its CID."""
    opened(places, home).get(cid, out)
    click.echo(f"{out}: {out.stat().st_size} bytes")


@store.command("ls")
@click.argument("cid", required=False, type=BlobName())
@store_options
@json_option
def store_ls(cid: str | None, places: tuple[str, ...], home: Path, *, as_json: bool) -> None:
    """List what is pinned, or the blocks of CID."""
    blobs = opened(places, home)
    if cid:
        blob = blobs.blob(cid)
        rows: list[dict[str, Any]] = [
            {"block": str(name), "bytes": len(block)} for name, block in blob.each()
        ]
    else:
        rows = [_listed(blobs, str(root)) for root in blobs.pins()]
    print_rows(rows, as_json=as_json)


@store.command("verify")
@click.argument("cids", nargs=-1, type=BlobName())
@store_options
@json_option
def store_verify(
    cids: tuple[str, ...], places: tuple[str, ...], home: Path, *, as_json: bool
) -> None:
    """Read and check every block of CIDS, or of all that is pinned. Ends with 3 on a fault."""
    with progress("checking") as shown:
        # Store by store: what one has whole must not hide what another lost.
        rows = [
            {**fault, "store": where}
            for where in places_of(places, home)
            for fault in _faults(open_store([where]), cids, shown)
        ]
    if rows or as_json:
        print_rows(rows, as_json=as_json)
    else:
        click.echo("every block is there and is what its CID says")
    if rows:
        raise click.exceptions.Exit(FAULTY)


@store.command("drop")
@click.argument("cids", nargs=-1, required=True, type=BlobName())
@store_options
def store_drop(cids: tuple[str, ...], places: tuple[str, ...], home: Path) -> None:
    """Keep CIDS no longer; their blocks go, but for those that another blob has too."""
    blobs = opened(places, home)
    for cid in cids:
        blobs.drop(cid)
        click.echo(f"{cid} is not kept any more")


@store.command("gc")
@click.option("--all", "everything", is_flag=True, help="Also where nothing at all is pinned.")
@store_options
@json_option
def store_gc(places: tuple[str, ...], home: Path, *, everything: bool, as_json: bool) -> None:
    """Remove every block that nothing pinned needs: what broken-off uploads left."""
    removed = opened(places, home).collect(everything=everything)
    if as_json:
        print_json({"blocks": removed.blocks, "bytes": removed.size})
    else:
        click.echo(f"removed {removed.blocks} blocks, {removed.size} bytes")


@store.group("car")
def store_car() -> None:
    """Carry blobs in one file: CARv1, as every IPFS tool reads it."""


@store_car.command("export")
@click.argument("cid", type=BlobName())
@click.option("-o", "--out", type=path, required=True, help="The archive to write.")
@store_options
def store_car_export(cid: str, out: Path, places: tuple[str, ...], home: Path) -> None:
    """Write a blob with all its blocks as an archive."""
    opened(places, home).save(cid, out)
    click.echo(f"{out}: {out.stat().st_size} bytes")


@store_car.command("import")
@click.argument("archive", type=path)
@store_options
@json_option
def store_car_import(archive: Path, places: tuple[str, ...], home: Path, *, as_json: bool) -> None:
    """Store and pin the blobs of an archive; print their CIDs."""
    roots = opened(places, home).load(archive)
    if as_json:
        print_json(roots)
    for root in () if as_json else roots:
        click.echo(root)


def _listed(blobs: Blobs, cid: str) -> dict[str, Any]:
    try:
        blob = blobs.blob(cid)
        return {"cid": cid, "bytes": blob.size, "blocks": sum(1 for _ in blob.names())}
    except BlobError as error:
        return {"cid": cid, "bytes": error.problem, "blocks": ""}


def _faults(blobs: Blobs, cids: tuple[str, ...], shown: Progress) -> list[dict[str, str]]:
    faults = []
    roots = cids or tuple(str(root) for root in blobs.pins())
    for place, cid in enumerate(roots):
        try:
            for _ in blobs.blob(cid).each():
                pass
        except VisdmError as error:
            faults.append({"cid": cid, "problem": error.message.removeprefix(f"{cid}: ")})
        shown(place + 1, len(roots))
    return faults
