"""A trade like the demo's, and how tests read its page."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np

from visdm.demo.summary import AssetLine, Moment, Point, Summary
from visdm.domain.jobs import WHOLE, rewards

HOUR = 3_600
GAS = {
    "deploy_token": 1_402_311,
    "deploy_jobs": 1_488_930,
    "transfer_tokens": 51_840,
    "publish_key": 95_112,
    "announce_provider": 74_120,
    "register_data_asset": 108_804,
    "register_model_asset": 106_211,
    "register_metadata": 43_617,
    "open_round": 168_442,
    "submit_ballots": 61_009,
    "vote_direct": 58_120,
    "delegate": 46_331,
    "close_round": 71_250,
    "fund_job": 92_870,
    "settle_job": 174_402,
    "withdraw": 48_902,
    "vote_batched": 20_337,
    "pay_owner": 34_881,
}
SECONDS = {"images": 0.912, "market": 2.4, "compute": 21.37, "withdraw": 0.8, "measure": 1.934}


def moments(suppliers: int) -> tuple[Moment, ...]:
    """The transactions of a trade, a block each, with an hour of voting."""
    names = [f"supplier-{k + 1}" for k in range(suppliers)]
    told = [("operator", f"deploy_{c}") for c in ("token", "jobs")]
    told += [("operator", "transfer_tokens"), ("consumer-1", "publish_key")]
    told += [("provider-1", "publish_key"), ("provider-1", "announce_provider")]
    told += [(name, "publish_key") for name in names]
    told += [(name, "register_data_asset") for name in names]
    told += [("consumer-1", "register_model_asset")]
    told += [("provider-1", "register_metadata")] * (suppliers + 1)
    told += [("consumer-1", "open_round"), ("consumer-1", "submit_ballots")]
    told += [(names[1], "delegate"), (names[0], "vote_direct"), ("consumer-1", "close_round")]
    told += [("consumer-1", "fund_job")]
    told += [("provider-1", "settle_job")]
    told += [(name, "withdraw") for name in [*names, "provider-1", "consumer-1"]]
    opened = told.index(("consumer-1", "close_round"))
    return tuple(
        Moment(
            1_735_689_600 + 12 * k + HOUR * (k >= opened), k + 1, actor, operation, GAS[operation]
        )
        for k, (actor, operation) in enumerate(told)
    )


def trade(suppliers: int = 5, images: int = 1_437, **changes: object) -> Summary:
    """A finished trade whose last supplier has wrong labels; points from a fixed seed."""
    dice = np.random.default_rng(7)
    weights = np.append(1 + dice.random(suppliers - 1) / 4, 0.3)
    parts = [int(part) for part in weights / weights.sum() * WHOLE]
    parts[0] += WHOLE - sum(parts)
    unit_price, fee = 100_000, 10_000 * images
    sizes = [images // suppliers + (k < images % suppliers) for k in range(suppliers)]
    lines = tuple(
        AssetLine(
            asset=k + 1,
            supplier=f"supplier-{k + 1}",
            samples=sizes[k],
            value=parts[k] / WHOLE,
            reward=reward,
            answer=("ballot", "delegate", "reserve")[k % 3],
            least=50_000 if k % 2 else 100_000,
            note="40% of its labels are wrong" if k == suppliers - 1 else "",
        )
        for k, reward in enumerate(rewards(unit_price * images, parts))
    )
    summary = Summary(
        round="0x" + "5e" * 32,
        method="shapley",
        sandbox="bubblewrap",
        price=unit_price * images,
        unit_price=unit_price,
        fee=fee,
        paid_in=unit_price * images + fee,
        paid_out=unit_price * images + fee - 1,
        claimable=1,
        assets=lines,
        gas=GAS,
        seconds=SECONDS,
        accuracy=0.9611,
        measured_on=180,
        transactions=len(moments(suppliers)),
        problems=(),
        timeline=moments(suppliers),
        points=points(lines, dice),
    )
    return replace(summary, **changes)  # type: ignore[arg-type]  # any field may be changed


def points(lines: tuple[AssetLine, ...], dice: np.random.Generator) -> tuple[Point, ...]:
    """Ten classes of images, each around its own place; 40 % of noted assets' labels move."""
    middles = dice.normal(0, 3, (10, 2))
    found = []
    for line in lines:
        for _ in range(line.samples):
            drawn = int(dice.integers(10))
            x, y = (float(n) for n in middles[drawn] + dice.normal(0, 0.9, 2))
            wrong = line.note and dice.random() < 0.4
            label = (drawn + int(dice.integers(1, 10))) % 10 if wrong else drawn
            found.append(Point(line.asset, str(label), round(x, 3), round(y, 3)))
    return tuple(found)


def tree_of(text: str) -> ET.Element:
    """The page as XML: nothing on it may be left open or unescaped."""
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314  # our own text


def pictures(text: str) -> list[ET.Element]:
    return [ET.fromstring(found) for found in re.findall(r"<svg .*?</svg>", text, re.DOTALL)]  # noqa: S314  # as above


def words_of(text: str) -> str:
    """What a reader sees, style sheet aside."""
    body = tree_of(text).find("body")
    assert body is not None
    return " ".join(" ".join(body.itertext()).split())
