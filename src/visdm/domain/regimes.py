"""How a model asset trains: what owners may allow or refuse (DESIGN section 8).

A regime stands in `visdm.toml`, on the chain and in the model's metadata. Privacy is counted in
whole thousandths of epsilon wherever it is compared, so that every language agrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping

MILLI = 1_000
"""Thousandths in one epsilon."""

MAX_EPSILON = 1_000 * MILLI
"""The most that may be claimed: beyond it nothing is private."""


class Regime(IntEnum):
    """Who trains; numbers as in `Catalog.sol`."""

    LOOP = 0
    """The platform's loop, which a script only gives its network to."""

    PRIVATE = 1
    """The platform's loop with differential privacy (DP-SGD)."""

    SCRIPT = 2
    """A loop of the script's own, which may do anything with the images."""

    @property
    def word(self) -> str:
        """Its name in `visdm.toml`, metadata and reports."""
        return self.name.lower()


@dataclass(frozen=True)
class Privacy:
    """How a job trained: its regime's word, and epsilon (thousandths) at delta, 0 for none."""

    regime: str = Regime.LOOP.word
    epsilon: int = 0
    delta: float = 0.0


def stated(profile: Mapping[str, Any]) -> Privacy:
    """Return what a model's checked profile states."""
    epsilon = profile["epsilon"] or {"epsilon": 0, "delta": 0.0}
    return Privacy(profile["regime"], epsilon["epsilon"], epsilon["delta"])


def reached(profile: Mapping[str, Any], epsilon: int) -> Privacy:
    """Return what a training reached that answered `epsilon` (thousandths).

    Only of a private one the answer counts: any other may come from the model's script. Raises
    `JobError` where it is more than the profile states.
    """
    promise = stated(profile)
    if promise.regime != Regime.PRIVATE.word:
        return Privacy(promise.regime)
    if not 0 < epsilon <= promise.epsilon:
        raise JobError("its answer is not of the agreed shape")
    return Privacy(promise.regime, epsilon, promise.delta)
