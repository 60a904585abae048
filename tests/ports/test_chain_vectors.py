"""The market against the vectors that every implementation of its rules must give."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.scene import TERMS, WHO, World, offer
from visdm.domain.assets import NO_RESERVE
from visdm.domain.rounds import SILENT, Outcome, RoundState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contracts.scene import At

VECTORS = Path(__file__).parents[1] / "vectors"


class Electorate:
    """Assets of one owner, registered once for all vectors that need one of their kind."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.offered: dict[tuple[int, int], list[int]] = {}

    def assets(self, vector: Mapping[str, Any]) -> list[int]:
        """Return an asset for each position; those to be retired are used once."""
        taken: Counter[tuple[int, int]] = Counter()
        assets = []
        for position, (samples, reserve) in enumerate(
            zip(vector["samples"], vector["reserves"], strict=True)
        ):
            kind = (samples, NO_RESERVE if reserve is None else reserve)
            if position in vector["retired"]:
                assets.append(offer(self.world, "alice", *kind))
                continue
            offered = self.offered.setdefault(kind, [])
            if taken[kind] == len(offered):
                offered.append(offer(self.world, "alice", *kind))
            assets.append(offered[taken[kind]])
            taken[kind] += 1
        return assets


def hold(world: World, assets: Sequence[int], vector: Mapping[str, Any]) -> tuple[str, Outcome]:
    """Hold the vector's round over `assets`, which need not ascend; return id and outcome."""
    order = sorted(range(len(assets)), key=assets.__getitem__)
    now = world["consumer"].now()
    terms = replace(
        TERMS,
        assets=tuple(sorted(assets)),
        ladder=tuple(vector["ladder"]),
        quorum=vector["quorum"],
        threshold=vector["threshold"],
        min_samples=vector["min_samples"],
        fee_cap=0,
        vote_by=now + 10_000,
        fund_by=now + 20_000,
        settle_by=now + 30_000,
    )
    round_ = world["consumer"].open_round(terms)
    answers = [vector["ballots"][position] for position in order]
    for choice in {answer for answer in answers if answer != SILENT}:
        positions = [place for place, answer in enumerate(answers) if answer == choice]
        world["alice"].vote(round_, positions, choice)
    for position in vector["retired"]:
        world["alice"].retire(assets[position])
    world.travel(terms.vote_by + 1)
    outcome = world["stranger"].close_round(round_)
    by_position = dict(zip(order, outcome.choices, strict=True))
    return round_, replace(outcome, choices=tuple(by_position[p] for p in range(len(assets))))


def test_every_round_closes_as_its_vector_says(at: At) -> None:
    world = at("described")
    electorate = Electorate(world)
    for vector in json.loads((VECTORS / "rounds.json").read_text())["vectors"]:
        _, outcome = hold(world, electorate.assets(vector), vector)
        expected = Outcome(
            RoundState.PRICED if vector["step"] else RoundState.UNPRICED,
            tuple(vector["choices"]),
            vector["step"],
            vector["unit_price"],
            vector["priced_samples"],
        )
        assert outcome == expected, vector["name"]


def test_every_price_is_split_as_its_vector_says(at: At) -> None:
    world = at("described")
    electorate = Electorate(world)
    world["deployer"].transfer(WHO["consumer"], 2**98)
    for vector in json.loads((VECTORS / "payouts.json").read_text())["rewards"]:
        count = len(vector["shares"])
        unanimous = {
            "ladder": [vector["price"] // count],
            "quorum": 10_000,
            "threshold": 10_000,
            "min_samples": count,
            "samples": [1] * count,
            "reserves": [None] * count,
            "retired": [],
            "ballots": [1] * count,
        }
        assets = electorate.assets(unanimous)
        before = [world["erin"].credit(asset).earned for asset in assets]
        round_, outcome = hold(world, assets, unanimous)
        assert outcome.price == vector["price"]
        world["consumer"].fund(round_, vector["price"])
        world["provider"].settle(round_, vector["shares"], 0, "result", "report")
        after = [world["erin"].credit(asset).earned for asset in assets]
        earned = [now - then for now, then in zip(after, before, strict=True)]
        assert earned == vector["rewards"], vector["name"]
