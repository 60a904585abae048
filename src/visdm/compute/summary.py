"""The summary of a data asset, from its per-image table (DESIGN section 7).

`Summing` takes the table in pieces and keeps of an image only its quality measures, its
projection and its class: some sixty bytes. Sums are made of whole numbers or of sorted ones,
and figures are rounded, so that the same images give the same summary in whatever pieces and
order they come. A summary holds

- `name`, `samples`, `classes`, `class_counts`, `modes`, `bytes`, `width` and `height`: counts,
  the sum of file sizes, and the least and the most;
- `quality`: of each measure the mean, the standard deviation and eleven deciles, which begin
  with the least and end with the most;
- `histograms`: of each histogram the mean share of every value, in parts per million; an
  image weighs the same whatever its size;
- `projection`: mean and standard deviation of each coefficient, and `by_class` the same with
  the means of the quality measures, for classes of at least `MIN_GROUP` images;
- `pca`: the principal components of quality and projection (`visdm.compute.components`);
- `duplicates`: images whose pixels an earlier row already holds.

What is summed up for an owner who discloses aggregates alone says nothing of fewer than
`MIN_GROUP` different images: no least and no most (but for what many images share), no
deciles, no class that is smaller nor one that others leave over when they are subtracted,
and of an asset that is smaller itself its counts alone. Images count as different when their
projections are, so that repeating one does not make a group of it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from visdm.compute.components import principal
from visdm.compute.images import HISTOGRAMS, QUALITY
from visdm.domain.packages import Disclosure
from visdm.domain.summaries import GREYS, MIN_GROUP, PROJECTED, TENTHS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

SHADES = dict(zip(HISTOGRAMS, ("grey", "red", "green", "blue"), strict=True))

DIGITS = 3
_BILLION = 10**9
"""Shares are summed in parts of this, as whole numbers: sums of floats depend on their order."""


class Summing:
    """Takes in the rows of a per-image table, piece by piece.

    `classes` are all that there may be, in the asset's order. Memory grows by some sixty bytes
    an image.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = {name: number for number, name in enumerate(classes)}
        self._kept: dict[str, list[NDArray[Any]]] = {name: [] for name in (*QUALITY, "class")}
        self._projections: list[NDArray[np.int16]] = []
        self._shares = {name: np.zeros(GREYS, np.int64) for name in HISTOGRAMS}
        self._sides: dict[str, Counter[int]] = {"width": Counter(), "height": Counter()}
        self._modes: Counter[str] = Counter()
        self._bytes = 0
        self.samples = 0

    def add(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Take in rows with the columns of `visdm.compute.images.SCHEMA`."""
        self.samples += int(rows.num_rows)
        for name in QUALITY:
            self._kept[name].append(_floats(rows, name).astype(np.float32))
        labels = [self._classes[name] for name in rows.column("class").to_pylist()]
        self._kept["class"].append(np.asarray(labels, np.int32))
        self._projections.append(_lists(rows, "projection", PROJECTED).astype(np.int16))
        pixels = _floats(rows, "width") * _floats(rows, "height")
        for name in HISTOGRAMS:
            shares = _lists(rows, name, GREYS) * (_BILLION / pixels[:, None])
            self._shares[name] += np.rint(shares).astype(np.int64).sum(axis=0)
        for side, seen in self._sides.items():
            seen.update(rows.column(side).to_pylist())
        self._modes.update(rows.column("mode").to_pylist())
        self._bytes += int(_floats(rows, "bytes").sum())

    def summary(
        self, *, name: str, duplicates: int, disclosure: Disclosure = Disclosure.FULL
    ) -> dict[str, Any]:
        """Return the summary of what was taken in, as plain JSON.

        `duplicates` counts the images whose pixels an earlier row holds.
        """
        labels = self._all("class")
        counts = np.bincount(labels, minlength=len(self._classes)).tolist()
        counted = {
            "name": name,
            "samples": self.samples,
            "classes": list(self._classes),
            "class_counts": dict(zip(self._classes, counts, strict=True)),
            "duplicates": duplicates,
        }
        aggregate = disclosure is Disclosure.AGGREGATE
        projections = np.concatenate([np.empty((0, PROJECTED), np.int16), *self._projections])
        if not self.samples or (aggregate and _different(projections) < MIN_GROUP):
            return counted
        quality = {name: self._all(name).astype(np.float64) for name in QUALITY}
        groups = self._groups(labels, projections, aggregate=aggregate)
        return {
            **counted,
            **{side: _range(seen, aggregate=aggregate) for side, seen in self._sides.items()},
            "modes": _modes(self._modes, aggregate=aggregate),
            "bytes": self._bytes,
            "quality": {n: _measure(v, aggregate=aggregate) for n, v in quality.items()},
            "histograms": {
                SHADES[name]: np.rint(total / self.samples * 1e-3).astype(int).tolist()
                for name, total in self._shares.items()
            },
            "projection": _projection(projections),
            "by_class": {
                label: {
                    "samples": len(rows),
                    "projection": _projection(projections[rows]),
                    "quality": {n: _mean(values[rows]) for n, values in quality.items()},
                }
                for label, rows in groups.items()
            },
            "pca": principal(quality, projections),
        }

    def _all(self, name: str) -> NDArray[Any]:
        found = self._kept[name]
        return np.concatenate(found) if found else np.empty(0, np.int32)

    def _groups(
        self, labels: NDArray[Any], projections: NDArray[np.int16], *, aggregate: bool
    ) -> dict[str, NDArray[np.intp]]:
        """Return the rows of each class that is large enough to be told of."""
        order = np.argsort(labels, kind="stable")
        ends = np.searchsorted(labels[order], np.arange(len(self._classes) + 1))
        rows = {name: order[ends[place] : ends[place + 1]] for name, place in self._classes.items()}
        if not aggregate:
            return {name: found for name, found in rows.items() if len(found) >= MIN_GROUP}
        told = {
            name: found
            for name, found in rows.items()
            if len(found) >= MIN_GROUP and _different(projections[found]) >= MIN_GROUP
        }
        return _without_remainder(told, rows, projections)


def _without_remainder(
    told: Mapping[str, NDArray[np.intp]],
    rows: Mapping[str, NDArray[np.intp]],
    projections: NDArray[np.int16],
) -> dict[str, NDArray[np.intp]]:
    """Leave out the smallest classes too until what is left over is a group itself.

    Whoever takes the classes told from the whole asset is left with the others.
    """
    kept = sorted(told, key=lambda name: len(told[name]))
    left = [found for name, found in rows.items() if name not in told and len(found)]
    while left and kept and _different(projections[np.concatenate(left)]) < MIN_GROUP:
        left.append(told[kept.pop(0)])
    return {name: found for name, found in told.items() if name in kept}


def _different(projections: NDArray[np.int16]) -> int:
    return len(np.unique(projections, axis=0))


def _range(seen: Counter[int], *, aggregate: bool) -> list[int]:
    """Return the least and the most; as powers of two about them where few images have them."""
    least, most = min(seen), max(seen)
    if aggregate and seen[least] < MIN_GROUP:
        least = 1 << (least.bit_length() - 1)
    if aggregate and seen[most] < MIN_GROUP:
        most = 1 << (most - 1).bit_length()
    return [least, most]


def _modes(seen: Counter[str], *, aggregate: bool) -> dict[str, int]:
    least = MIN_GROUP if aggregate else 1
    return {mode: number for mode, number in sorted(seen.items()) if number >= least}


def _measure(values: Floats, *, aggregate: bool) -> dict[str, Any]:
    ordered = np.sort(values)
    found: dict[str, Any] = {"mean": _mean(ordered), "std": round(float(ordered.std()), DIGITS)}
    if not aggregate:
        tenths = np.quantile(ordered, np.linspace(0, 1, TENTHS))
        found["deciles"] = [round(float(value), DIGITS) for value in tenths]
    return found


def _mean(values: Floats) -> float:
    return round(float(np.sort(values).mean()), DIGITS)


def _projection(coefficients: NDArray[np.int16]) -> dict[str, list[float]]:
    """Return mean and standard deviation of each coefficient, from exact sums."""
    number = len(coefficients)
    whole = coefficients.astype(np.int64)
    mean = whole.sum(axis=0) / number
    variance = (whole**2).sum(axis=0) / number - mean**2
    return {
        "mean": np.round(mean, DIGITS).tolist(),
        "std": np.round(np.sqrt(np.maximum(variance, 0)), DIGITS).tolist(),
    }


def _floats(rows: pa.Table | pa.RecordBatch, name: str) -> Floats:
    return np.asarray(rows.column(name).to_numpy(zero_copy_only=False), np.float64)


def _lists(rows: pa.Table | pa.RecordBatch, name: str, length: int) -> Floats:
    column = rows.column(name)
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    flat = [np.asarray(chunk.flatten(), np.float64) for chunk in chunks]
    return np.concatenate([np.empty(0), *flat]).reshape(-1, length)
