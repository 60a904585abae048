"""Which public tables count, as programs in the sandbox said: asked once for each table.

What they say of a table follows from its CID and what was registered (`visdm.domain.tables`), so
a million rows are looked through once and not again with every question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.domain.tables import LASTING, Registered, key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from visdm.domain.metadata import Metadata
    from visdm.ports import Verdicts


class Counted:
    """What is known of the tables that these assets publish."""

    def __init__(self, verdicts: Verdicts, published: Iterable[Metadata]) -> None:
        self._verdicts = verdicts
        self._published = {each.asset: each for each in published if each.images}
        self._keys = {
            asset: key(each.images, each.samples, each.classes)
            for asset, each in self._published.items()
        }
        self._known = verdicts.known(set(self._keys.values()))

    def problem(self, asset: int) -> str:
        """Return why a table was not counted before, '' where it was or is not known."""
        return self._known.get(self._keys.get(asset, ""), "")

    def registered(self, asset: int) -> Registered:
        """Return what a program must know of a table."""
        each = self._published[asset]
        return Registered(each.samples, each.classes, accepted=self._keys[asset] in self._known)

    def learn(self, said: Mapping[int, str]) -> None:
        """Keep what was said of tables, by asset: '' or why one does not count."""
        new = {
            self._keys[asset]: problem
            for asset, problem in said.items()
            if self._keys.get(asset, "") not in self._known and problem in {"", *LASTING}
        }
        if new:
            self._verdicts.keep(new)
            self._known = {**self._known, **new}
