"""The summary of a data asset: what readers compute with, checked, since providers are strangers.

Every field may be missing (an asset that discloses little has few); what is there has the
shape and the size that it should. What no reader computes with is passed on unread.
`visdm.compute.summary` makes summaries and says what they mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visdm.domain.documents import count, expect
from visdm.domain.packages import MAX_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MIN_GROUP = 10
"""Images that a figure is made of, at the least, where it stands for a group of them."""

PROJECTED = 16
"""Coefficients of a projection."""

GREYS = 256
TENTHS = 11
"""Deciles with both ends."""

MILLION = 10**6
MAX_COMPONENTS = 8
MAX_FEATURES = 64
MAX_COUNT = 2**32
MAX_BYTES = 2**63
MAX_NUMBER = 1e12
"""Far above any measure of an image, and far below where sums and squares run over."""


def check_summary(summary: Mapping[str, Any]) -> None:
    """Raise `TypeError`, `ValueError` or `KeyError` where a field is not as it should be."""
    for field, check in _CHECKS.items():
        if field in summary:
            check(summary[field])


def number(value: object) -> float:
    """Return `value`, a number that can be reckoned with. Raises `TypeError` or `ValueError`.

    JSON holds whole numbers of any length, which no float can be made of.
    """
    if type(value) is not int and type(value) is not float:
        raise TypeError("expected a number")
    if not -MAX_NUMBER <= value <= MAX_NUMBER:  # which NaN is not either
        raise ValueError("out of range")
    return float(value)


def numbers(value: object, length: int) -> list[float]:
    """Return `value`, a list of `length` numbers. Raises `TypeError` or `ValueError`."""
    found = expect(value, list)
    if len(found) != length:
        raise ValueError(f"expected {length} numbers")
    return [number(each) for each in found]


def _counts(value: object) -> None:
    for each in _named(value).values():
        count(each, MAX_COUNT)


def _range(value: object) -> None:
    least, most = numbers(value, 2)
    count(expect(value, list)[0], MAX_COUNT)
    count(expect(value, list)[1], MAX_COUNT)
    if least > most:
        raise ValueError("ends before it begins")


def _quality(value: object) -> None:
    for measure in _named(value).values():
        number(measure["mean"])
        _spread(measure["std"])
        if "deciles" in measure:
            deciles = numbers(measure["deciles"], TENTHS)
            if deciles != sorted(deciles):
                raise ValueError("deciles that do not ascend")


def _means(value: object) -> None:
    for each in _named(value).values():
        number(each)


def _histograms(value: object) -> None:
    for shares in _named(value).values():
        numbers(shares, GREYS)
        for share in shares:
            count(share, MILLION + 1)


def _projection(value: object) -> None:
    found = expect(value, dict)
    numbers(found["mean"], PROJECTED)
    for each in numbers(found["std"], PROJECTED):
        _spread(each)


def _by_class(value: object) -> None:
    for group in _named(value).values():
        if count(group["samples"], MAX_COUNT) < MIN_GROUP:
            raise ValueError("too small a group")
        _projection(group["projection"])
        _means(group["quality"])


def _pca(value: object) -> None:
    found = expect(value, dict)
    features = [expect(name, str) for name in expect(found["features"], list)]
    width, components = len(features), expect(found["components"], list)
    if width > MAX_FEATURES or len(components) > MAX_COMPONENTS:
        raise ValueError("too large")
    numbers(found["mean"], width)
    if any(each <= 0 for each in numbers(found["scale"], width)):
        raise ValueError("a scale that nothing can be divided by")
    numbers(found["explained"], len(components))
    for component in components:
        numbers(component, width)


def _spread(value: object) -> None:
    if number(value) < 0:
        raise ValueError("below none")


def _named(value: object) -> dict[str, Any]:
    found = expect(value, dict)
    if len(found) > MAX_CLASSES:
        raise ValueError("too many names")
    return found


def _image_count(value: object) -> None:
    count(value, MAX_COUNT)


def _byte_count(value: object) -> None:
    count(value, MAX_BYTES)


_CHECKS: Mapping[str, Callable[[object], None]] = {
    "class_counts": _counts,
    "width": _range,
    "height": _range,
    "modes": _counts,
    "bytes": _byte_count,
    "quality": _quality,
    "histograms": _histograms,
    "projection": _projection,
    "by_class": _by_class,
    "pca": _pca,
    "duplicates": _image_count,
    "near_duplicates": _image_count,
}
