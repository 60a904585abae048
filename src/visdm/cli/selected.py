"""What `visdm sample` prints of a selection: a row per asset, why it is in or out, the cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from visdm.cli.allowing import terms_of
from visdm.cli.frame import plain
from visdm.demo.summary import money
from visdm.domain.datasets import written
from visdm.domain.permissions import BY_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from visdm.domain.candidates import Reason
    from visdm.domain.sampling import Selection, Verdict


def _said(reason: Reason) -> str:
    return reason.text.format(*map(money, reason.amounts))


def as_json_of(selection: Selection, owners: dict[int, str]) -> dict[str, Any]:
    """Return what a selection is, for --json."""
    return {
        "dataset": [candidate.number for candidate in selection.chosen],
        "provider": selection.provider,
        "samples": selection.samples,
        "price": selection.price,
        "fee": selection.fee,
        "cost": selection.cost,
        "guarantee": selection.guarantee,
        "criteria": written(selection.criteria),
        "assets": [_row(verdict, owners) for verdict in selection.verdicts],
    }


def _row(verdict: Verdict, owners: dict[int, str]) -> dict[str, Any]:
    candidate, traits = verdict.candidate, verdict.candidate.traits
    return {
        "asset": candidate.number,
        "owner": owners[candidate.number],
        "provider": candidate.provider.index,
        "samples": candidate.asset.samples,
        "useful": round(verdict.useful, 1),
        "scores": {
            name: None if score is None else round(score, 3)
            for name, score in verdict.scores.items()
        },
        "fitting": [traits.fitting.least, traits.fitting.likely, traits.fitting.most],
        "distance": traits.distance,
        "table_read": traits.read,
        "copied": round(candidate.copied, 4),
        "copies": {str(number): images for number, images in candidate.metadata.copies.items()},
        "disclosure": str(candidate.metadata.disclosure),
        "permission": terms_of(candidate.asset),
        "reserve": candidate.asks,
        "earned": candidate.earned,
        "jobs": candidate.jobs,
        "in": bool(verdict.place),
        "place": verdict.place,
        "cost": verdict.cost,
        "why": _said(verdict.reason),
    }


def print_selection(selection: Selection, owners: dict[int, str], kept: Path | None) -> None:
    """Print a row per asset, those in the dataset first, why each is in or out, and the cost."""
    ranks = list(selection.criteria.ranks)
    conditions = bool(selection.criteria.where)
    # Most allow what all do: who does not shows.
    allows = any(v.candidate.asset.permission != BY_DEFAULT for v in selection.verdicts)
    headings = ["asset", "owner", "samples", *ranks, *(["fit"] if conditions else [])]
    table = Table()
    for heading in (*headings, "copies", "told", *(["allows"] if allows else []), "asks", "in"):
        table.add_column(heading, overflow="fold")
    ordered = sorted(selection.verdicts, key=lambda v: (not v.place, v.place))
    for verdict in ordered:
        table.add_row(
            *(
                Text(plain(cell))
                for cell in _cells(verdict, owners, ranks, conditions=conditions, allows=allows)
            )
        )
    Console().print(table)
    for verdict in ordered:
        click.echo(plain(f"{verdict.candidate.number}: {_said(verdict.reason)}"))
    if selection.chosen:
        _print_sum(selection, kept)


def _cells(
    verdict: Verdict,
    owners: dict[int, str],
    ranks: Sequence[str],
    *,
    conditions: bool,
    allows: bool,
) -> list[str]:
    candidate, fitting = verdict.candidate, verdict.candidate.traits.fitting
    fit = f"{fitting.likely:.0%}" if fitting.known else f"~{fitting.likely:.0%}"
    scores = [verdict.scores.get(name) for name in ranks]
    return [
        str(candidate.number),
        owners[candidate.number],
        str(candidate.asset.samples),
        *("" if score is None else f"{score:.2f}" for score in scores),
        *([fit] if conditions else []),
        f"{candidate.copied:.0%}",
        str(candidate.metadata.disclosure),
        *([candidate.asset.permission.allows.word] if allows else []),
        "-" if candidate.asks is None else money(candidate.asks),
        "yes" if verdict.place else "no",
    ]


def _print_sum(selection: Selection, kept: Path | None) -> None:
    many = len(selection.chosen)
    click.echo(f"{many} assets with {selection.samples:,} samples at provider {selection.provider}")
    if selection.cost is None:
        click.echo("cost: not known, since an owner set no reserve; offer a price with --at")
    else:
        each = money(selection.price or 0)
        fee = money(selection.fee)
        click.echo(f"cost: at most {money(selection.cost)}: {each} a sample, and a fee of {fee}")
    wanted = selection.criteria.samples
    if wanted is not None and selection.samples < wanted:
        click.echo(f"fewer samples than the {wanted:,} wanted: nothing else fits")
    click.echo(f"how good: {selection.guarantee}")
    if kept:
        click.echo(f"kept in {plain(str(kept))}; open a round: visdm round open --dataset FILE")
