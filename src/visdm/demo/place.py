"""Where a demo keeps its world and its pictures, and how an interrupted one is taken up."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visdm.demo.summary import DECIMALS, money
from visdm.domain.rounds import MAX_STEPS
from visdm.errors import OutputError, TermsError, UnknownError, UserError
from visdm.pictures import folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORMAT = 2
MAX_PRICE = 1_000 * 10**DECIMALS
"""A sample: what the demo's consumer can pay for half a million of them."""

RECORD = "demo.json"
ENDED = "ended"
"""Stands in a world whose job was refunded: there is nothing left to take up."""

DRAFT, DISCARDED = ".world.draft", ".world.discarded"
SUMMARY = "summary.json"
PAGE = "index.html"
REPORT = "report.json"
RESULT = "model.safetensors"
PRODUCTS = (SUMMARY, PAGE, REPORT, RESULT)

OPERATOR, PROVIDER, CONSUMER = "operator", "provider-1", "consumer-1"
MIN_SUPPLIERS, MAX_SUPPLIERS = 2, 8

write_whole = folder.write_whole
"""How the demo's files are written too."""


@dataclass(frozen=True)
class Settings:
    """What a demo is asked to show: `ladder` in token units per sample, `sources` folders of
    images, empty for the digits, `stores` where blobs go besides the market's own folder, `node`
    where its chain is, '' for the folder.
    """

    suppliers: int
    sources: tuple[str, ...]
    ladder: tuple[int, ...]
    seed: int
    stores: tuple[str, ...] = ()
    node: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All accounts of the demo."""
        return (OPERATOR, PROVIDER, CONSUMER, *self.supplier_names)

    @property
    def supplier_names(self) -> tuple[str, ...]:
        """The suppliers, in order."""
        return tuple(f"supplier-{number + 1}" for number in range(self.suppliers))

    def to_json(self) -> dict[str, Any]:
        """Return what a resumed demo must agree with."""
        return {
            "format": FORMAT,
            **vars(self),
            "sources": list(self.sources),
            "ladder": list(self.ladder),
            "stores": list(self.stores),
        }


def parse_ladder(text: str) -> tuple[int, ...]:
    """Read a price ladder such as `0.05,0.10,0.15` (tokens per sample) into token units.

    Raises `TermsError` naming the entry at fault.
    """
    ladder: list[int] = []
    for entry in (part.strip() for part in text.split(",")):
        whole, _, part = entry.partition(".")
        plain = (whole + part).isascii() and (whole + part).isdigit()
        if not plain or len(part) > DECIMALS:
            raise TermsError(
                f"price ladder: {entry!r} is not a price",
                hint=f"write amounts with at most {DECIMALS} decimals, as 0.05,0.10,0.15",
            )
        price = int((whole or "0") + part.ljust(DECIMALS, "0"))
        if ladder and price <= ladder[-1]:
            before = text.split(",")[len(ladder) - 1].strip()
            raise TermsError(
                f"price ladder out of order: {before} comes before {entry}",
                hint="name each price once, the lowest first",
            )
        if not 0 < price <= MAX_PRICE:
            raise TermsError(
                f"price ladder: {entry} is out of range",
                hint=f"ask for more than 0 and at most {money(MAX_PRICE)} a sample",
            )
        ladder.append(price)
    if len(ladder) > MAX_STEPS:
        raise TermsError(
            f"price ladder: {len(ladder)} prices", hint=f"name at most {MAX_STEPS} of them"
        )
    return tuple(ladder)


def recorded(home: Path) -> Settings:
    """Return the settings of the demo in `home`. Raises `UnknownError` when there is none."""
    try:
        fields = json.loads((home / "world" / RECORD).read_text("utf-8"))
        if fields.pop("format") != FORMAT:
            raise UnknownError("format of the market in", home, hint="make a new one")
        lists = ("sources", "ladder", "stores")
        return Settings(**{**fields, **{name: tuple(fields[name]) for name in lists}})
    except (OSError, ValueError, KeyError, TypeError):
        raise UnknownError("market", home, hint="make one with `visdm demo --out`") from None


def prepare(out: Path, settings: Settings) -> tuple[Path, bool]:
    """Make `out` ready; return its world's folder and whether an earlier run is taken up.

    A finished demo is replaced, an unfinished one of the same settings goes on. Raises
    `OutputError` when the folder cannot be written or holds something else.
    """
    world = out / "world"
    try:
        out.mkdir(parents=True, exist_ok=True)
        _try_writing(out)
        if world.exists():
            if _is_ours(out) and ((out / SUMMARY).exists() or (world / ENDED).exists()):
                world.rename(_discarded(out))
            elif not _is_ours(out):
                raise OutputError(world, "is not of a demo", hint="name another folder with --out")
            elif recorded(out) != settings:
                raise OutputError(
                    out,
                    "holds an unfinished demo with other settings",
                    hint="finish it with the same options, or name another folder with --out",
                )
            else:
                return world, True
        for product in PRODUCTS:
            (out / product).unlink(missing_ok=True)
        shutil.rmtree(out / DISCARDED, ignore_errors=True)
        # Under its name only with its record inside: a killed run leaves no riddle.
        draft = out / DRAFT
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_whole(draft / RECORD, json.dumps(settings.to_json()).encode())
        draft.rename(world)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise OutputError(out, problem, hint="name a folder you may write to with --out") from None
    return world, False


def _discarded(out: Path) -> Path:
    old = out / DISCARDED
    shutil.rmtree(old, ignore_errors=True)
    return old


def mark_ended(out: Path) -> None:
    """Say that the trade in `out` came to an end without a result."""
    (out / "world" / ENDED).touch()


def _is_ours(out: Path) -> bool:
    try:
        recorded(out)
    except UserError:
        return False
    return True


def _try_writing(out: Path) -> None:
    probe = out / ".visdm-probe"
    probe.write_bytes(b"")
    probe.unlink()


def absolute(sources: Sequence[Path]) -> tuple[str, ...]:
    """Return folders as text that means the same from anywhere."""
    return tuple(str(source.resolve()) for source in sources)
