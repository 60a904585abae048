"""The node that tests speak to: a real daemon at `VISDM_KUBO`, or the one on loopback."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kubo.loopback import running
from kubo.node import Node
from visdm.adapters.blocks import Kubo
from visdm.adapters.blocks.http import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator

REAL = os.environ.get("VISDM_KUBO", "")
"""The RPC API of a real daemon, whose network is not used."""

WITHOUT_A_DAEMON = pytest.mark.skipif(bool(REAL), reason="a real daemon is not to be spoiled")


@contextmanager
def daemon() -> Iterator[str]:
    """Yield a URL; on a real daemon what the test pinned is dropped afterwards."""
    if not REAL:
        with running(Node()) as node:
            yield node.url
        return
    store = Kubo(REAL, search=0)
    before = set(store.pins())
    yield REAL
    for pin in set(store.pins()) - before:
        store.drop(str(pin))


def quick(**changes: object) -> Patience:
    """Patience for a server on loopback, without pauses."""
    values = {"connect": 2.0, "read": 5.0, "sleep": lambda _: None} | changes
    return Patience(**values)  # type: ignore[arg-type]  # of many types by name
