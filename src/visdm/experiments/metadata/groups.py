"""What can be told of single images from an asset that discloses groups alone.

Summaries are made by the program that providers use, rounding and all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.images import HISTOGRAMS, QUALITY
from visdm.compute.summary import SHADES, Summing
from visdm.domain.packages import Disclosure
from visdm.domain.summaries import MILLION, MIN_GROUP
from visdm.errors import InputError
from visdm.experiments.metadata import attacks
from visdm.experiments.metadata.likeness import Likeness, likeness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from visdm.experiments.metadata.columns import Columns

    Floats = NDArray[np.float64]
    Summary = dict[str, Any]

SIZES = (MIN_GROUP, 100, 500)
"""Images of the assets that are told apart."""

TRIALS = 20


@dataclass(frozen=True)
class Difference:
    """One image more: what two summaries tell of it, `images` and one more in each.

    `projection` is the share of coefficients that are found exactly, `levels` the share of its
    pixels whose level the found histograms tell. `rebuilt` is the picture made of both.
    """

    images: int
    projection: float
    levels: float
    rebuilt: Likeness


def of_groups(known: Columns, victims: Columns) -> list[Likeness]:
    """Rebuild each image of a class of exactly `MIN_GROUP` images from the class's figures.

    Beside it the class's mean picture among the images known, which takes no metadata; everybody's
    where none of the class is known. Raises `InputError` where no class has so many.
    """
    require_group(victims.labels)
    guesses, plain, members = [], [], []
    for group in _of_one_class(victims):
        picture = _rebuilt(known, group, summary(group))
        guesses.append(np.repeat(picture, len(group), axis=0))
        same = np.asarray(known.labels) == group.labels[0]
        mean = known.pictures[same if same.any() else slice(None)].mean(axis=0)
        plain.append(np.repeat(mean[None], len(group), axis=0))
        members.append(group.pictures)
    there = np.concatenate(members)
    return [
        likeness("mean image of the class", np.concatenate(plain), there),
        likeness(f"figures of a class of {MIN_GROUP}", np.concatenate(guesses), there),
    ]


def require_group(labels: Iterable[str]) -> None:
    """Raise `InputError` unless some class has `MIN_GROUP` images."""
    if max(Counter(labels).values(), default=0) < MIN_GROUP:
        raise InputError(f"no class has {MIN_GROUP} images to attack", hint="attack more images")


def differences(known: Columns, victims: Columns) -> list[Difference]:
    """Register the same images twice, with one more: rebuild that one from the difference."""
    return [_difference(known, victims, size) for size in SIZES if size < len(victims)]


def summary(rows: Columns) -> Summary:
    """Return what an asset of these images publishes where its owner discloses aggregates."""
    summing = Summing(sorted(set(rows.labels)))
    summing.add(_table(rows))
    return summing.summary(name="", duplicates=0, disclosure=Disclosure.AGGREGATE)


def levels_of(found: Summary) -> Floats:
    """Return the four mean histograms of a summary, as shares: (4, 256)."""
    return np.array([found["histograms"][SHADES[name]] for name in HISTOGRAMS]) / MILLION


def added(less: Summary, more: Summary) -> Floats:
    """Return the projection of the image that one summary holds more than the other.

    Its class's sums tell it where both summaries tell of that class: they are of fewer images,
    and rounded as finely.
    """
    before, after = (found["class_counts"] for found in (less, more))
    grown = next(name for name, number in after.items() if number > before.get(name, 0))
    told = [found.get("by_class", {}).get(grown, found) for found in (less, more)]
    if (told[0] is less) is not (told[1] is more):
        told = [less, more]
    sums = [found["samples"] * np.array(found["projection"]["mean"]) for found in told]
    return np.asarray(np.rint(sums[1] - sums[0]))


def _of_one_class(victims: Columns) -> Iterator[Columns]:
    labels = np.asarray(victims.labels)
    for label in sorted(set(victims.labels)):
        places = np.flatnonzero(labels == label)
        for start in range(0, len(places) - MIN_GROUP + 1, MIN_GROUP):
            yield victims.rows(places[start : start + MIN_GROUP])


def _rebuilt(known: Columns, like: Columns, found: Summary) -> NDArray[Any]:
    """Return the one picture that the figures of a group suggest."""
    projection = np.array(found["projection"]["mean"])[None]
    stand_in = replace(like.rows(slice(1)), projection=projection, levels=levels_of(found)[None])
    return attacks.ridge(known, stand_in, only="projection")


def _difference(known: Columns, victims: Columns, size: int) -> Difference:
    order = np.arange(len(victims))
    chosen, projections, levels = [], [], []
    for trial in range(min(TRIALS, len(victims) - size)):
        places = np.roll(order, -trial)[: size + 1]
        less, more = summary(victims.rows(places[:-1])), summary(victims.rows(places))
        projections.append(added(less, more))
        levels.append((size + 1) * levels_of(more) - size * levels_of(less))
        chosen.append(places[-1])
    there = victims.rows(np.array(chosen))
    counts = np.stack([_counts(shares, there.levels[0, 0].sum()) for shares in levels])
    stand_in = replace(there, projection=np.stack(projections), levels=counts)
    pictures = attacks.levelled(attacks.ridge(known, stand_in, only="projection"), stand_in)
    right = np.minimum(counts, there.levels).sum() / there.levels.sum()
    return Difference(
        images=size,
        projection=float((stand_in.projection == there.projection).mean()),
        levels=float(right),
        rebuilt=likeness(f"difference of {size} and {size + 1} images", pictures, there.pictures),
    )


def _counts(shares: Floats, pixels: float) -> Floats:
    """Return shares as whole counts that sum to the pixels, by largest remainders."""
    wanted = np.maximum(shares, 0)
    wanted *= pixels / wanted.sum(axis=1, keepdims=True)
    counts = np.floor(wanted)
    for row, exact in zip(counts, wanted, strict=True):
        missing = round(pixels - row.sum())
        row[np.argsort(row - exact, kind="stable")[:missing]] += 1
    return counts


def _table(rows: Columns) -> pa.Table:
    side = rows.pictures.shape[1]
    compression = rows.quality[:, QUALITY.index("compression")]
    return pa.table(
        {
            "width": [side] * len(rows),
            "height": [side] * len(rows),
            "mode": ["RGB"] * len(rows),
            "bytes": np.rint(compression * side * side / 8).astype(np.int64),
            "class": list(rows.labels),
            **{name: rows.quality[:, place] for place, name in enumerate(QUALITY)},
            **{
                name: list(rows.levels[:, place].astype(np.int32))
                for place, name in enumerate(HISTOGRAMS)
            },
            "projection": list(rows.projection.astype(np.int16)),
        }
    )
