"""What a map shows: its points in the order they are drawn, and what they are called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from visdm.domain.maps import PCA, TSNE
from visdm.drawing.markup import clean, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.domain.maps import Centre, Map, Point

TITLES = {PCA: "Principal components", TSNE: "t-SNE"}
CLASS, ASSET = "class", "asset"
NAME_LENGTH = 40


@dataclass(frozen=True)
class Scene:
    """A map to be drawn.

    `names` tells what assets are called (`asset 3` where it does not), `groups` what points may
    be coloured by, the first one first; `lead` is a sentence or two below the title.
    """

    title: str
    map: Map
    names: Mapping[int, str] = field(default_factory=dict)
    groups: tuple[str, ...] = (CLASS, ASSET)
    lead: str = ""

    def name(self, asset: int) -> str:
        """Return what an asset is called: strangers choose names, so cut and cleaned."""
        return short(clean(self.names.get(asset, f"asset {asset}")), NAME_LENGTH)

    def entries(self, group: str) -> list[str]:
        """Return what the legend of a group says, an entry for each of its members."""
        if group == ASSET:
            return [self.name(asset) for asset in self.map.assets]
        return [short(clean(label), NAME_LENGTH) for label in self.map.classes]

    def places_in(self, group: str) -> dict[int | str, int]:
        """Return the members of a group with their place in its legend."""
        members: Sequence[int | str] = self.map.assets if group == ASSET else self.map.classes
        return {member: place for place, member in enumerate(members)}

    def mixed(self) -> list[Point]:
        """Return the points in an order in which no group covers another, always the same."""
        points = self.map.points
        return [points[k] for k in np.random.default_rng(0).permutation(len(points))]

    def axes(self, method: str) -> tuple[str, str]:
        """Return what the axes mean; '' for those of t-SNE, which mean nothing."""
        if method != PCA:
            return "", ""
        told = []
        for place, (share, leading) in enumerate(
            zip(self.map.explained, self.map.leading, strict=True), start=1
        ):
            made_of = f": {', '.join(leading)}" if leading else ""
            told.append(f"component {place}, {share:.0%} of the variance{made_of}")
        return told[0], told[1]


def member_of(one: Point | Centre, group: str) -> int | str:
    """Return which member of a group a point is."""
    return one.asset if group == ASSET else one.label


@cache
def light() -> Mapping[str, str]:
    """Return the colours of ViSDM's pages by name, those for light paper."""
    sheet = files("visdm.drawing").joinpath("page.css").read_text("utf-8")
    block = re.search(r":root \{(.*?)\}", sheet, re.DOTALL)
    return dict(re.findall(r"--(\w+): (#[0-9a-f]+)", block[1] if block else ""))
