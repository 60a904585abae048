"""One line to the chain for several threads."""

from __future__ import annotations

import time
from functools import wraps
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.ports import Chain

WRITES = ("describe", "refuse", "settle", "pay", "refund", "withdraw")
"""What a provider sends, and how long that takes is measured."""


def one_at_a_time(chain: Chain, took: Callable[[str, float], None]) -> Chain:
    """Return a chain whose calls wait for each other; `took` hears of the seconds of writes.

    Two transactions of one account must not be drawn up beside each other: they would bear the same
    number. Reads wait too, for they are folded from events that all calls share.
    """
    return cast("Chain", _Shared(chain, took))


class _Shared:
    def __init__(self, chain: Chain, took: Callable[[str, float], None]) -> None:
        self._chain = chain
        self._took = took
        self._lock = RLock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the chain has under that name
        found = getattr(self._chain, name)
        if not callable(found):
            return found

        @wraps(found)
        def alone(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # as the wrapped one
            with self._lock:
                begun = time.monotonic()
                answer = found(*arguments, **options)
                if name in WRITES:
                    self._took(name, time.monotonic() - begun)
                return answer

        return alone
