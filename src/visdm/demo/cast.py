"""Who answers the round how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Answer:
    """How a supplier answers the round: "ballot", "delegate" or "reserve", and from what."""

    how: str
    least: int


def answers(suppliers: Sequence[str], ladder: Sequence[int]) -> dict[str, Answer]:
    """Cast the parts: one owner by delegate, one by reserve, the others by signed ballot.

    With two suppliers there is no delegate: the only other owner would be it.
    """
    low, middle = ladder[0], ladder[min(1, len(ladder) - 1)]
    parts = {
        name: Answer("ballot", low if place % 2 == 0 else middle)
        for place, name in enumerate(suppliers)
    }
    parts[suppliers[-2]] = Answer("reserve", (low + middle + 1) // 2)
    if len(suppliers) > 2:  # noqa: PLR2004  # see above
        parts[suppliers[-3]] = Answer("delegate", middle)
    return parts
