"""A map as a page that one can look around in: hover, pick, zoom, from one file, offline.

What strangers wrote (classes, names) reaches the page as escaped text, and the script as JSON in
which no character can end the element; the script only ever writes it as text.
"""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from visdm.domain.maps import PCA
from visdm.drawing.document import document
from visdm.drawing.marks import COLOURS, SHAPES, icon, mark, style_of
from visdm.drawing.markup import Markup, tag
from visdm.drawing.parts import counted, section, table_of
from visdm.pictures.scene import ASSET, CLASS, TITLES, member_of

if TYPE_CHECKING:
    from visdm.pictures.scene import Scene

MOST_CELLS = 2_000
"""Of the table below the map."""

RADIUS = 4
HOLLOW = 8

_LABELS = {CLASS: "class", ASSET: "asset"}


def page(scene: Scene, *more: Markup, picture: str = "map.png") -> str:
    """Return the page, with sections `more` below the map; the same scene gives the same text.

    `picture` is the file beside it that shows the map where no script may run.
    """
    script = _ours("map.js")
    lead = tag("p", scene.lead, class_="lead") if scene.lead else Markup()
    header = tag("header", tag("p", "ViSDM map", class_="kind"), tag("h1", scene.title), lead)
    main = tag("main", _map(scene, picture), *more)
    footer = tag("footer", tag("p", "This page loads nothing; its script draws the map."))
    body = (header, main, footer, _data(scene))
    return document(scene.title, *body, rules=_ours("map.css"), script=script)


def _ours(name: str) -> str:
    return files("visdm.pictures").joinpath(name).read_text("utf-8")


def _map(scene: Scene, picture: str) -> Markup:
    shown = counted(len(scene.map.points), "image")
    held = sum(held for _, held in scene.map.drawn.values())
    of_all = f" of {held:,}" if held > len(scene.map.points) else ""
    told = [f"{shown}{of_all}, each placed by its public metadata alone."]
    if PCA in scene.map.methods and scene.map.centres:
        told.append(
            "Hollow marks are the middles of classes of assets that publish no rows; they are on "
            "the map of principal components alone."
        )
    told += [f"Asset {asset} is left out: {why}." for asset, why in scene.map.left_out.items()]
    canvas = tag(
        "canvas",
        "The map needs a browser that draws; its numbers are in the table below.",
        id="map",
        tabindex=0,
        role="application",
        aria_label="Map of images",
        aria_describedby="keys",
    )
    frame = tag("div", canvas, tag("div", id="tip", hidden="hidden"), id="frame")
    said = tag("p", id="said", class_="hidden", aria_live="polite")
    missing = tag(
        "noscript", tag("p", f"Drawing the map needs JavaScript; see {picture} beside it.")
    )
    figure = tag(
        "figure",
        _controls(scene),
        missing,
        frame,
        said,
        *_axes(scene),
        _keys(),
        *(_legend(scene, group) for group in _groups(scene)),
        tag("figcaption", " ".join(told)),
    )
    return section("map", "The map", figure, _table(scene))


def _groups(scene: Scene) -> list[str]:
    """Return what points can be told apart by, at least one."""
    return [g for g in scene.groups if len(scene.entries(g)) > 1] or list(scene.groups[:1])


def _controls(scene: Scene) -> Markup:
    methods = {name: TITLES[name] for name in scene.map.methods or (PCA,)}
    colours = {group: f"by {_LABELS[group]}" for group in _groups(scene)}
    return tag(
        "div",
        _choice("method", "Place", methods),
        _choice("colour", "Colour", colours),
        tag(
            "div",
            tag("button", "+", type="button", id="nearer", aria_label="Nearer", title="Nearer"),
            tag("button", "−", type="button", id="farther", aria_label="Farther", title="Farther"),  # noqa: RUF001 - a minus sign, as wide as the plus
            tag("button", "All", type="button", id="whole", title="Show all"),
            class_="zoom",
        ),
        class_="controls",
    )


def _choice(name: str, title: str, options: dict[str, str]) -> Markup:
    buttons = [
        tag(
            "label",
            tag(
                "input",
                type="radio",
                name=name,
                value=value,
                checked=None if place else "checked",
            ),
            tag("span", text),
        )
        for place, (value, text) in enumerate(options.items())
    ]
    alone = "hidden" if len(options) == 1 else None
    return tag("fieldset", tag("legend", title), *buttons, class_="choice", hidden=alone)


def _axes(scene: Scene) -> list[Markup]:
    lines = []
    for method in scene.map.methods or (PCA,):
        across, up = scene.axes(method)
        text = f"Across: {across}. Up: {up}." if across else "Near is alike; axes mean nothing."
        lines.append(tag("p", text, class_="soft axes", data_method=method))
    return lines


def _keys() -> Markup:
    text = (
        "Drag to move, pinch or scroll with Ctrl to zoom (without Ctrl once the map has the "
        "focus). Keys: arrows move, + and − zoom, 0 shows all, N and P tell of one image after "  # noqa: RUF001 - as on the button
        "another."
    )
    return tag("p", text, id="keys", class_="soft")


def _legend(scene: Scene, group: str) -> Markup:
    counts = Counter(member_of(one, group) for one in scene.map.points)
    members = list(scene.places_in(group))
    entries = []
    for place, (member, name) in enumerate(zip(members, scene.entries(group), strict=True)):
        colour, shape = style_of(place)
        box = tag("input", type="checkbox", checked="checked", data_group=group, data_place=place)
        drawn = icon(f"{group}-{place}", shape, colour, f"an image of {name}")
        entries.append(tag("label", box, drawn, tag("span", f"{name} ({counts[member]:,})")))
    title = f"Show {_LABELS[group]}{'es' if group == CLASS else 's'}"
    both = tag("button", "all or none", type="button", class_="link", data_all=group)
    return tag(
        "fieldset", tag("legend", title, " ", both), *entries, class_="legend", data_legend=group
    )


def _table(scene: Scene) -> Markup:
    classes, assets = scene.map.classes, scene.map.assets
    if len(classes) * len(assets) > MOST_CELLS:
        return Markup()
    counts = Counter((one.label, one.asset) for one in scene.map.points)
    rows = [
        [name, *(f"{counts[label, asset]:,}" for asset in assets)]
        for label, name in zip(classes, scene.entries(CLASS), strict=True)
    ]
    heads = ["class", *scene.entries(ASSET)]
    table = table_of("Images on the map", heads, rows, numbers=range(1, len(heads)))
    return tag("details", tag("summary", "The map as a table"), table)


def _data(scene: Scene) -> Markup:
    """Return what the script draws, as JSON that cannot end its element."""
    text = json.dumps(_facts(scene), separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return tag("script", Markup(text), type="application/json", id="data")


def _facts(scene: Scene) -> dict[str, Any]:
    points, centres = scene.mixed(), scene.map.centres
    places = {group: scene.places_in(group) for group in (CLASS, ASSET)}
    return {
        "colours": COLOURS,
        "marks": [mark(shape, 0, 0, RADIUS) for shape in SHAPES],
        "hollow": [mark(shape, 0, 0, HOLLOW) for shape in SHAPES],
        "styles": [SHAPES.index(style_of(place)[1]) for place in range(COLOURS * len(SHAPES))],
        "names": {group: scene.entries(group) for group in (CLASS, ASSET)},
        "row": [one.row for one in points],
        **{
            group: [known[member_of(one, group)] for one in points]
            for group, known in places.items()
        },
        "places": {
            method: [[round(c, 3) for c in one.places[method]] for one in points]
            for method in scene.map.methods
        },
        "centres": [
            {
                "class": places[CLASS][one.label],
                "asset": places[ASSET][one.asset],
                "samples": one.samples,
                "place": one.place,
            }
            for one in centres
        ],
    }
