"""The timeline of the trade as inline SVG: a lane per actor, a mark per transaction."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from visdm.drawing.marks import mark, style_of
from visdm.drawing.markup import Markup, join, short, svg, tag, upright, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.demo.summary import Moment, Summary

OPERATIONS = {
    "deploy_token": "Deploy the play token",
    "deploy_jobs": "Deploy the Jobs and Catalog contracts",
    "publish_key": "Publish an encryption key",
    "register_metadata": "Publish an asset's metadata",
    "set_reserve": "Set a reserve",
    "delegate": "Name a delegate",
    "vote_direct": "Vote, by a transaction of one's own",
    "vote_batched": "Vote, one signed ballot of a batch",
    "submit_ballots": "Submit a batch of signed ballots",
    "close_round": "Close the round, find the price",
    "allow_tokens": "Allow the escrow to draw tokens",
    "fund_job": "Pay price and fee into escrow",
    "settle_job": "Settle the job, credit all rewards",
    "pay_owner": "Pay one owner, its part of settling",
    "withdraw": "Withdraw what was earned",
}
"""Names for people, where the operation's own does not say enough."""

PHASES = {"set-up": "square", "offers": "circle", "vote": "triangle", "money": "diamond"}
"""The parts of a trade and the shape of their marks."""

_PHASE_OF = {
    **dict.fromkeys(("deploy", "mint", "transfer", "publish", "announce"), "set-up"),
    **dict.fromkeys(("register", "describe", "refuse", "delegate", "set", "retire"), "offers"),
    **dict.fromkeys(("open", "vote", "submit", "close"), "vote"),
    **dict.fromkeys(("allow", "approve", "fund", "settle", "pay", "withdraw", "refund"), "money"),
}
_MILESTONES = {
    "deploy": "contracts deployed",
    "register": "first asset registered",
    "open": "round opens",
    "close": "round closes",
    "fund": "escrow funded",
    "settle": "job settled",
    "withdraw": "first withdrawal",
}
"""By the first word of an operation: what the first of its transactions is to the trade."""

NAMES_WIDTH, WIDTH = 96, 1024
_LANE, _SIGN, _LEVEL, _FOOT = 34, 6.6, 17, 44
"""Heights in the picture's units, and the width of a small character."""

_LEAST, _MOST = 3.6, 10.0
"""Radii of marks."""


def human(operation: str) -> str:
    """Return an operation's name for people."""
    return OPERATIONS.get(operation, operation.replace("_", " ").capitalize())


def phase_of(operation: str) -> str:
    """Return the part of the trade that an operation belongs to."""
    return _PHASE_OF.get(operation.split("_", maxsplit=1)[0], "set-up")


def radius(gas: int, most: int) -> float:
    """Return the radius of a mark: the cube root tames the few expensive transactions."""
    return max(_LEAST, _MOST * (gas / most) ** (1 / 3)) if gas > 0 else _LEAST


def clock(seconds: int) -> str:
    """Write a time span as h:mm:ss."""
    minutes, left = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{left:02}"


def lanes_picture(summary: Summary) -> Markup:
    """Draw the names of the lanes and, beside them, the lanes: two pictures of one height.

    They are two so that the names stay in sight where the lanes are scrolled. There must be
    a transaction.
    """
    moments = sorted(summary.timeline, key=lambda m: (m.block, m.time))
    actors = sorted({m.actor for m in moments}, key=_rank)
    times = {m.block: m.time for m in moments}
    columns = {block: (k + 0.5) * WIDTH / len(times) for k, block in enumerate(times)}
    waits = _waits(times, columns)
    notes = _notes(moments, columns, waits)
    top = _LEVEL * (1 + max((note.level for note in notes), default=-1)) + 6
    middles = {actor: top + (k + 0.5) * _LANE for k, actor in enumerate(actors)}
    bottom = top + len(actors) * _LANE
    told = f"{len(moments)} transactions of {len(actors)} accounts in {len(times)} blocks."
    plot = [
        *(_band(*wait, top, bottom) for wait in waits),
        *(tag("line", x1=0, x2=WIDTH, y1=y, y2=y, class_="lane") for y in middles.values()),
        *(part for note in notes for part in _note(note, bottom)),
        *_ticks(times, columns, bottom),
        *_marks(moments, columns, middles, summary),
    ]
    names = [words(0, y + 4, short(actor, 13), "lane-name") for actor, y in middles.items()]
    feet = [words(0, bottom + 18, "block", "small"), words(0, bottom + 36, "clock", "small")]
    height = bottom + _FOOT
    said = ", ".join(actors)
    return join(
        [
            svg("lane-names", (NAMES_WIDTH, height), "Lanes", said, *names, *feet, class_="names"),
            svg("lanes", (WIDTH, height), "Timeline of the trade", told, *plot, class_="plot"),
        ]
    )


def _waits(
    times: Mapping[int, int], columns: Mapping[int, float]
) -> list[tuple[float, float, int]]:
    """Return where the chain's clock jumped: from, to (both x) and seconds."""
    gaps = [later - sooner for sooner, later in pairwise(times.values())]
    usual = median(gaps) if gaps else 0
    return [
        (columns[sooner], columns[later], times[later] - times[sooner])
        for sooner, later in pairwise(times)
        if times[later] - times[sooner] > max(60, 5 * usual)
    ]


@dataclass(frozen=True)
class _Note:
    """A word on the trade above the lanes; `line` says whether one leads down from it."""

    x: float
    left: float
    text: str
    line: bool
    level: int = 0

    @property
    def right(self) -> float:
        return self.left + len(self.text) * _SIGN

    def clashes(self, other: _Note) -> bool:
        """Whether texts overlap, or the line of the upper one runs through the lower one."""
        if self.level == other.level:
            return self.left < other.right + _SIGN and other.left < self.right + _SIGN
        upper, lower = (self, other) if self.level < other.level else (other, self)
        return upper.line and lower.left - 3 < upper.x < lower.right + 3


def _notes(
    moments: Sequence[Moment],
    columns: Mapping[int, float],
    waits: Sequence[tuple[float, float, int]],
) -> list[_Note]:
    """Return the milestones and waits, set on levels so that each can be read."""
    firsts: dict[str, float] = {}
    for moment in moments:
        word = moment.operation.split("_")[0]
        if word in _MILESTONES:
            firsts.setdefault(_MILESTONES[word], columns[moment.block])
    found = [(x, text, True) for text, x in firsts.items()]
    found += [((a + b) / 2, f"wait {clock(seconds)}", False) for a, b, seconds in waits]
    placed: list[_Note] = []
    for x, text, line in sorted(found):
        room = len(text) * _SIGN
        left = x + 4 if x + 4 + room <= WIDTH else max(0.0, x - 4 - room)
        tried = (_Note(x, left, text, line, level) for level in range(len(found) + 1))
        free = (note for note in tried if not any(note.clashes(other) for other in placed))
        placed.append(next(free, _Note(x, left, text, line, len(found))))
    return placed


def _note(note: _Note, bottom: float) -> list[Markup]:
    y = note.level * _LEVEL
    drawn = [words(note.left, y + 12, note.text, "small strong")]
    return [upright(note.x, y + 2, bottom, "milestone"), *drawn] if note.line else drawn


def _band(start: float, end: float, seconds: int, top: float, bottom: float) -> Markup:
    title = tag("title", f"the chain's clock went on by {clock(seconds)} between two blocks")
    box = {"x": f"{start + 1:.1f}", "width": f"{max(end - start - 2, 1):.1f}"}
    return tag("g", title, tag("rect", **box, y=top, height=bottom - top, class_="wait"))


def _ticks(times: Mapping[int, int], columns: Mapping[int, float], bottom: float) -> list[Markup]:
    """Number every so many blocks, with the time passed since the first."""
    every = max(1, -(-64 * len(times) // WIDTH))
    began = min(times.values())
    return [
        words(columns[block], bottom + foot, text, "small", "middle")
        for block in list(times)[every // 2 :: every]
        for foot, text in ((18, f"{block:,}"), (36, clock(times[block] - began)))
    ]


def _marks(
    moments: Sequence[Moment],
    columns: Mapping[int, float],
    middles: Mapping[str, float],
    summary: Summary,
) -> list[Markup]:
    """Draw the transactions; those of one actor in one block are set apart."""
    colours: dict[str, str] = {}
    for k, line in enumerate(summary.assets):
        colours.setdefault(line.supplier, style_of(k)[0])
    most = max(m.gas for m in moments)
    shared = Counter((m.actor, m.block) for m in moments)
    seen: Counter[tuple[str, int]] = Counter()
    drawn = []
    for m in moments:
        place = (m.actor, m.block)
        aside = (seen[place] - (shared[place] - 1) / 2) * min(10, _LANE / shared[place])
        seen[place] += 1
        shape, class_ = PHASES[phase_of(m.operation)], f"move {colours.get(m.actor, 'ink')}"
        path = mark(shape, columns[m.block], middles[m.actor] + aside, radius(m.gas, most))
        title = f"block {m.block:,} · {m.actor} · {human(m.operation)} · {m.gas:,} gas"
        drawn.append(tag("g", tag("title", title), tag("path", d=path, class_=class_)))
    return drawn


def _rank(actor: str) -> tuple[int, list[tuple[int, str]]]:
    """Order lanes as a trade goes: operator, suppliers by number, others, provider, consumer."""
    kind = re.split(r"[-\d]", actor, maxsplit=1)[0]
    order = {"operator": 0, "supplier": 1, "provider": 3, "consumer": 4}
    parts = re.findall(r"\d+|\D+", actor)
    return order.get(kind, 2), [(int(p), "") if p.isdecimal() else (-1, p) for p in parts]
