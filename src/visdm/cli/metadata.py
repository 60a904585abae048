"""`visdm metadata`: describe images offline, for anyone, without a market or an account."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visdm.cli.frame import json_option, plain, print_json, progress, starting_over
from visdm.domain.croissant import TABLE, About
from visdm.errors import InputError

if TYPE_CHECKING:
    from visdm.showroom import Described

_MIB = 1 << 20


def _day(_context: click.Context, _option: click.Parameter, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day; write it as 2024-05-31") from None


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="OUT",
    help="The folder to write; one that this command wrote is replaced.",
)
@click.option("--name", metavar="TEXT", help="What it is called.  [default: the source's name]")
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Processes.  [default: the cores]"
)
@click.option("--ray", default="", metavar="ADDRESS", help="Measure on this Ray cluster instead.")
@click.option("--strict", is_flag=True, help="Write nothing when an image cannot be used.")
@click.option("--license", "license_", default="", metavar="URL", help="To state in Croissant.")
@click.option("--creator", default="", metavar="TEXT", help="As above: who made the images.")
@click.option(
    "--published",
    default="",
    metavar="DATE",
    callback=_day,
    help="As above: a day, as 2024-05-31.",
)
@click.option("--url", default="", metavar="URL", help="As above: where more is told.")
@json_option
@starting_over()
def metadata(  # one parameter per option
    source: Path,
    out: Path,
    name: str | None,
    workers: int | None,
    ray: str,
    license_: str,
    creator: str,
    published: date | None,
    url: str,
    *,
    strict: bool,
    as_json: bool,
) -> None:
    """Describe images without showing them: a table, a Croissant document and a page.

    SOURCE is a folder of images, flat or of any depth, where an image's class is the name of the
    folder that it lies in; or a CSV or Parquet file as `visdm asset register` takes. OUT gets
    images.parquet, croissant.json and index.html. Images that cannot be used are named and left
    out. No market, no account and no network is needed.
    """
    try:
        from visdm.showroom import describe  # noqa: PLC0415 - it loads libraries that some lack
    except ImportError as error:
        hint = "pip install 'visdm[metadata]'"
        raise InputError(f"{error.name} is not installed", hint=hint) from None

    with progress("measuring") as shown:
        described = describe(
            source,
            out,
            name=name or source.resolve().stem,
            workers=workers or len(os.sched_getaffinity(0)),
            ray=ray,
            strict=strict,
            about=About(license=license_, creator=creator, published=published, url=url),
            named=_name,
            progress=shown,
        )
    if as_json:
        print_json({**described.to_json(), "out": str(out)})
    else:
        _print(described, out)


def _name(path: str, problem: str) -> None:
    click.echo(plain(f"left out: {path}: {problem}"), err=True)


def _print(described: Described, out: Path) -> None:
    summary = described.summary
    lines: dict[str, Any] = {
        "images": f"{summary['samples']:,}",
        "classes": f"{sum(1 for label in summary['class_counts'] if label):,}",
        "left out": f"{described.left_out:,} images, {described.ignored:,} other files",
        "repeated": (
            f"{summary['near_duplicates']:,} images, {summary['duplicates']:,} to the pixel"
        ),
        "written": f"{out}: {TABLE} ({described.size / _MIB:.1f} MiB), croissant.json, index.html",
    }
    for name, value in lines.items():
        click.echo(f"{name:12} {plain(value)}")
