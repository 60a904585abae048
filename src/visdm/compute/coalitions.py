"""Which coalitions of assets a valuation method trains on, and what each was worth."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from visdm.domain.values import MAX_EXACT, coalitions
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from visdm.domain.values import Coalition

METHODS = ("shapley", "equal")


def schedule(method: str, assets: Sequence[int]) -> list[Coalition]:
    """Return the coalitions to train on, the grand one last.

    `shapley` needs all of them (exact), `equal` the grand one alone.
    Raises `JobError` where the method is unknown or the dataset too large for it.
    """
    if not assets or len(set(assets)) != len(assets):
        raise JobError("a job needs assets, each named once")
    if method not in METHODS:
        raise JobError(f"the valuation method is unknown; there are {', '.join(METHODS)}")
    if method == "equal":
        return [tuple(sorted(assets))]
    if len(assets) > MAX_EXACT:
        raise JobError(f"exact Shapley values need at most {MAX_EXACT} assets, not {len(assets)}")
    return list(coalitions(assets))


def baseline(labels: Iterable[int]) -> int:
    """Return how often the most frequent label comes: what an answer without data gets right."""
    return max(Counter(labels).values())


def listed(utilities: Mapping[Coalition, int]) -> list[list[Any]]:
    """Return utilities as JSON: `[[assets, right answers], ...]`, small coalitions first."""
    ordered = sorted(utilities, key=lambda coalition: (len(coalition), coalition))
    return [[list(coalition), utilities[coalition]] for coalition in ordered]
