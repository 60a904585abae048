"""The page's sections of figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.demo.lanes import human
from visdm.demo.summary import brief
from visdm.demo.summary import money as amount
from visdm.domain.paper import GAS
from visdm.drawing.markup import Markup, tag
from visdm.drawing.parts import NONE, counted, section, table_of

if TYPE_CHECKING:
    from visdm.demo.summary import AssetLine, Summary

ANSWERS = {
    "ballot": "a signed ballot",
    "delegate": "its delegate",
    "reserve": "its reserve, in silence",
    "reject": "no",
}
"""How an owner answered, in words."""

STEPS = {
    "images": "Hand out the images",
    "market": "Deploy the market, join it",
    "register": "Encrypt, upload, register",
    "model": "Register the model",
    "metadata": "Open and describe assets",
    "round": "Sample, open the round",
    "vote": "Answer the round",
    "close": "Find the price",
    "fund": "Pay into escrow",
    "compute": "Train, value, settle",
    "withdraw": "Withdraw",
    "measure": "Decrypt and measure",
}
"""The steps of the demo, in words."""


def rented(summary: Summary) -> list[AssetLine]:
    """Return the assets whose owners consented to the price."""
    return [
        line
        for line in summary.assets
        if line.answer != "reject" and line.least <= summary.unit_price
    ]


def images(summary: Summary) -> str:
    """Say how many images were rented."""
    return counted(sum(line.samples for line in rented(summary)), "image")


def name_of(summary: Summary, line: AssetLine) -> str:
    """Return the supplier's name, with the asset's number where it brought several."""
    several = sum(other.supplier == line.supplier for other in summary.assets) > 1
    return f"{line.supplier}, asset {line.asset}" if several else line.supplier


def rewards(summary: Summary) -> Markup:
    """Show what each owner answered and earned."""
    rows = [
        [
            name_of(summary, line),
            ANSWERS.get(line.answer, line.answer),
            amount(line.least),
            f"{line.samples:,}",
            f"{line.value:.2%}",
            amount(line.reward),
            brief(round(line.reward / line.samples)) if line.samples else NONE,
            line.note or NONE,
        ]
        for line in summary.assets
    ]
    total = [
        "together",
        "",
        "",
        f"{sum(line.samples for line in summary.assets):,}",
        f"{sum(line.value for line in summary.assets):.2%}",
        amount(sum(line.reward for line in summary.assets)),
        "",
        "",
    ]
    heads = [
        "supplier",
        "answered by",
        "asked, an image",
        "images",
        "value",
        "reward",
        "earned, an image",
        "known of it",
    ]
    told = (
        f"The owners' answers set the price at {amount(summary.unit_price)} an image. Who "
        "asked for more would not be in the dataset; what it pays is then split by value, so "
        "images that helped little earn less than the price."
    )
    table = table_of("", heads, rows, total, numbers={2, 3, 4, 5, 6})
    return section("rewards", "Who earned what", tag("p", told, class_="soft"), table)


def money(summary: Summary) -> Markup:
    """Show where the money went, and whether none is missing."""
    out = summary.paid_out + summary.claimable
    rows = [
        ["paid in by the consumer", amount(summary.paid_in)],
        ["withdrawn", amount(summary.paid_out)],
        ["waiting for withdrawal", amount(summary.claimable)],
    ]
    told = (
        f"The consumer paid the price, {amount(summary.price)}, and a cap on the fee into escrow; "
        f"the fee took {amount(summary.fee)}. Each unit must be with somebody or wait for them."
    )
    total = ["withdrawn and waiting", amount(out)]
    table = table_of("", ["", "amount"], rows, total, numbers={1})
    if summary.balanced:
        verdict = tag(
            "p", "✓ What came in is what went out or can be claimed.", class_="verdict good"
        )
    else:
        gap = amount(abs(summary.paid_in - out))
        which = "missing" if summary.paid_in > out else "too much"
        verdict = tag("p", f"✗ The sums differ: {gap} {which}.", class_="verdict bad")
    return section("money", "Where the money is", tag("p", told, class_="soft"), table, verdict)


def verified(summary: Summary) -> Markup:
    """Show what verification found."""
    if summary.problems:
        found = counted(len(summary.problems), "problem")
        verdict = tag("p", f"✗ Verification found {found}.", class_="verdict bad")
        rest = tag("ul", *(tag("li", problem) for problem in summary.problems))
    else:
        verdict = tag("p", "✓ The report agrees with the chain.", class_="verdict good")
        rest = Markup()
    told = (
        "The provider published a report: method, seed, inputs by digest, what every coalition "
        "of assets reached, values and rewards. Anybody can recompute the values from it and "
        "compare it with the round and the settlement on the chain; the consumer did."
    )
    round_ = tag("p", "Round ", tag("span", summary.round, class_="id"), class_="soft")
    return section("verified", "Does the report hold?", tag("p", told), verdict, rest, round_)


def gas(summary: Summary) -> Markup:
    """Show what each operation cost beside the paper's figure."""
    rows = []
    for operation, used in summary.gas.items():
        paper = GAS.get(operation, 0)
        ratio = f"{'▲' if used > paper else '▼'} {used / paper:.0%}" if paper else NONE
        rows.append([human(operation), f"{used:,}", f"{paper:,}" if paper else NONE, ratio])
    told = (
        f"Gas from the receipts of {counted(summary.transactions, 'transaction')}, the median of "
        "each kind, beside the paper's figure where it has one: ▼ is less than the paper's, ▲ more."
    )
    table = table_of("", ["operation", "gas", "paper", "of the paper's"], rows, numbers={1, 2, 3})
    return section("gas", "What it cost on chain", tag("p", told, class_="soft"), table)


def seconds(summary: Summary) -> Markup:
    """Show how long each step took."""
    rows = [
        [STEPS.get(step, human(step)), f"{spent:,.1f} s"] for step, spent in summary.seconds.items()
    ]
    total = ["together", f"{sum(summary.seconds.values()):,.1f} s"]
    told = tag("p", "Seconds as measured in this run, step by step.", class_="soft")
    table = table_of("", ["step", "time"], rows, total, numbers={1})
    return section("seconds", "How long it took", told, table)
