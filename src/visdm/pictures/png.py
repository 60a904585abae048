"""A map as a PNG: a plot per method, side by side, by matplotlib."""

from __future__ import annotations

import io
import warnings
from math import ceil
from typing import TYPE_CHECKING

from visdm.domain.maps import PCA
from visdm.drawing.marks import style_of
from visdm.pictures.scene import TITLES, light, member_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from visdm.domain.maps import Centre, Place, Point
    from visdm.pictures.scene import Scene

DOTS = 150
"""Per inch."""

MOST_ENTRIES = 16
"""Of a legend; what more there are share the last."""

COLUMNS = 4
LAYERS = 12

MARKERS = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "D",
    "down": "v",
    "plus": "P",
    "cross": "X",
    "hexagon": "h",
}
SIZES = {"square": 0.8, "diamond": 0.7, "plus": 1.1, "cross": 1.0}
"""Area of a marker beside a circle's that looks equally large."""


def png(scene: Scene) -> bytes:
    """Return the picture; the same scene gives the same bytes in the same version of matplotlib.

    A row per group that points are coloured by, a column per method.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra that not everybody installs

    groups = [group for group in scene.groups if len(scene.entries(group)) > 1]
    groups = groups or list(scene.groups[:1])
    methods, ink = scene.map.methods or (PCA,), light()
    size = (5.2 * len(methods) + 0.4, 0.7 + sum(5.0 + 0.24 * _lines(scene, g) for g in groups))
    figure = Figure(figsize=size, dpi=DOTS, facecolor=ink["card"], layout="constrained")
    plain(figure.suptitle(scene.title, color=ink["ink"], fontsize=15, fontweight="bold"))
    rows = figure.subfigures(len(groups), 1, squeeze=False)[:, 0]
    for row, group in zip(rows, groups, strict=True):
        row.set_facecolor(ink["card"])
        for axes, method in zip(
            row.subplots(1, len(methods), squeeze=False)[0], methods, strict=True
        ):
            _plot(axes, scene, method, group)
        _legend(row, scene, group)
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font lacks: they become boxes
        figure.savefig(target, format="png")
    return target.getvalue()


def plain(text: Text) -> None:
    """Have a text drawn as it is: strangers' dollars are no formulas."""
    text.set_parse_math(False)


def _lines(scene: Scene, group: str) -> int:
    return ceil(min(len(scene.entries(group)), MOST_ENTRIES) / COLUMNS) + 1


def _plot(axes: Axes, scene: Scene, method: str, group: str) -> None:
    ink, known = light(), scene.places_in(group)
    points = [one for one in scene.mixed() if method in one.places]
    for layer in range(LAYERS):  # so that no group lies on top of all others
        of_group: dict[int, list[Place]] = {}
        for one in points[layer::LAYERS]:
            of_group.setdefault(_entry(one, known, group), []).append(one.places[method])
        for place, spots in sorted(of_group.items()):
            _scatter(axes, spots, _style(place, len(known)), _area(len(points)))
    if method == PCA:
        for centre in scene.map.centres:
            _centre(axes, centre, _entry(centre, known, group), len(known))
    across, up = scene.axes(method)
    axes.set_title(TITLES[method], color=ink["ink"], fontsize=12)
    axes.set_xlabel(across, color=ink["soft"], fontsize=9)
    axes.set_ylabel(up, color=ink["soft"], fontsize=9)
    axes.set_aspect("equal", adjustable="datalim")
    axes.tick_params(colors=ink["soft"], labelsize=8, length=0)
    axes.set_facecolor(ink["card"])
    for spine in axes.spines.values():
        spine.set_color(ink["rule"])
    if across:
        axes.grid(visible=True, color=ink["track"], linewidth=0.8)
        axes.set_axisbelow(True)
    else:  # places of t-SNE are near or far and nothing else
        axes.set_xticks([])
        axes.set_yticks([])


def _entry(one: Point | Centre, known: dict[int | str, int], group: str) -> int:
    return min(known[member_of(one, group)], MOST_ENTRIES - 1)


def _style(place: int, entries: int) -> tuple[str, str, float]:
    """Return colour, marker and size; many members share the last, which is no one's."""
    colour, shape = style_of(place)
    if place == MOST_ENTRIES - 1 and entries > MOST_ENTRIES:
        return light()["soft"], ".", 1.0
    return light()[colour], MARKERS[shape], SIZES.get(shape, 1.0)


def _scatter(
    axes: Axes, spots: Sequence[Place], style: tuple[str, str, float], area: float
) -> None:
    colour, marker, size = style
    across, up = zip(*spots, strict=True)
    axes.scatter(
        across, up, s=area * size, c=colour, marker=marker, alpha=0.6, linewidths=0, zorder=3
    )


def _area(count: int) -> float:
    """Return the area of a mark, in square points: the more there are, the smaller."""
    return min(max(30_000 / max(count, 1), 4), 40)


def _centre(axes: Axes, one: Centre, place: int, entries: int) -> None:
    colour, marker, size = _style(place, entries)
    axes.scatter(
        [one.place[0]],
        [one.place[1]],
        s=150 * size,
        marker=marker,
        facecolors=light()["card"],
        edgecolors=colour,
        linewidths=2,
        zorder=4,
    )


def _legend(row: Figure, scene: Scene, group: str) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - an extra that not everybody installs

    names = _names(scene.entries(group))
    handles = []
    for place in range(len(names)):
        colour, marker, _ = _style(place, len(scene.entries(group)))
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle="", markersize=7))
    if PCA in scene.map.methods and scene.map.centres:
        names.append("hollow: the middle of a class whose images are not shown")
        handles.append(
            Line2D([], [], color=light()["ink"], marker="o", markerfacecolor="none", linestyle="")
        )
    legend = row.legend(
        handles,
        [str(place) for place in range(len(names))],  # names that begin with _ would be left out
        loc="outside lower center",
        ncols=min(len(names), COLUMNS),
        frameon=False,
        fontsize=10,
        labelcolor=light()["ink"],
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        plain(text)
        text.set_text(name)


def _names(entries: Sequence[str]) -> list[str]:
    if len(entries) <= MOST_ENTRIES:
        return list(entries)
    return [*entries[: MOST_ENTRIES - 1], f"{len(entries) - MOST_ENTRIES + 1} others"]
