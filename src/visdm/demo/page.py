"""The demo's page: one self-contained HTML document that tells what happened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from visdm.demo import ledgers
from visdm.demo.drawings import MAX_CLASS_NAMES, bars_picture, map_picture, thin
from visdm.demo.lanes import PHASES, clock, human, lanes_picture, radius
from visdm.demo.ledgers import images, name_of, rented
from visdm.demo.summary import UNIT, brief, money
from visdm.drawing.document import document
from visdm.drawing.marks import icon, style_of
from visdm.drawing.markup import Markup, tag
from visdm.drawing.parts import counted, section, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visdm.demo.summary import AssetLine, Summary


def page(summary: Summary) -> str:
    """Return the page; the same summary gives the same text."""
    main = tag(
        "main",
        tag("div", _map(summary), _bars(summary), class_="pair"),
        _timeline(summary),
        ledgers.rewards(summary),
        tag("div", ledgers.money(summary), ledgers.verified(summary), class_="pair"),
        tag(
            "div",
            ledgers.gas(summary),
            tag("div", ledgers.seconds(summary), _meaning(summary), class_="stack"),
            class_="pair",
        ),
    )
    title = f"ViSDM demo: {images(summary)} rented for {money(summary.price)}"
    rules = _rules(len(summary.assets))
    return document(title, _header(summary), main, _footer(summary), rules=rules)


def _rules(assets: int) -> str:
    """Return a style rule per asset that dims the others on the map."""
    return "".join(
        f".map:has(#only-{k}:checked) .dots:not(.a{k}) {{ opacity: .05; }}\n" for k in range(assets)
    )


def _header(summary: Summary) -> Markup:
    used = rented(summary)
    suppliers = len({line.supplier for line in used})
    title = (
        f"A consumer rented {images(summary)} from {counted(suppliers, 'supplier')} for "
        f"{brief(summary.price)} and never saw one of them"
    )
    computed = f"The provider computed on them for {brief(summary.fee)}."
    reached = (
        f"The model that the consumer got in return names {summary.accuracy:.1%} of "
        f"{counted(summary.measured_on, 'held-out image')} correctly."
        if summary.measured_on
        else "The model that the consumer got in return was not measured."
    )
    return tag(
        "header",
        tag("p", "ViSDM demo: one whole trade", class_="kind"),
        tag("h1", title),
        tag("p", f"{computed} {reached} {_story(used)}", class_="lead"),
        _tiles(summary),
    )


def _story(used: Sequence[AssetLine]) -> str:
    """Tell what is known of some assets beside what they earned for their size."""
    samples, price = sum(line.samples for line in used), sum(line.reward for line in used)
    told = []
    for line in used:
        if line.note and line.samples and price:
            part = line.reward * samples / (line.samples * price)
            told.append(
                f"{line.supplier} earned {brief(line.reward)}, {part:.0%} of what as many average "
                f"images did: {line.note}."
            )
    return " ".join(told)


def _tiles(summary: Summary) -> Markup:
    right = f"{summary.accuracy:.1%}" if summary.measured_on else "not measured"
    sums = ("✓ it adds up", "good") if summary.balanced else ("✗ it does not", "bad")
    count = len(summary.problems)
    checked = (f"✗ {counted(count, 'problem')}", "bad") if count else ("✓ it holds", "good")
    tiles = [
        ("price of the images", money(summary.price), None),
        ("an image", money(summary.unit_price), None),
        ("fee for computing", money(summary.fee), None),
        ("held-out accuracy", right, None),
        ("money in and out", *sums),
        ("public report", *checked),
    ]
    return tag(
        "dl",
        *(
            tag("div", tag("dt", term), tag("dd", value, class_=class_))
            for term, value, class_ in tiles
        ),
        class_="tiles",
    )


def _map(summary: Summary) -> Markup:
    title = "What the market could see"
    if not summary.points:
        return section("map", title, tag("p", "This trade's metadata has no map.", class_="soft"))
    drawn, total = len(thin(summary.points)), len(summary.points)
    classes = len({p.label for p in summary.points})
    told = [
        "Each mark is an image, placed by its public metadata alone: images with similar metadata",
        "are near each other. Names are classes, as their owners label them.",
    ]
    if drawn < total:
        told.append(f"{drawn:,} of {total:,} images are drawn, spread evenly over each asset's.")
    if classes > MAX_CLASS_NAMES:
        told.append(f"The {MAX_CLASS_NAMES} largest of {classes:,} classes are named.")
    figure = tag(
        "figure",
        map_picture(summary),
        _chooser(summary),
        tag("figcaption", " ".join(told)),
    )
    return section("map", title, figure, _map_table(summary), class_="map")


def _chooser(summary: Summary) -> Markup:
    """Make the legend, in which one asset can be picked."""
    entries = [_choice("only-all", "all", checked="checked")]
    for place, line in enumerate(summary.assets):
        colour, shape = style_of(place)
        mark = icon(f"dot-{place}", shape, colour, f"an image of {line.supplier}")
        entries.append(_choice(f"only-{place}", f"{name_of(summary, line)}", mark))
    return tag("div", *entries, class_="legend", role="radiogroup", aria_label="Show images of")


def _choice(key: str, text: str, *mark: Markup, checked: str | None = None) -> Markup:
    button = tag("input", type="radio", name="only", id=key, checked=checked)
    return tag("label", button, *mark, tag("span", text))


def _map_table(summary: Summary) -> Markup:
    counts = Counter((p.label, p.asset) for p in summary.points)
    rows = [
        [label, *(f"{counts[label, line.asset]:,}" for line in summary.assets)]
        for label in sorted({p.label for p in summary.points})
    ]
    heads = ["class", *(name_of(summary, line) for line in summary.assets)]
    numbers = range(1, len(heads))
    table = table_of("Images by class, as their owners label them", heads, rows, numbers=numbers)
    return tag("details", tag("summary", "The map as a table"), table)


def _bars(summary: Summary) -> Markup:
    count = len(rented(summary))
    picture = bars_picture(summary.assets, 1 / count if count else 0)
    told = (
        "A bar is an asset's value: the share of the model's quality that is owed to it, by "
        "exact Shapley over all coalitions. Its reward is that share of the price. The upright "
        "line marks an equal share."
    )
    figure = tag("figure", picture, tag("figcaption", told))
    return section("bars", "What each supplier's images were worth", figure)


def _timeline(summary: Summary) -> Markup:
    title = "The trade, transaction by transaction"
    if not summary.timeline:
        return section("timeline", title, tag("p", "No transaction was recorded.", class_="soft"))
    scroller = tag(
        "div",
        tag("div", lanes_picture(summary), class_="lanes"),
        class_="scroll",
        tabindex=0,
        role="region",
        aria_label="Timeline, scrolls sideways",
    )
    told = (
        "A mark per transaction, in the order of the chain's blocks; its shape tells the part of "
        "the trade, and it grows with the cube root of its gas. Time spent waiting is a shaded "
        "band, not drawn to scale."
    )
    figure = tag("figure", scroller, _timeline_legend(summary), tag("figcaption", told))
    return section("timeline", title, figure, _timeline_table(summary))


def _timeline_legend(summary: Summary) -> Markup:
    entries = [
        tag("li", icon(f"phase-{k}", shape, "ink", phase), phase)
        for k, (phase, shape) in enumerate(PHASES.items())
    ]
    most = max(m.gas for m in summary.timeline)
    for k, gas in enumerate(g for g in (50_000, 500_000, 2_000_000) if g <= most):
        dot = icon(f"gas-{k}", "circle", "other", f"a mark of {gas:,} gas", radius(gas, most))
        entries.append(tag("li", dot, f"{gas:,} gas"))
    return tag("ul", *entries, class_="legend")


def _timeline_table(summary: Summary) -> Markup:
    began = min(m.time for m in summary.timeline)
    rows = [
        [f"{m.block:,}", clock(m.time - began), m.actor, human(m.operation), f"{m.gas:,}"]
        for m in summary.timeline
    ]
    total = ["together", "", "", "", f"{sum(m.gas for m in summary.timeline):,}"]
    heads = ["block", "chain's clock", "actor", "operation", "gas"]
    table = table_of("All transactions", heads, rows, total, numbers={4})
    return tag("details", tag("summary", "The timeline as a table"), table)


def _meaning(summary: Summary) -> Markup:
    return section(
        "meaning",
        "What this shows, and what it does not",
        tag(
            "p",
            "Every part ran for real: images and models were encrypted before they were uploaded, "
            "the contracts were executed by an Ethereum virtual machine, the owners' answers set "
            f"the price, the training ran in a sandbox ({summary.sandbox}), the values are exact, "
            "the result was encrypted to the consumer, and the money was withdrawn. It does not "
            f"show that anybody would pay: {UNIT} is play money. All roles ran on one machine with "
            "a chain of its own: their accounts and keys were apart, their computers were not, and "
            "times say little of a network. Unless you brought your own images, they are small "
            "handwritten digits, an easy task, and any wrong labels were made wrong on purpose. "
            "And whoever holds a trained model can learn something of what it was trained on: "
            "that is bounded, not zero.",
        ),
    )


def _footer(summary: Summary) -> Markup:
    spent = sum(summary.seconds.values())
    text = f"Made by visdm demo in {spent:,.1f} s. This page loads nothing and runs no script."
    return tag("footer", tag("p", text))
