"""How a model asset trains: what owners may allow or refuse (DESIGN section 8).

A regime stands in `visdm.toml`, on the chain and in the model's metadata. Privacy is counted in
whole thousandths of epsilon wherever it is compared, so that every language agrees.
"""

from __future__ import annotations

from enum import IntEnum

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
